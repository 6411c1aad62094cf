//! The answers of a stream, in the two forms that servers give them.

use bytes::Bytes;
use http::HeaderMap;
use prost::Message;

use super::wire::{ParametersOnly, append};
use crate::proto::inference::infer_parameter::ParameterChoice;
use crate::proto::inference::{InferParameter, ModelInferResponse, ModelStreamInferResponse};

/// Servers, by the name in their metadata, whose streams have room for the error of a single request.
const WRAPPING: [&str; 3] = ["triton", "OpenVINO Model Server", env!("CARGO_PKG_NAME")];
/// Says that no other answer to the request follows. Clients wait for it where a request may have any number of them.
pub(crate) const FINAL_PARAMETER: &str = "triton_final_response";

/// Metadata of a call whose client wants the first error to end the stream.
const GRPC_ERROR: &str = "triton_grpc_error";

/// What the answers of a stream are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamForm {
    /// `ModelStreamInferResponse`: an answer, or an error that leaves the stream going.
    Wrapped,
    /// `ModelInferResponse`: an error can only end the stream.
    Bare,
}

impl StreamForm {
    /// The form of a server that calls itself `name`. Of two servers that nobody knows neither would misread the end of
    /// a stream.
    pub(crate) fn of_server(name: &str) -> Self {
        if WRAPPING.contains(&name) { Self::Wrapped } else { Self::Bare }
    }
}

/// Whether the client wants the first error to end the stream, as its call's metadata say.
pub(crate) fn errors_end_it(metadata: &HeaderMap) -> bool {
    metadata.get(GRPC_ERROR).is_some_and(|value| value == "true")
}

/// The parameter that says so, for an answer's parameters.
pub(crate) fn final_parameter() -> (String, InferParameter) {
    (FINAL_PARAMETER.to_owned(), InferParameter { parameter_choice: Some(ParameterChoice::BoolParam(true)) })
}

/// The error that is told instead of an answer to the request `id`.
pub(crate) fn error(id: String, message: &str) -> ModelStreamInferResponse {
    let response = ModelInferResponse { id, parameters: [final_parameter()].into(), ..ModelInferResponse::default() };
    ModelStreamInferResponse { error_message: message.to_owned(), infer_response: Some(response) }
}

/// What of a wrapped answer tells whose it is; the rest is not decoded.
#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(message, optional, tag = "2")]
    infer_response: Option<ResponseLabel>,
}

#[derive(Clone, PartialEq, Message)]
struct ResponseLabel {
    #[prost(string, tag = "3")]
    id: String,
}

/// The id of the request that a wrapped answer belongs to, where it tells.
pub(crate) fn id(message: &[u8]) -> Option<String> {
    Label::decode(message).ok()?.infer_response.map(|response| response.id)
}

/// The tail of a wrapped answer: nothing but the answer's parameters.
#[derive(Clone, PartialEq, Message)]
struct WrappedParameters {
    #[prost(message, optional, tag = "2")]
    infer_response: Option<ParametersOnly>,
}

/// A wrapped answer with string parameters appended to the answer in it.
pub(crate) fn append_parameters(message: &[u8], parameters: &[(&str, &str)]) -> Bytes {
    append(message, &WrappedParameters { infer_response: Some(ParametersOnly::of(parameters)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotation_leaves_the_bytes_before_it_alone() {
        let response = ModelInferResponse {
            id: "42".into(),
            raw_output_contents: vec![Bytes::from_static(&[1, 2, 3])],
            parameters: [final_parameter()].into(),
            ..Default::default()
        };
        let answer = ModelStreamInferResponse { infer_response: Some(response), ..Default::default() };
        let mut bytes = answer.encode_to_vec();
        bytes.extend_from_slice(&[0xfa, 0x3f, 1, 7]);
        let annotated = append_parameters(&bytes, &[("portcullis_decision", "clean")]);
        assert_eq!(annotated[..bytes.len()], bytes);
        assert_eq!(id(&annotated).as_deref(), Some("42"));
        let merged = ModelStreamInferResponse::decode(annotated).unwrap().infer_response.unwrap();
        assert_eq!(merged.raw_output_contents, [Bytes::from_static(&[1, 2, 3])]);
        assert_eq!(merged.parameters.len(), 2);
        assert_eq!(
            merged.parameters["portcullis_decision"].parameter_choice,
            Some(ParameterChoice::StringParam("clean".into()))
        );
    }

    #[test]
    fn only_servers_that_wrap_their_answers_are_taken_for_such() {
        assert_eq!(StreamForm::of_server("triton"), StreamForm::Wrapped);
        assert_eq!(StreamForm::of_server("portcullis"), StreamForm::Wrapped);
        assert_eq!(StreamForm::of_server("mlserver"), StreamForm::Bare);
        assert_eq!(StreamForm::of_server(""), StreamForm::Bare);
    }
}
