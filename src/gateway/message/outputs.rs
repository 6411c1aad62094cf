//! Output tensors as the protocol carries them.

use std::collections::HashMap;

use bytes::Bytes;

use crate::proto::inference::InferTensorContents;
use crate::proto::inference::model_infer_response::InferOutputTensor;
use crate::tensor::{Elements, Tensor};

/// The contents of all outputs where they travel raw.
pub(crate) fn raw_contents(outputs: &[Tensor], raw: bool) -> Vec<Bytes> {
    if raw { outputs.iter().map(|output| output.elements.to_raw()).collect() } else { Vec::new() }
}

/// The output as the protocol carries it; its contents typed where the request's were.
pub(crate) fn output_tensor(output: Tensor, raw: bool) -> InferOutputTensor {
    InferOutputTensor {
        name: output.name,
        datatype: output.elements.datatype().name().to_owned(),
        shape: output.shape.iter().map(|&side| i64::try_from(side).unwrap_or(i64::MAX)).collect(),
        parameters: HashMap::new(),
        contents: (!raw).then(|| typed_contents(output.elements)),
    }
}

/// Elements in the protocol's typed fields.
fn typed_contents(elements: Elements) -> InferTensorContents {
    let mut contents = InferTensorContents::default();
    match elements {
        Elements::Bool(values) => contents.bool_contents = values,
        Elements::Uint8(values) => contents.uint_contents = values.into_iter().map(u32::from).collect(),
        Elements::Uint16(values) => contents.uint_contents = values.into_iter().map(u32::from).collect(),
        Elements::Uint32(values) => contents.uint_contents = values,
        Elements::Uint64(values) => contents.uint64_contents = values,
        Elements::Int8(values) => contents.int_contents = values.into_iter().map(i32::from).collect(),
        Elements::Int16(values) => contents.int_contents = values.into_iter().map(i32::from).collect(),
        Elements::Int32(values) => contents.int_contents = values,
        Elements::Int64(values) => contents.int64_contents = values,
        Elements::Fp16(_) => {}
        Elements::Fp32(values) => contents.fp32_contents = values,
        Elements::Fp64(values) => contents.fp64_contents = values,
        Elements::Bytes(values) => contents.bytes_contents = values,
    }
    contents
}
