//! Requests and answers, from HTTP to what gRPC would carry, and answers back.

use std::collections::HashMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};

use super::data::Data;
use super::document::{self, BINARY_SIZE, Document};
use super::layout::Layout;
use super::route::Model;
use crate::detect::Reason;
use crate::gateway::guard::transport::Read;
use crate::gateway::message::room::Room;
use crate::gateway::message::view;
use crate::proto::inference::infer_parameter::ParameterChoice;
use crate::proto::inference::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use crate::proto::inference::model_infer_response::InferOutputTensor;
use crate::proto::inference::{InferParameter, ModelInferRequest, ModelInferResponse};

/// What a document takes once read, beside its data, is at most so many times its length: short parameters swell most.
const SWELL: usize = 32;
/// Where a request says that outputs are to come behind the document: all of them, or one.
const ALL_BINARY: &str = "binary_data_output";
const ONE_BINARY: &str = "binary_data";

/// The request in a body of this layout, made of no more than `limit` bytes; all its contents become raw ones.
///
/// # Errors
/// Why there is none, or no `room` for it.
pub(super) fn request(model: &Model, layout: &Layout, body: &Bytes, limit: usize, room: &Room) -> Result<Read, Reason> {
    let (text, mut behind) = layout.split(body, limit, room)?;
    let document = Document::read(&text)?;
    let mut beside = body.len() + text.len();
    let mut hold = |bytes: usize| {
        let held = room.nothing();
        if bytes > limit {
            return Err(Reason::TooLarge);
        }
        held.take_for_request(bytes, beside)?;
        beside += bytes;
        Ok(held)
    };
    let data: usize = document.inputs.0.iter().filter_map(|tensor| tensor.data).map(|data| data.get().len()).sum();
    let held = hold((text.len() - data).saturating_mul(SWELL))?;
    let (mut inputs, mut raw_input_contents) = (Vec::new(), Vec::new());
    for tensor in document.inputs.0 {
        let contents = tensor.contents(&mut behind, &mut hold)?;
        let input = InferInputTensor {
            name: tensor.name,
            datatype: tensor.datatype,
            shape: tensor.shape.0,
            parameters: tensor.parameters.to_protobuf(),
            contents: None,
        };
        match (contents, view::is_elsewhere(&input.parameters)) {
            (Some(contents), false) => raw_input_contents.push(contents),
            (None, true) => {}
            (Some(_), true) => return Err(Reason::Malformed),
            (None, false) => return Err(Reason::InputMissing),
        }
        inputs.push(input);
    }
    if !behind.is_empty() {
        return Err(Reason::Malformed);
    }
    let length = raw_input_contents.iter().map(Bytes::len).sum();
    let output = |tensor: document::Tensor<'_>| InferRequestedOutputTensor {
        name: tensor.name,
        parameters: tensor.parameters.to_protobuf(),
    };
    let request = ModelInferRequest {
        model_name: model.name.clone(),
        model_version: model.version.clone(),
        id: document.id.unwrap_or_default(),
        parameters: document.parameters.to_protobuf(),
        inputs,
        outputs: document.outputs.0.into_iter().map(output).collect(),
        raw_input_contents,
    };
    Ok(Read { request, length, held })
}

/// The answer in a body of this layout, made of no more than `limit` bytes; all its contents become raw ones.
///
/// # Errors
/// Why there is none, or no `room` for it.
pub(super) fn response(layout: &Layout, body: &Bytes, limit: usize, room: &Room) -> Result<ModelInferResponse, Reason> {
    let (text, mut behind) = layout.split(body, limit, room)?;
    let document = Document::read(&text)?;
    let hold = |bytes| {
        let held = room.nothing();
        if held.take(bytes) { Ok(held) } else { Err(Reason::Overload) }
    };
    let (mut outputs, mut raw_output_contents) = (Vec::new(), Vec::new());
    for tensor in document.outputs.0 {
        raw_output_contents.push(tensor.contents(&mut behind, hold)?.unwrap_or_default());
        outputs.push(InferOutputTensor {
            name: tensor.name,
            datatype: tensor.datatype,
            shape: tensor.shape.0,
            parameters: tensor.parameters.to_protobuf(),
            contents: None,
        });
    }
    Ok(ModelInferResponse {
        model_name: document.model_name.unwrap_or_default(),
        model_version: document.model_version.unwrap_or_default(),
        id: document.id.unwrap_or_default(),
        parameters: document.parameters.to_protobuf(),
        outputs,
        raw_output_contents,
    })
}

