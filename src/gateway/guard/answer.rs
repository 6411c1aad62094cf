//! The upstream's answer: read for its predictions, annotated, restored, withheld.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, Response};
use http_body::Frame;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use tonic::Status;
use tonic::body::Body;

use super::restore;
use super::transport::{Head, Transport};
use crate::detect::{Decision, Reason};
use crate::gateway::examine::Examined;
use crate::gateway::examine::guarded::GuardedModel;
use crate::gateway::message::room::Room;
use crate::gateway::message::tee::{Captured, Frames};
use crate::gateway::message::view::{self, Predictions};
use crate::gateway::message::wire;

/// Response metadata of an annotated answer.
pub(crate) const DECISION_HEADER: &str = "portcullis-decision";
const ID_HEADER: &str = "portcullis-id";
/// Response parameters of an annotated answer.
const DECISION_PARAMETER: &str = "portcullis_decision";
const ID_PARAMETER: &str = "portcullis_id";

/// The upstream's predictions in an answer that came whole, one an item.
///
/// # Errors
/// Why they cannot be read.
pub(crate) fn predictions(
    head: &impl Head,
    model: &GuardedModel,
    captured: &Captured,
    items: usize,
    limit: usize,
    room: &Room,
) -> Result<Predictions, Reason> {
    if head.failed(captured.trailers.as_ref()) {
        return Err(Reason::UpstreamError);
    }
    if let Some(reason) = captured.cut_off {
        return Err(reason);
    }
    let response = head.response(&captured.bytes, limit, room)?;
    view::predictions_of(&response, &model.output, items).map_err(|error| {
        tracing::debug!(model = model.name, error, "the answer holds no prediction");
        Reason::Prediction
    })
}

/// A response that was held back; only its beginning where there was no room for the rest.
pub(crate) struct Whole<H> {
    parts: http::response::Parts,
    head: H,
    captured: Captured,
    rest: Option<Body>,
    room: Room,
}

impl<H: Head> Whole<H> {
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
        Ok(Self { head: H::of(&parts), parts, captured, rest, room: room.clone() })
    }

    pub(crate) fn failed(&self) -> bool {
        self.head.failed(self.captured.trailers.as_ref())
    }

    /// As [`predictions`].
    pub(crate) fn predictions(&self, model: &GuardedModel, items: usize, limit: usize) -> Result<Predictions, Reason> {
        predictions(&self.head, model, &self.captured, items, limit, &self.room)
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

    /// The response with the decision in its metadata and, where its message can be read and there is room, in its
    /// parameters.
    pub(crate) fn annotated(mut self, decision: Decision, id: &str) -> Response<Body> {
        sign(&mut self.parts.headers, decision, id);
        let parameters = [(DECISION_PARAMETER, decision.name()), (ID_PARAMETER, id)];
        let mut parts = self.parts.clone();
        let annotated = self.head.annotated(&mut parts, &self.captured.bytes, &parameters, &self.room);
        match annotated.and_then(|bytes| self.with(parts, bytes)) {
            Some(annotated) => annotated.into_response(),
            None => self.into_response(),
        }
    }

    /// The response with what others predict in the place of suspicious items' predictions; `None` where that cannot be.
    pub(crate) fn restored(&self, model: &GuardedModel, examined: &[Examined]) -> Option<Self> {
        let substitutes = restore::substitutes(model, examined)?;
        let response = self.head.response(&self.captured.bytes, usize::MAX, &self.room).ok()?;
        let response = restore::restored(response, &model.output, &substitutes)?;
        let mut parts = self.parts.clone();
        let bytes = self.head.rewritten(&mut parts, &response)?;
        self.with(parts, bytes)
    }

    /// The same response with another body, if it came whole and there is room.
    fn with(&self, mut parts: http::response::Parts, bytes: Bytes) -> Option<Self> {
        let held = self.room.nothing();
        if self.rest.is_some() || !held.take(bytes.len()) {
            return None;
        }
        parts.headers.remove(CONTENT_LENGTH);
        let trailers = self.captured.trailers.clone();
        let captured = Captured { bytes: held.keep(bytes), trailers, ..Captured::default() };
        Some(Self { head: H::of(&parts), parts, captured, rest: None, room: self.room.clone() })
    }
}

/// Puts a decision and its id into response metadata.
pub(crate) fn sign(headers: &mut HeaderMap, decision: Decision, id: &str) {
    headers.insert(DECISION_HEADER, HeaderValue::from_static(decision.name()));
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(ID_HEADER, id);
    }
}

/// The parameters of an answer that say what was decided on its request.
pub(crate) fn parameters(decision: Decision, id: &str) -> [(&'static str, &str); 2] {
    [(DECISION_PARAMETER, decision.name()), (ID_PARAMETER, id)]
}

/// What a client gets instead of the answer: no score, no prediction.
pub(crate) struct Refusal {
    /// The status, whose message says why.
    pub(crate) status: Status,
    /// What was decided, and under which id, where it has one.
    signature: Option<(Decision, String)>,
}

impl Refusal {
    /// Refuses a request in the name of `model`; `id` is the decision's.
    pub(crate) fn new(model: &GuardedModel, decision: Decision, reason: Option<Reason>, id: Option<&str>) -> Self {
        let reference = id.map_or_else(String::new, |id| format!(" (id {id})"));
        let status = match reason.filter(|_| decision == Decision::Undecided) {
            Some(reason) if reason.is_clients_fault() => Status::invalid_argument(format!(
                "refused: the input cannot be examined ({}){reference}",
                reason.name()
            )),
            Some(reason) => Status::new(
                model.block_code,
                format!("refused: the input could not be examined ({}){reference}", reason.name()),
            ),
            None => {
                Status::new(model.block_code, format!("refused: the input is suspected to be adversarial{reference}"))
            }
        };
        Self { status, signature: id.map(|id| (decision, id.to_owned())) }
    }

    /// A refusal without a decision.
    pub(crate) fn of(status: Status) -> Self {
        Self { status, signature: None }
    }

    /// The whole response, on the request's way.
    pub(crate) fn into_response<T: Transport>(self) -> Response<Body> {
        let mut response = T::status(self.status);
        if let Some((decision, id)) = &self.signature {
            sign(response.headers_mut(), *decision, id);
        }
        response
    }
}
