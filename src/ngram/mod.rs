//! Students of text: a softmax over which short rows of characters occur in a message. They are fitted in seconds on a
//! CPU, and are ONNX files that take messages as strings.
//!
//! A word that is misspelt still has most of its rows of characters, so that a student is not fooled by what makes a
//! word unknown to a classifier of words.

mod export;
mod features;
mod fit;
mod mixed;

pub use export::TextContract;
pub use features::Ngrams;
pub use fit::{Example, FitError, Plan, Student, fit};
pub use mixed::mixed;