/// Whether the request asks for this output behind the document.
pub(super) fn asks_for_binary(request: &ModelInferRequest, output: &InferOutputTensor) -> bool {
    let says = |parameters: &HashMap<String, InferParameter>, key: &str| match parameters
        .get(key)
        .map(|value| &value.parameter_choice)
    {
        Some(Some(ParameterChoice::BoolParam(value))) => Some(*value),
        _ => None,
    };
    let asked = request.outputs.iter().find(|asked| asked.name == output.name);
    let one = asked.and_then(|asked| says(&asked.parameters, ONE_BINARY));
    one.or_else(|| says(&request.parameters, ALL_BINARY)).unwrap_or(false)
}

/// Whether the output came behind the document.
pub(super) fn came_binary(output: &InferOutputTensor) -> bool {
    output.parameters.contains_key(BINARY_SIZE)
}

/// A body, and how long the document in it is where bytes follow.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) body: Bytes,
    pub(super) document: Option<usize>,
}

#[derive(Serialize)]
struct ResponseText<'a> {
    model_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    model_version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    parameters: Map<String, Value>,
    outputs: Vec<OutputText<'a>>,
}

#[derive(Serialize)]
struct OutputText<'a> {
    name: &'a str,
    datatype: &'a str,
    shape: &'a [i64],
    #[serde(skip_serializing_if = "Map::is_empty")]
    parameters: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
}

/// The answer as a body, with those outputs behind the document that are to be `binary`.
///
/// # Errors
/// When an output is none, or cannot be written in JSON.
pub(super) fn written(
    response: &ModelInferResponse,
    binary: impl Fn(&InferOutputTensor) -> bool,
) -> Result<Written, String> {
    let tensors = (0..response.outputs.len()).map(|position| view::output_tensor(response, position));
    let tensors = tensors.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    let (mut outputs, mut behind) = (Vec::new(), None::<Vec<u8>>);
    for (output, tensor) in response.outputs.iter().zip(&tensors) {
        let mut parameters = json(&output.parameters);
        parameters.remove(BINARY_SIZE);
        let data = if binary(output) {
            let raw = tensor.elements.to_raw();
            parameters.insert(BINARY_SIZE.to_owned(), raw.len().into());
            behind.get_or_insert_default().extend_from_slice(&raw);
            None
        } else {
            Some(Data(&tensor.elements))
        };
        let InferOutputTensor { name, datatype, shape, .. } = output;
        outputs.push(OutputText { name, datatype, shape, parameters, data });
    }
    let text = ResponseText {
        model_name: &response.model_name,
        model_version: &response.model_version,
        id: &response.id,
        parameters: json(&response.parameters),
        outputs,
    };
    let mut body = serde_json::to_vec(&text).map_err(|error| error.to_string())?;
    let document = behind.as_ref().map(|_| body.len());
    body.extend(behind.unwrap_or_default());
    Ok(Written { body: body.into(), document })
}

