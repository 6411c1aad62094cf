//! The smallest classifiers: what goes in comes out as logits.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use portcullis::onnx::{Attribute, Graph};
use portcullis::tensor::Datatype;

use super::scratch;

/// Writes a classifier of grey 4 x 4 pictures, `image` of the type `input`. Its output `logits` is the input, flat: of
/// the type FP16 where the input is, else FP32. Its output `class` is the place of the largest, INT64.
pub fn mirror(input: Datatype) -> PathBuf {
    let output = if input == Datatype::Fp16 { Datatype::Fp16 } else { Datatype::Fp32 };
    let mut graph = Graph::new("mirror");
    let image = graph.input("image", input, &[None, Some(1), Some(4), Some(4)]);
    let numbers = graph.cast(image, output);
    let logits = graph.flatten(numbers);
    let class = graph.node("ArgMax", &[logits], [("axis", Attribute::Int(1))]);
    graph.output(logits, "logits", output, &[None, Some(16)]);
    graph.output(class, "class", Datatype::Int64, &[None, Some(1)]);
    write(input.name(), &graph.encode(&[]).expect("a sound graph"))
}

/// Writes a classifier as [`mirror`] does, which looks its first pixel up in a table that knows none but dark ones.
pub fn fragile() -> PathBuf {
    let mut graph = Graph::new("fragile");
    let image = graph.input("image", Datatype::Fp32, &[None, Some(1), Some(4), Some(4)]);
    let pixels = graph.flatten(image);
    let zero = graph.constant("zero", &[1], vec![0_i64]);
    let corner = graph.node("Gather", &[pixels, zero], [("axis", Attribute::Int(1))]);
    let level = graph.cast(corner, Datatype::Int64);
    let table = graph.constant("table", &[1], vec![0.0_f32]);
    let found = graph.node("Gather", &[table, level], []);
    let logits = graph.node("Add", &[pixels, found], []);
    graph.output(logits, "logits", Datatype::Fp32, &[None, Some(16)]);
    write("fragile", &graph.encode(&[]).expect("a sound graph"))
}

/// Writes a classifier of pictures of two channels, `scan` of the type `input`, 8 x 8: which channel is the brighter one,
/// its means being in units of `unit`.
pub fn scanner(input: Datatype, unit: f32) -> PathBuf {
    let mut graph = Graph::new("scanner");
    let scan = graph.input("scan", input, &[None, Some(2), Some(8), Some(8)]);
    let numbers = graph.cast(scan, Datatype::Fp32);
    let means = graph.global_average_pool(numbers);
    let means = graph.flatten(means);
    let scale = graph.constant("scale", &[1], vec![1.0 / unit]);
    let logits = graph.mul(means, scale);
    graph.output(logits, "logits", Datatype::Fp32, &[None, Some(2)]);
    write(&format!("scanner-{input}"), &graph.encode(&[]).expect("a sound graph"))
}

/// Writes the file whole, whoever else writes it at the same time.
fn write(name: &str, bytes: &[u8]) -> PathBuf {
    static WRITTEN: AtomicUsize = AtomicUsize::new(0);
    let folder = scratch().join("models");
    std::fs::create_dir_all(&folder).expect("writable");
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let (path, new) = (folder.join(format!("{name}.onnx")), folder.join(format!("{name}.{number}.new")));
    std::fs::write(&new, bytes).expect("writable");
    std::fs::rename(new, &path).expect("writable");
    path
}
