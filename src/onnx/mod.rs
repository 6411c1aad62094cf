//! The ONNX graph as data: built value by value or read from a file, differentiated, and written as a file that every
//! ONNX runtime loads.

mod gradient;
mod graph;
mod operators;
mod read;
mod trace;
mod upgrade;
mod write;

pub use gradient::GradientError;
pub use graph::{Attribute, Graph, Value};
pub use operators::{Convolution, Pooling};
pub use read::ReadError;
pub use trace::Trace;
pub use upgrade::UpgradeError;
pub use write::GraphError;