fn json(parameters: &HashMap<String, InferParameter>) -> Map<String, Value> {
    let value = |parameter: &InferParameter| match &parameter.parameter_choice {
        Some(ParameterChoice::BoolParam(value)) => (*value).into(),
        Some(ParameterChoice::Int64Param(value)) => (*value).into(),
        Some(ParameterChoice::Uint64Param(value)) => (*value).into(),
        Some(ParameterChoice::DoubleParam(value)) => (*value).into(),
        Some(ParameterChoice::StringParam(value)) => value.as_str().into(),
        None => Value::Null,
    };
    parameters.iter().map(|(key, parameter)| (key.clone(), value(parameter))).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use proptest::prelude::*;

    use super::*;
    use crate::gateway::rest::layout::DOCUMENT_LENGTH;
    use crate::tensor::{Elements, Tensor};

    const LIMIT: usize = 1 << 16;

    fn model() -> Model {
        Model { name: "signs".into(), version: "7".into() }
    }

    fn layout(document: Option<usize>) -> Layout {
        let length = document.map(|length| (DOCUMENT_LENGTH, length.into()));
        Layout::of(&HeaderMap::from_iter(length)).unwrap()
    }

    fn read(text: &str, behind: &[u8]) -> Result<ModelInferRequest, Reason> {
        let body = [text.as_bytes(), behind].concat().into();
        request(&model(), &layout(Some(text.len())), &body, LIMIT, &room()).map(|read| read.request)
    }

    fn room() -> Room {
        Room::new(64 * LIMIT)
    }

    /// The same two tensors as gRPC carries them.
    fn over_grpc(values: &[f32], wide: i64) -> ModelInferRequest {
        let input = |name: &str, datatype: &str, side: i64| InferInputTensor {
            name: name.into(),
            datatype: datatype.into(),
            shape: vec![1, side],
            ..Default::default()
        };
        ModelInferRequest {
            model_name: "signs".into(),
            model_version: "7".into(),
            id: "an id".into(),
            inputs: vec![input("image", "FP32", values.len() as i64), input("other", "INT64", 1)],
            raw_input_contents: vec![
                values.iter().flat_map(|value| value.to_le_bytes()).collect(),
                wide.to_le_bytes().to_vec().into(),
            ],
            ..Default::default()
        }
    }

    proptest! {
        #[test]
        fn json_binary_and_grpc_forms_read_alike(
            values in prop::collection::vec(-1e6_f32..1e6, 0..40), wide: i64, json_first: bool,
        ) {
            let grpc = over_grpc(&values, wide);
            let raw = &grpc.raw_input_contents;
            let count = values.len();
            let in_json = format!(r#""data":{}"#, serde_json::to_string(&[&values]).unwrap());
            let binary = |raw: &Bytes| format!(r#""parameters":{{"binary_data_size":{}}}"#, raw.len());
            let text = |image: &str, other: &str| format!(
                r#"{{"id":"an id","inputs":[{{"name":"image","datatype":"FP32","shape":[1,{count}],{image}}},
                    {{{other},"name":"other","shape":[1,1],"datatype":"INT64"}}]}}"#
            );
            let bare = |mut request: ModelInferRequest| {
                request.inputs.iter_mut().for_each(|input| input.parameters.clear());
                request
            };
            let wide = format!(r#""data":[[{wide}]]"#);
            prop_assert_eq!(read(&text(&in_json, &wide), b"").map(bare), Ok(grpc.clone()));
            prop_assert_eq!(read(&text(&binary(&raw[0]), &binary(&raw[1])), &raw.concat()).map(bare), Ok(grpc.clone()));
            let mixed = if json_first {
                read(&text(&in_json, &binary(&raw[1])), &raw[1])
            } else {
                read(&text(&binary(&raw[0]), &wide), &raw[0])
            };
            prop_assert_eq!(mixed.map(bare), Ok(grpc));
        }

        #[test]
        fn no_bytes_panic_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..300), document in 0_usize..400) {
            let bytes = Bytes::from(bytes);
            let _ = request(&model(), &layout(Some(document)), &bytes, LIMIT, &room());
            let _ = response(&layout(None), &bytes, LIMIT, &room());
        }

        #[test]
        fn no_change_to_a_request_panics_the_reader(changes in prop::collection::vec((0_usize..120, any::<u8>()), 1..8)) {
            let text = r#"{"id":"1","parameters":{"a":1},"inputs":[{"name":"image","shape":[1,2],"datatype":"FP32","data":[1,2.5]}]}"#;
            let mut bytes = text.as_bytes().to_vec();
            for (at, byte) in changes {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            let _ = request(&model(), &layout(None), &bytes.clone().into(), LIMIT, &room());
            let _ = response(&layout(None), &bytes.into(), LIMIT, &room());
        }
    }

    #[test]
    fn contents_that_two_servers_would_take_from_different_places_are_not_read() {
        let input = |rest: &str| format!(r#"{{"inputs":[{{"name":"i","datatype":"UINT8","shape":[2]{rest}}}]}}"#);
        let of = |rest: &str, behind: &[u8]| read(&input(rest), behind).err();
        assert_eq!(of(r#","parameters":{"binary_data_size":2}"#, b"ab"), None);
        for (rest, behind) in [
            (r#","parameters":{"binary_data_size":2},"data":[1,2]"#, &b"ab"[..]),
            (r#","parameters":{"binary_data_size":3}"#, b"ab"),
            (r#","parameters":{"binary_data_size":1}"#, b"ab"),
            (r#","parameters":{"binary_data_size":-2}"#, b"ab"),
            (r#","parameters":{"binary_data_size":2.0}"#, b"ab"),
            (r#","parameters":{"binary_data_size":"2"}"#, b"ab"),
            (r#","parameters":{"binary_data_size":18446744073709551615}"#, b"ab"),
            (r#","parameters":{"shared_memory_region":"r","binary_data_size":2}"#, b"ab"),
            (r#","parameters":{"shared_memory_region":"r"},"data":[1,2]"#, b""),
            (r#","data":[1,2]"#, b"ab"),
        ] {
            assert_eq!(of(rest, behind), Some(Reason::Malformed), "{rest}");
        }
        assert_eq!(of("", b""), Some(Reason::InputMissing));
        assert_eq!(of(r#","data":null"#, b""), Some(Reason::InputMissing));
        let elsewhere = read(&input(r#","parameters":{"shared_memory_region":"r"}"#), b"").unwrap();
        assert_eq!((elsewhere.inputs.len(), elsewhere.raw_input_contents.len()), (1, 0));
    }

    #[test]
    fn short_text_does_not_swell() {
        let many = format!("[{}0]", "0,".repeat(LIMIT / 4));
        let text = format!(r#"{{"inputs":[{{"name":"i","datatype":"INT64","shape":[1],"data":{many}}}]}}"#);
        assert_eq!(read(&text, b"").err(), Some(Reason::TooLarge));
    }

    #[test]
    fn an_answer_is_written_as_it_was_asked_for_and_reads_back() {
        let tensors = [
            Tensor::new("p", vec![1, 2], Elements::Fp32(vec![0.1, 0.9])).unwrap(),
            Tensor::new("c", vec![1], Elements::Bytes(vec![Bytes::from_static(b"stop")])).unwrap(),
        ];
        let outputs = tensors.iter().map(|tensor| InferOutputTensor {
            name: tensor.name.clone(),
            datatype: tensor.elements.datatype().name().into(),
            shape: tensor.shape.iter().map(|&side| side as i64).collect(),
            ..Default::default()
        });
        let answer = ModelInferResponse {
            model_name: "signs".into(),
            outputs: outputs.collect(),
            raw_output_contents: tensors.iter().map(|tensor| tensor.elements.to_raw()).collect(),
            ..Default::default()
        };
        let json = written(&answer, |_| false).unwrap();
        let text = r#"{"model_name":"signs","outputs":[{"name":"p","datatype":"FP32","shape":[1,2],"data":[0.1,0.9]},{"name":"c","datatype":"BYTES","shape":[1],"data":["stop"]}]}"#;
        assert_eq!((json.body, json.document), (Bytes::from(text), None));
        for wanted in ["p", "c", "none"] {
            let Written { body, document } = written(&answer, |output| output.name == wanted).unwrap();
            assert_eq!(document.is_some(), wanted != "none");
            let back = response(&layout(document), &body, LIMIT, &room()).unwrap();
            assert_eq!(back.raw_output_contents, answer.raw_output_contents);
            assert!(back.outputs.iter().all(|output| came_binary(output) == (output.name == wanted)));
        }
    }

    #[test]
    fn a_request_says_which_outputs_are_to_be_binary() {
        let asks = |text: &str, name: &str| {
            let output = InferOutputTensor { name: name.into(), ..Default::default() };
            asks_for_binary(&read(text, b"").unwrap(), &output)
        };
        assert!(!asks("{}", "a"));
        assert!(asks(r#"{"parameters":{"binary_data_output":true}}"#, "a"));
        let one = r#"{"parameters":{"binary_data_output":true},"outputs":[{"name":"a","parameters":{"binary_data":false}},{"name":"b"}]}"#;
        assert_eq!((asks(one, "a"), asks(one, "b")), (false, true));
    }
}
