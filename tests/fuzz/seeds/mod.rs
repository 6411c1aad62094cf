//! The inputs that the corpora start from, one or more of each kind that a target reads.

mod arrays;
mod documents;
mod messages;
mod models;
mod pictures;
mod texts;

/// An input, and the name of its file.
pub type Seed = (&'static str, Vec<u8>);

/// The seeds of a target.
pub fn of(target: &str) -> Vec<Seed> {
    match target {
        "bytes" => messages::contents(),
        "config" => texts::configurations(),
        "encoded" => pictures::encoded(),
        "image" => pictures::all(),
        "npz" => arrays::archives(),
        "onnx" => models::graphs(),
        "profile" => texts::profiles(),
        "rest" => documents::bodies(),
        "wire" => messages::bodies(),
        _ => Vec::new(),
    }
}
