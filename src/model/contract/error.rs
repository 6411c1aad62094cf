//! Why a tensor is not what a model looks at.

use crate::tensor::{Datatype, PictureError};

/// Why a tensor, or an item of it, is not what the model looks at.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ContractError {
    /// The dimensions differ from the stated ones.
    #[error("input '{name}' has shape {actual:?}, expected [N, {}]", .expected.map(|side| side.to_string()).join(", "))]
    Shape {
        /// Name of the tensor.
        name: String,
        /// The stated dimensions, without the batch.
        expected: [usize; 3],
        /// The dimensions that came, batch included.
        actual: Vec<usize>,
    },
    /// The element type differs from the stated one.
    #[error("input '{name}' is {actual}, expected {expected}")]
    Datatype {
        /// Name of the tensor.
        name: String,
        /// The stated type.
        expected: Datatype,
        /// The type that came.
        actual: Datatype,
    },
    /// A pixel is NaN or infinite.
    #[error("input '{name}' holds a value that is not finite")]
    NotFinite {
        /// Name of the tensor.
        name: String,
    },
    /// A pixel lies outside the stated range.
    #[error("input '{name}' holds {value}, outside its range of {low} to {high}")]
    OutOfRange {
        /// Name of the tensor.
        name: String,
        /// The offending value, normalisation undone.
        value: f32,
        /// Lower end of the range.
        low: f32,
        /// Upper end of the range.
        high: f32,
    },
    /// The batch is empty.
    #[error("input '{name}' holds an empty batch")]
    EmptyBatch {
        /// Name of the tensor.
        name: String,
    },
    /// The pixels could not be laid out.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// An element is no text that every reader reads alike.
    #[error("input '{name}' holds an element that {problem}")]
    Text {
        /// Name of the tensor.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A text is longer than may be inspected.
    #[error("input '{name}' holds a text of {length} bytes, more than the {most} that may be inspected")]
    TextTooLong {
        /// Name of the tensor.
        name: String,
        /// Its bytes in UTF-8.
        length: usize,
        /// As many may be inspected.
        most: usize,
    },
    /// Tensors hold no tokens of texts.
    #[error("input '{name}' has {problem}")]
    Tokens {
        /// Name of the tensor.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A number stands for no token.
    #[error("input '{name}' holds {id}, which is the id of no token")]
    UnknownToken {
        /// Name of the tensor.
        name: String,
        /// The number.
        id: i64,
    },
    /// There is more than may be inspected.
    #[error("input '{name}' holds {actual} {what}, more than the {most} that may be inspected")]
    TooMany {
        /// Name of the tensor.
        name: String,
        /// Of what.
        what: &'static str,
        /// As many came.
        actual: usize,
        /// As many may be inspected.
        most: usize,
    },
}
