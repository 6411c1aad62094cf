//! Models: what they expect and answer, and the workers that run them in ONNX Runtime.

mod contract;
mod distribution;

pub use contract::{Colour, ContractError, InputSpec, Layout, OutputKind, OutputSpec, fingerprint};
pub use distribution::{Distribution, DistributionError};
