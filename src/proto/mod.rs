//! Generated from `proto/`; renewed by `make proto`, checked by `tests/proto.rs`.
#![expect(missing_docs, clippy::allow_attributes, reason = "generated code")]

/// The Open Inference Protocol, version 2.
#[rustfmt::skip]
pub mod inference;

/// ONNX's files.
#[rustfmt::skip]
pub mod onnx;

/// Portcullis' own services.
#[path = ""]
pub mod portcullis {
    #[rustfmt::skip]
    #[path = "portcullis.v1.rs"]
    pub mod v1;
}

/// Every service's descriptors, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!("descriptors.bin");
