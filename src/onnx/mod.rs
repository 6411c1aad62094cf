//! The ONNX graph as data: built value by value, written as a file that every ONNX runtime loads.

mod graph;
mod operators;
mod write;

pub use graph::{Attribute, Graph, Value};
pub use operators::{Convolution, Pooling};
pub use write::GraphError;
