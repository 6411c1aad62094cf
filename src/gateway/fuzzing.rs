//! What the fuzz targets of `tests/fuzz` reach of the way a request goes: no interface, and for nobody else.

use bytes::Bytes;
use http::HeaderMap;
use prost::Message;

use super::guard::restore;
use super::message::codec::{self, Packed};
use super::message::room::Room;
use super::message::view::{self, Most, Sent};
use super::message::{weight, wire};
use super::rest;
use crate::model::{Distribution, InputSpec, OutputSpec};
use crate::proto::inference::{ModelInferRequest, ModelInferResponse};
use crate::tensor::{Item, Picture, Tensor};

/// The frame of an uncompressed message.
pub fn frame(message: &[u8]) -> Bytes {
    wire::frame(message)
}

/// The one message of a body, where there is room for many of them.
pub fn message(body: &Bytes, encoding: Option<&str>, limit: usize) -> Option<Bytes> {
    wire::single_message(body, encoding, limit, &Room::new(8 * limit)).ok()
}

/// The request in the body of one over HTTP with these headers, where there is room for many of them.
pub fn rest_request(headers: &HeaderMap, body: &Bytes, limit: usize) -> Option<ModelInferRequest> {
    rest::read(headers, body, limit, &Room::new(8 * limit))
}

/// What a message takes once decoded as a request, at most.
pub fn weight(message: &[u8]) -> Option<usize> {
    weight::of_request(message)
}

/// The message decoded as a request.
pub fn request(message: Bytes) -> Option<ModelInferRequest> {
    view::request(message).ok()
}

/// The input at `position` of a request.
pub fn input(request: &ModelInferRequest, position: usize) -> Option<Tensor> {
    view::input_tensor(request, position).ok()
}

/// The items of the guarded input; of its elements, of the bytes of each and of its pixels there may be `most`.
pub fn items(request: &ModelInferRequest, spec: &InputSpec, most: usize) -> Vec<Item> {
    let sent = view::sent(request, spec, Most { elements: most, text: most }).into_iter().flatten().flatten();
    let item = |sent| match sent {
        Sent::Item(item, _) => Some(item),
        Sent::File(file) => decoded(&file, spec, most).map(Item::from),
        Sent::Tokens(tokens, _) => match spec {
            InputSpec::Tokens(spec) => spec.decode(tokens, most).ok(),
            InputSpec::Picture(_) | InputSpec::Text(_) => None,
        },
    };
    sent.filter_map(item).collect()
}

/// The picture of a file with no more than `most` pixels, in the size of the guarded input.
pub fn decoded(file: &[u8], spec: &InputSpec, most: usize) -> Option<Picture> {
    codec::decode(file, spec, most).ok()
}

/// The file of which the server makes this picture.
pub fn packed(picture: Picture, spec: &InputSpec) -> Option<Bytes> {
    match codec::pack(picture.into(), spec).ok()? {
        Packed::Element(file) => Some(file),
        Packed::Picture(_) | Packed::Tokens(_) => None,
    }
}

/// Whether the answer to a request holds the guarded output as it is.
pub fn asks_for_plain_output(request: &ModelInferRequest, spec: &OutputSpec) -> bool {
    view::asks_for_plain_output(request, spec)
}

/// The predictions of an answer.
pub fn predictions(message: Bytes, spec: &OutputSpec, items: usize) -> Option<Vec<Option<Distribution>>> {
    let predictions = view::predictions_of(&answer(message)?, spec, items).ok()?;
    Some(predictions.into_iter().map(Result::ok).collect())
}

/// An answer with parameters appended.
pub fn annotated(message: &[u8], parameters: &[(&str, &str)]) -> Bytes {
    wire::append_parameters(message, parameters)
}

/// An answer with other predictions put in.
pub fn restored(message: Bytes, spec: &OutputSpec, substitutes: &[Option<Distribution>]) -> Option<Bytes> {
    restore::restored(answer(message)?, spec, substitutes).map(|restored| restored.encode_to_vec().into())
}

/// The message decoded as an answer.
pub fn answer(message: Bytes) -> Option<ModelInferResponse> {
    ModelInferResponse::decode(message).ok()
}
