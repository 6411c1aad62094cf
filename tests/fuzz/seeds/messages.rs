//! Requests, answers, and the contents of tensors.

use std::collections::HashMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use half::f16;
use portcullis::gateway::fuzzing::frame;
use portcullis::proto::inference::infer_parameter::ParameterChoice;
use portcullis::proto::inference::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use portcullis::proto::inference::model_infer_response::InferOutputTensor;
use portcullis::proto::inference::{InferParameter, InferTensorContents, ModelInferRequest, ModelInferResponse};
use portcullis::tensor::Elements;
use prost::Message;

use super::Seed;

/// How the target is to read a body; see there.
const PLAIN: u8 = 0;
const GZIP: u8 = 1;
const DEFLATE: u8 = 2;
const WHOLE: u8 = 0x80;

/// Datatype, count and raw contents.
pub fn contents() -> Vec<Seed> {
    let of = |count: u8, elements: &Elements| {
        let datatype = portcullis::tensor::Datatype::all().position(|datatype| datatype == elements.datatype());
        let datatype = datatype.expect("one of all") as u8;
        [&[datatype, count][..], &elements.to_raw()].concat()
    };
    let strings = |strings: &[&'static [u8]]| Elements::Bytes(strings.iter().map(|&text| text.into()).collect());
    vec![
        ("strings", of(3, &strings(&[b"free prize", b"", b"\xff\xd8\xff"]))),
        ("empty_strings", of(16, &strings(&[&b""[..]; 16]))),
        ("no_strings", of(0, &strings(&[]))),
        ("booleans", of(u8::MAX, &Elements::Bool(vec![true, false, true]))),
        ("bytes", of(4, &Elements::Uint8(vec![0, 1, 128, 255]))),
        ("integers", of(2, &Elements::Int32(vec![i32::MIN, 7]))),
        ("long_integers", of(u8::MAX, &Elements::Uint64(vec![u64::MAX, 0]))),
        ("halves", of(3, &Elements::Fp16(vec![f16::ONE, f16::NAN, f16::MIN]))),
        ("floats", of(4, &Elements::Fp32(vec![0.5, f32::NAN, f32::INFINITY, -0.0]))),
        ("doubles", of(1, &Elements::Fp64(vec![1e300]))),
    ]
}

/// Bodies that hold a request or an answer.
pub fn bodies() -> Vec<Seed> {
    let with = |how: u8, message: &[u8]| [&[how], message].concat();
    let (raw, typed) = (raw().encode_to_vec(), typed().encode_to_vec());
    vec![
        ("raw", with(PLAIN, &raw)),
        ("typed", with(PLAIN, &typed)),
        ("gzip", with(GZIP, &packed(GzEncoder::new(Vec::new(), Compression::fast()), &raw, GzEncoder::finish))),
        (
            "deflate",
            with(DEFLATE, &packed(ZlibEncoder::new(Vec::new(), Compression::fast()), &typed, ZlibEncoder::finish)),
        ),
        ("whole", with(WHOLE, &frame(&raw))),
        ("many_kinds", with(PLAIN, &many_kinds().encode_to_vec())),
        ("files", with(PLAIN, &files().encode_to_vec())),
        ("raw_answer", with(PLAIN, &raw_answer().encode_to_vec())),
        ("typed_answer", with(PLAIN, &typed_answer().encode_to_vec())),
    ]
}

/// The bytes as this encoder compresses them.
pub fn packed<W: Write>(mut encoder: W, bytes: &[u8], finish: fn(W) -> std::io::Result<Vec<u8>>) -> Vec<u8> {
    encoder.write_all(bytes).and_then(|()| finish(encoder)).expect("memory takes everything")
}

fn input(datatype: &str, shape: [i64; 4], contents: Option<InferTensorContents>) -> InferInputTensor {
    let (name, datatype, shape) = ("x".into(), datatype.into(), shape.to_vec());
    InferInputTensor { name, datatype, shape, contents, parameters: HashMap::new() }
}

fn parameter(name: &str, choice: ParameterChoice) -> HashMap<String, InferParameter> {
    HashMap::from([(name.into(), InferParameter { parameter_choice: Some(choice) })])
}

fn raw() -> ModelInferRequest {
    let pixels = Elements::Fp32(vec![-0.5, 0.0, 0.25, 1.5, 0.5, 0.125, 1.0, 0.75]);
    ModelInferRequest {
        model_name: "signs".into(),
        id: "42".into(),
        inputs: vec![input("FP32", [2, 1, 2, 2], None)],
        raw_input_contents: vec![pixels.to_raw()],
        ..ModelInferRequest::default()
    }
}

fn typed() -> ModelInferRequest {
    let contents =
        InferTensorContents { uint_contents: (0..12).map(|pixel| 20 * pixel).collect(), ..Default::default() };
    let output = InferRequestedOutputTensor {
        name: "y".into(),
        parameters: parameter("classification", ParameterChoice::Int64Param(3)),
    };
    ModelInferRequest {
        model_name: "signs".into(),
        model_version: "1".into(),
        inputs: vec![input("UINT8", [1, 2, 2, 3], Some(contents))],
        outputs: vec![output],
        parameters: parameter("priority", ParameterChoice::Uint64Param(1)),
        ..ModelInferRequest::default()
    }
}

/// Inputs of several datatypes, one of them in shared memory.
fn many_kinds() -> ModelInferRequest {
    let parameters = parameter("shared_memory_region", ParameterChoice::StringParam("region".into()));
    let contents = [
        Elements::Fp16(vec![f16::from_f32(0.25); 12]),
        Elements::Bytes(vec!["free prize".into(), "".into()]),
        Elements::Int64(vec![1, -1]),
    ];
    let names = ["x", "text", "numbers"];
    let shapes = [vec![1, 3, 2, 2], vec![2], vec![1, 2]];
    let inputs = contents.iter().zip(names).zip(shapes).map(|((elements, name), shape)| InferInputTensor {
        name: name.into(),
        datatype: elements.datatype().name().into(),
        shape,
        ..InferInputTensor::default()
    });
    let elsewhere = InferInputTensor { parameters, ..input("FP32", [1, 1, 1, 1], None) };
    ModelInferRequest {
        inputs: std::iter::once(InferInputTensor { name: "z".into(), ..elsewhere }).chain(inputs).collect(),
        raw_input_contents: contents.iter().map(Elements::to_raw).collect(),
        ..ModelInferRequest::default()
    }
}

/// Two encoded pictures, one of them broken.
fn files() -> ModelInferRequest {
    let files = Elements::Bytes(vec![super::pictures::smallest().into(), vec![0xff; 20].into()]);
    ModelInferRequest {
        inputs: vec![InferInputTensor {
            name: "files".into(),
            datatype: "BYTES".into(),
            shape: vec![2, 1],
            ..InferInputTensor::default()
        }],
        raw_input_contents: vec![files.to_raw()],
        ..ModelInferRequest::default()
    }
}

fn output(datatype: &str, shape: [i64; 2], contents: Option<InferTensorContents>) -> InferOutputTensor {
    let (name, datatype, shape) = ("y".into(), datatype.into(), shape.to_vec());
    InferOutputTensor { name, datatype, shape, contents, parameters: HashMap::new() }
}

fn raw_answer() -> ModelInferResponse {
    ModelInferResponse {
        model_name: "signs".into(),
        outputs: vec![output("FP32", [1, 2], None)],
        raw_output_contents: vec![Elements::Fp32(vec![0.25, 0.75]).to_raw()],
        ..ModelInferResponse::default()
    }
}

fn typed_answer() -> ModelInferResponse {
    let contents = InferTensorContents { fp64_contents: vec![0.5, 0.5, 1.0, 0.0], ..InferTensorContents::default() };
    ModelInferResponse {
        id: "42".into(),
        parameters: parameter("took", ParameterChoice::DoubleParam(0.5)),
        outputs: vec![output("FP64", [2, 2], Some(contents))],
        ..ModelInferResponse::default()
    }
}
