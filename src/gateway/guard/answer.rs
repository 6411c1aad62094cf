//! The upstream's answer: read for its predictions, annotated, restored, withheld.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, Response};
use http_body::Frame;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use tonic::body::Body;
use tonic::{Code, Status};

use super::intake::wire_reason;
use super::restore;
use crate::detect::{Decision, Reason};
use crate::gateway::examine::Examined;
use crate::gateway::examine::guarded::GuardedModel;
use crate::gateway::message::room::Room;
use crate::gateway::message::tee::{Captured, Frames};
use crate::gateway::message::view::{self, Predictions};
use crate::gateway::message::wire::{self, WireError};

/// Response metadata of an annotated answer.
pub(crate) const DECISION_HEADER: &str = "portcullis-decision";
const ID_HEADER: &str = "portcullis-id";
/// Response parameters of an annotated answer.
const DECISION_PARAMETER: &str = "portcullis_decision";
const ID_PARAMETER: &str = "portcullis_id";

/// What of a response's headers matters.
pub(crate) struct Head {
    status: Option<Code>,
    encoding: Option<String>,
}

impl Head {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self { status: status_of(headers), encoding: header(headers, "grpc-encoding") }
    }

    /// Whether headers and trailers say that the call failed.
    pub(crate) fn failed(&self, trailers: Option<&HeaderMap>) -> bool {
        let status = self.status.or_else(|| trailers.and_then(status_of));
        status.is_some_and(|code| code != Code::Ok)
    }

    /// The upstream's predictions in an answer that came whole, one an item.
    ///
    /// # Errors
    /// Why they cannot be read.
    pub(crate) fn predictions(
        &self,
        model: &GuardedModel,
        captured: &Captured,
        items: usize,
        limit: usize,
        room: &Room,
    ) -> Result<Predictions, Reason> {
        if self.failed(captured.trailers.as_ref()) {
            return Err(Reason::UpstreamError);
        }
        if let Some(reason) = captured.cut_off {
            return Err(reason);
        }
        let message = wire::single_message(&captured.bytes, self.encoding.as_deref(), limit, room).map_err(
            |error| match error {
                // Here that is the upstream's doing.
                WireError::NotOneMessage | WireError::Decompress => Reason::Prediction,
                error => wire_reason(&error),
            },
        )?;
        view::predictions(message, &model.output, items).map_err(|error| {
            tracing::debug!(model = model.name, error, "the answer holds no prediction");
            Reason::Prediction
        })
    }
}

/// A response that was held back; only its beginning where there was no room for the rest.
pub(crate) struct Whole {
    parts: http::response::Parts,
    head: Head,
    captured: Captured,
    rest: Option<Body>,
    room: Room,
}

impl Whole {
    /// Collects a response of up to `limit` bytes, as long as there is room.
    ///
    /// # Errors
    /// When it breaks off or is larger.
    pub(crate) async fn collect(response: Response<Body>, limit: usize, room: &Room) -> Result<Self, Status> {
        let (parts, mut body) = response.into_parts();
        let (mut frames, mut captured, held) = (Frames::default(), Captured::default(), room.nothing());
        while captured.cut_off.is_none()
            && let Some(frame) = body.frame().await
        {
            match frame?.into_data() {
                Ok(data) if frames.len().saturating_add(data.len()) > limit.saturating_add(wire::HEADER) => {
                    let larger = format!("the answer is larger than the {limit} bytes allowed");
                    return Err(Status::resource_exhausted(larger));
                }
                Ok(data) => {
                    captured.cut_off = if held.take(data.len()) { None } else { Some(Reason::Overload) };
                    frames.push(&data);
                }
                Err(frame) => captured.trailers = frame.into_trailers().ok(),
            }
        }
        captured.bytes = held.keep(frames.joined());
        let rest = captured.cut_off.map(|_| body);
        Ok(Self { head: Head::of(&parts.headers), parts, captured, rest, room: room.clone() })
    }

    pub(crate) fn failed(&self) -> bool {
        self.head.failed(self.captured.trailers.as_ref())
    }

