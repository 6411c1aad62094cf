//! Where models run: on the CPU, or on a GPU that was asked for and is there.

use ort::ep::cuda::ConvAlgorithmSearch;
use ort::ep::{ArenaExtendStrategy, CUDA, ExecutionProvider};
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use prost::Message;

use super::onnx_model::one_line;
use super::runtime::{Runtime, RuntimeError};
use crate::config::Device;
use crate::proto::onnx::tensor_proto::DataType;
use crate::proto::onnx::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};

/// Makes sure that models can run on this device.
///
/// # Errors
/// When the library knows no such device, or there is none that it can use.
pub(super) fn probe(runtime: &Runtime, device: Device) -> Result<(), RuntimeError> {
    let Device::Cuda(_) = device else { return Ok(()) };
    let library = || runtime.library().to_owned();
    let unusable = |error: ort::Error| RuntimeError::Device { device, library: library(), problem: one_line(&error) };
    if !CUDA::is_available().map_err(unusable)? {
        return Err(RuntimeError::WithoutCuda { library: library() });
    }
    // Only a session touches the device.
    let options = Session::builder(&runtime.environment).map_err(unusable)?;
    register(options, device).and_then(|mut options| options.commit_from_memory(&smallest())).map_err(unusable)?;
    Ok(())
}

/// Has the session run on this device. What a GPU computes must not hang on what else it has, nor on which convolution
/// happens to be the fastest today: full precision, and algorithms that are chosen by rule.
pub(super) fn register(options: SessionBuilder, device: Device) -> ort::Result<SessionBuilder> {
    let Device::Cuda(index) = device else { return Ok(options) };
    let cuda = CUDA::default()
        .with_device_id(index.into())
        .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested)
        .with_conv_algorithm_search(ConvAlgorithmSearch::Heuristic)
        .with_tf32(false);
    Ok(options.with_execution_providers([cuda.build().error_on_failure()])?)
}

/// A model that answers what it is given: one number.
fn smallest() -> Vec<u8> {
    let tensor = type_proto::Tensor { elem_type: DataType::Float as i32, shape: Some(TensorShapeProto::default()) };
    let number = |name: &str| ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor.clone())), ..TypeProto::default() }),
        ..ValueInfoProto::default()
    };
    let [input, output] = ["input", "output"].map(String::from);
    let node = NodeProto {
        op_type: "Identity".into(),
        input: vec![input.clone()],
        output: vec![output.clone()],
        ..NodeProto::default()
    };
    let graph = GraphProto {
        name: "smallest".into(),
        node: vec![node],
        input: vec![number(&input)],
        output: vec![number(&output)],
        ..GraphProto::default()
    };
    let model = ModelProto {
        ir_version: 8,
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 13 }],
        ..ModelProto::default()
    };
    model.encode_to_vec()
}
