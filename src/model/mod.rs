//! Models: what they expect and answer, and the workers that run them in ONNX Runtime.

mod batches;
mod classifier;
mod contract;
mod device;
mod distribution;
mod onnx_model;
mod predictor;
mod priority;
mod resolve;
mod runtime;
mod tokenizer;
mod workers;

pub use batches::BatchError;
pub use classifier::{Classifier, Noted};
pub use contract::{
    ContractError, EncodedSpec, InputSpec, NotPictures, OutputSpec, PictureSpec, TextSpec, TokenSpec, decode_text,
    fingerprint,
};
pub use distribution::{Distribution, DistributionError};
pub use onnx_model::{ModelError, OnnxModel, Port};
pub use predictor::PredictError;
pub use resolve::{Signature, resolve_input, resolve_output};
pub use runtime::{Runtime, RuntimeError};
pub use tokenizer::{Tokenizer, TokenizerError};
pub use workers::{JobError, Pending, WorkerId, Workers};
