//! What is fuzzed: functions of any bytes that must neither panic nor take much memory, and keep the promises that they
//! check themselves. libFuzzer runs them (`fuzz_targets`), and `tests/fuzz.rs` without it.

mod bytes;
mod config;
mod encoded;
mod image;
mod memory;
mod npz;
mod onnx;
mod profile;
mod rest;
mod wire;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// A function of any bytes; whether it could make anything of them.
pub type Target = fn(&[u8]) -> bool;

/// The targets by the names of their corpora.
pub const TARGETS: [(&str, Target); 9] = [
    ("bytes", bytes::fuzz),
    ("config", config::fuzz),
    ("encoded", encoded::fuzz),
    ("image", image::fuzz),
    ("npz", npz::fuzz),
    ("onnx", onnx::fuzz),
    ("profile", profile::fuzz),
    ("rest", rest::fuzz),
    ("wire", wire::fuzz),
];

/// No input, a few KiB long, is worth more memory than this.
const MOST_MEMORY: usize = 256 << 20;

/// Runs a target on an input, and says whether it was accepted.
///
/// # Panics
/// When the target does, or takes too much memory.
pub fn run(name: &str, input: &[u8]) -> bool {
    let (_, target) = TARGETS.iter().find(|(target, _)| *target == name).expect("there is a target of this name");
    let (accepted, peak) = memory::peak(|| target(input));
    assert!(peak <= MOST_MEMORY, "{} bytes of input took {} MiB of memory", input.len(), peak >> 20);
    accepted
}
