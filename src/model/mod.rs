//! Models: what they expect and answer, and the workers that run them in ONNX Runtime.

mod classifier;
mod contract;
mod distribution;
mod onnx_model;
mod resolve;
mod runtime;
mod tokenizer;
mod workers;

pub use classifier::{Classifier, Noted, PredictError};
pub use contract::{
    ContractError, EncodedSpec, InputSpec, NotPictures, OutputSpec, PictureSpec, TextSpec, TokenSpec, decode_text,
    fingerprint,
};
pub use distribution::{Distribution, DistributionError};
pub use onnx_model::{ModelError, OnnxModel, Port};
pub use resolve::{Signature, resolve_input, resolve_output};
pub use runtime::{Runtime, RuntimeError};
pub use tokenizer::{Tokenizer, TokenizerError};
pub use workers::{JobError, Pending, WorkerId, Workers};
