//! The smallest classifiers, written as ONNX by hand: what goes in comes out as logits.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use prost::Message;

use super::scratch;

/// A type of elements: its name in the Open Inference Protocol, and its number in ONNX.
#[derive(Debug, Clone, Copy)]
pub struct Type {
    pub name: &'static str,
    number: i32,
}

pub const FP32: Type = Type { name: "FP32", number: 1 };
pub const FP16: Type = Type { name: "FP16", number: 10 };
pub const UINT8: Type = Type { name: "UINT8", number: 2 };
pub const INT64: Type = Type { name: "INT64", number: 7 };

/// Writes a classifier of grey 4 x 4 pictures, `image` of the type `input`. Its output `logits` is the input, flat: of
/// the type FP16 where the input is, else FP32. Its output `class` is the place of the largest, INT64.
pub fn mirror(input: Type) -> PathBuf {
    let output = if input.number == FP16.number { FP16 } else { FP32 };
    let attribute = |name: &str, number: i32| Attribute { name: name.into(), number: number.into(), kind: INTEGER };
    let node = |operation: &str, from: &str, to: &str, attributes: Vec<Attribute>| Node {
        inputs: vec![from.into()],
        outputs: vec![to.into()],
        operation: operation.into(),
        attributes,
    };
    let graph = Graph {
        nodes: vec![
            node("Cast", "image", "numbers", vec![attribute("to", output.number)]),
            node("Flatten", "numbers", "logits", Vec::new()),
            node("ArgMax", "logits", "class", vec![attribute("axis", 1)]),
        ],
        name: "mirror".into(),
        inputs: vec![value("image", input, &[1, 4, 4])],
        outputs: vec![value("logits", output, &[16]), value("class", INT64, &[1])],
    };
    let model = Model { version: 8, graph: Some(graph), operators: vec![Operators { version: 17 }] };
    write(input.name, &model.encode_to_vec())
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

/// A value whose first dimension is the batch.
fn value(name: &str, element: Type, item: &[i64]) -> Value {
    let batch = Dimension { name: Some("N".into()), ..Dimension::default() };
    let sides = item.iter().map(|&side| Dimension { size: Some(side), ..Dimension::default() });
    let shape = Shape { dimensions: std::iter::once(batch).chain(sides).collect() };
    let tensor = TensorType { element: element.number, shape: Some(shape) };
    Value { name: name.into(), kind: Some(ValueType { tensor: Some(tensor) }) }
}

/// The kind of an attribute that is a whole number.
const INTEGER: i32 = 2;

// The part of onnx.proto that this takes.

#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(int64, tag = "1")]
    version: i64,
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    operators: Vec<Operators>,
}

#[derive(Clone, PartialEq, Message)]
struct Operators {
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "1")]
    nodes: Vec<Node>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, repeated, tag = "11")]
    inputs: Vec<Value>,
    #[prost(message, repeated, tag = "12")]
    outputs: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, repeated, tag = "1")]
    inputs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    outputs: Vec<String>,
    #[prost(string, tag = "4")]
    operation: String,
    #[prost(message, repeated, tag = "5")]
    attributes: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int64, tag = "3")]
    number: i64,
    #[prost(int32, tag = "20")]
    kind: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    kind: Option<ValueType>,
}

#[derive(Clone, PartialEq, Message)]
struct ValueType {
    #[prost(message, optional, tag = "1")]
    tensor: Option<TensorType>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorType {
    #[prost(int32, tag = "1")]
    element: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
}

#[derive(Clone, PartialEq, Message)]
struct Shape {
    #[prost(message, repeated, tag = "1")]
    dimensions: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
struct Dimension {
    #[prost(int64, optional, tag = "1")]
    size: Option<i64>,
    #[prost(string, optional, tag = "2")]
    name: Option<String>,
}