    /// As [`Head::predictions`].
    pub(crate) fn predictions(&self, model: &GuardedModel, items: usize, limit: usize) -> Result<Predictions, Reason> {
        self.head.predictions(model, &self.captured, items, limit, &self.room)
    }

    /// The response as it came.
    pub(crate) fn into_response(self) -> Response<Body> {
        let Captured { bytes, trailers, .. } = self.captured;
        let body = match (self.rest, trailers) {
            (Some(rest), _) => {
                let beginning = stream::iter([Ok(Frame::data(bytes))]);
                Body::new(StreamBody::new(beginning.chain(BodyStream::new(rest))))
            }
            (None, Some(trailers)) => Body::new(Full::new(bytes).with_trailers(std::future::ready(Some(Ok(trailers))))),
            (None, None) if bytes.is_empty() => Body::empty(),
            (None, None) => Body::new(Full::new(bytes)),
        };
        Response::from_parts(self.parts, body)
    }

    /// The response with the decision in its metadata and, where its message can be read, in its parameters.
    pub(crate) fn annotated(mut self, decision: Decision, id: &str) -> Response<Body> {
        sign(&mut self.parts.headers, decision, id);
        if let Some(bytes) = self.with_parameters(decision, id) {
            self.captured.bytes = bytes;
            self.parts.headers.remove(CONTENT_LENGTH);
        }
        self.into_response()
    }

    /// The response with what others predict in the place of suspicious items' predictions; `None` where that cannot be.
    pub(crate) fn restored(&self, model: &GuardedModel, examined: &[Examined]) -> Option<Self> {
        let substitutes = restore::substitutes(model, examined)?;
        let bytes = self.framed(&restore::restored(self.message()?, &model.output, &substitutes)?)?;
        let captured = Captured { bytes, trailers: self.captured.trailers.clone(), ..Captured::default() };
        let (parts, room) = (self.parts.clone(), self.room.clone());
        Some(Self { head: Head::of(&parts.headers), parts, captured, rest: None, room })
    }

    fn message(&self) -> Option<Bytes> {
        wire::single_message(&self.captured.bytes, self.head.encoding.as_deref(), usize::MAX, &self.room).ok()
    }

    /// The message with parameters appended, compressed no more; `None` where it cannot be read or there is no room.
    fn with_parameters(&self, decision: Decision, id: &str) -> Option<Bytes> {
        let message = self.message()?;
        let parameters = [(DECISION_PARAMETER, decision.name()), (ID_PARAMETER, id)];
        self.framed(&wire::append_parameters(&message, &parameters))
    }

    /// The message as an uncompressed frame, if there is room for it.
    fn framed(&self, message: &[u8]) -> Option<Bytes> {
        let held = self.room.nothing();
        held.take(wire::HEADER + message.len()).then(|| held.keep(wire::frame(message)))
    }
}

/// Puts a decision and its id into response metadata.
pub(crate) fn sign(headers: &mut HeaderMap, decision: Decision, id: &str) {
    headers.insert(DECISION_HEADER, HeaderValue::from_static(decision.name()));
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(ID_HEADER, id);
    }
}

/// The status that a client gets instead of the answer: no score, no prediction.
pub(crate) fn refusal(
    model: &GuardedModel,
    decision: Decision,
    reason: Option<Reason>,
    id: Option<&str>,
) -> Response<Body> {
    let reference = id.map_or_else(String::new, |id| format!(" (id {id})"));
    let status = match reason.filter(|_| decision == Decision::Undecided) {
        Some(reason) if reason.is_clients_fault() => {
            Status::invalid_argument(format!("refused: the input cannot be examined ({}){reference}", reason.name()))
        }
        Some(reason) => Status::new(
            model.block_code,
            format!("refused: the input could not be examined ({}){reference}", reason.name()),
        ),
        None => Status::new(model.block_code, format!("refused: the input is suspected to be adversarial{reference}")),
    };
    let mut response = status.into_http();
    if let Some(id) = id {
        sign(response.headers_mut(), decision, id);
    }
    response
}

/// A header's value, where it is text.
pub(crate) fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// The gRPC status in headers or trailers, if it is there.
pub(crate) fn status_of(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|code| Code::from_bytes(code.as_bytes()))
}
