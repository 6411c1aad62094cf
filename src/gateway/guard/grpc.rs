//! Inference over gRPC.

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Response};
use prost::Message;
use tonic::body::Body;
use tonic::{Code, Status};

use super::transport::{self, Read};
use crate::detect::Reason;
use crate::gateway::message::room::Room;
use crate::gateway::message::tee::{Captured, Until};
use crate::gateway::message::wire::{self, WireError};
use crate::gateway::message::{view, weight};
use crate::proto::inference::ModelInferResponse;

/// A call's way.
#[derive(Clone)]
pub(crate) struct Grpc {
    encoding: Option<String>,
}

impl Grpc {
    /// Of a call with these metadata.
    pub(crate) fn of(metadata: &HeaderMap) -> Self {
        Self { encoding: header(metadata, "grpc-encoding") }
    }
}

impl transport::Transport for Grpc {
    const UNTIL: Until = Until::FirstMessage;
    type Head = Head;

    fn model(&self) -> Option<&str> {
        None
    }

    fn is_compressed(&self, captured: &Captured) -> bool {
        captured.bytes.first() == Some(&1)
    }

    fn request(&self, captured: &Captured, limit: usize, room: &Room) -> Result<Read, Reason> {
        let message = wire::single_message(&captured.bytes, self.encoding.as_deref(), limit, room)
            .map_err(|error| wire_reason(&error))?;
        let (length, held) = (message.len(), room.nothing());
        let weight = weight::of_request(&message).ok_or(Reason::Malformed)?;
        if weight > limit {
            return Err(Reason::TooLarge);
        }
        held.take_for_request(weight, captured.bytes.len() + length)?;
        let request = view::request(message).map_err(|error| error.reason())?;
        Ok(Read { request, length, held })
    }

    fn status(status: Status) -> Response<Body> {
        status.into_http()
    }
}

/// Status and encoding of an answer.
pub(crate) struct Head {
    status: Option<Code>,
    encoding: Option<String>,
}

impl Head {
    fn message(&self, body: &Bytes, limit: usize, room: &Room) -> Result<Bytes, WireError> {
        wire::single_message(body, self.encoding.as_deref(), limit, room)
    }
}

impl transport::Head for Head {
    fn of(parts: &Parts) -> Self {
        Self { status: status_of(&parts.headers), encoding: header(&parts.headers, "grpc-encoding") }
    }

    fn failed(&self, trailers: Option<&HeaderMap>) -> bool {
        let status = self.status.or_else(|| trailers.and_then(status_of));
        status.is_some_and(|code| code != Code::Ok)
    }

    fn response(&self, body: &Bytes, limit: usize, room: &Room) -> Result<ModelInferResponse, Reason> {
        let message = self.message(body, limit, room).map_err(|error| match error {
            // Here that is the upstream's doing.
            WireError::NotOneMessage | WireError::Decompress => Reason::Prediction,
            error => wire_reason(&error),
        })?;
        ModelInferResponse::decode(message).map_err(|error| {
            tracing::debug!(%error, "the answer is no inference response");
            Reason::Prediction
        })
    }

    /// Parameters are appended to the message, which is compressed no more.
    fn annotated(&self, _: &mut Parts, body: &Bytes, parameters: &[(&str, &str)], room: &Room) -> Option<Bytes> {
        let message = self.message(body, usize::MAX, room).ok()?;
        Some(wire::frame(&wire::append_parameters(&message, parameters)))
    }

    fn rewritten(&self, _: &mut Parts, response: &ModelInferResponse) -> Option<Bytes> {
        Some(wire::frame(&response.encode_to_vec()))
    }
}

/// The reason under which an unreadable body is counted.
pub(crate) fn wire_reason(error: &WireError) -> Reason {
    match error {
        WireError::TooLarge { .. } => Reason::TooLarge,
        WireError::Encoding(_) => Reason::Compression,
        WireError::NotOneMessage | WireError::Decompress => Reason::Malformed,
        WireError::NoRoom(reason) => *reason,
    }
}

/// A header's value, where it is text.
pub(crate) fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// How a call ended: by its headers, else by its trailers; without either it was cancelled.
pub(crate) fn ended_with(in_headers: Option<Code>, trailers: Option<&HeaderMap>) -> Code {
    in_headers.or_else(|| trailers.and_then(status_of)).unwrap_or(Code::Cancelled)
}

/// The gRPC status in headers or trailers, if it is there.
pub(crate) fn status_of(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|code| Code::from_bytes(code.as_bytes()))
}
