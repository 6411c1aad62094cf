//! Inference over HTTP, as the guard carries it.

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use tonic::Status;
use tonic::body::Body;

use super::layout::{DOCUMENT_LENGTH, Layout};
use super::message::{self, Written};
use super::route::Model;
use super::{document, error};
use crate::detect::Reason;
use crate::gateway::guard::transport::{self, Read};
use crate::gateway::message::room::Room;
use crate::gateway::message::tee::{Captured, Until};
use crate::proto::inference::ModelInferResponse;

/// A request's way.
pub(super) struct Rest {
    model: Model,
    layout: Result<Layout, Reason>,
}

impl Rest {
    pub(super) fn new(model: Model, headers: &HeaderMap) -> Self {
        Self { model, layout: Layout::of(headers) }
    }
}

impl transport::Transport for Rest {
    const UNTIL: Until = Until::End;
    type Head = Head;

    fn model(&self) -> Option<&str> {
        Some(&self.model.name)
    }

    fn is_compressed(&self, _: &Captured) -> bool {
        self.layout.as_ref().is_ok_and(Layout::is_compressed)
    }

    fn request(&self, captured: &Captured, limit: usize, room: &Room) -> Result<Read, Reason> {
        let layout = self.layout.as_ref().map_err(|reason| *reason)?;
        message::request(&self.model, layout, &captured.bytes, limit, room)
    }

    fn status(status: Status) -> Response<Body> {
        error::response(&status)
    }

    fn too_large(status: Status) -> Response<Body> {
        error::with_status(StatusCode::PAYLOAD_TOO_LARGE, status.message())
    }
}

/// Status and layout of an answer.
pub(super) struct Head {
    status: StatusCode,
    layout: Result<Layout, Reason>,
}

impl Head {
    fn layout(&self) -> Result<&Layout, Reason> {
        self.layout.as_ref().map_err(|reason| *reason)
    }
}

impl transport::Head for Head {
    fn of(parts: &Parts) -> Self {
        Self { status: parts.status, layout: Layout::of(&parts.headers) }
    }

    fn failed(&self, _: Option<&HeaderMap>) -> bool {
        !self.status.is_success()
    }

    fn response(&self, body: &Bytes, limit: usize, room: &Room) -> Result<ModelInferResponse, Reason> {
        message::response(self.layout()?, body, limit, room).map_err(|reason| match reason {
            Reason::TooLarge | Reason::Compression | Reason::Overload => reason,
            // Here that is the upstream's doing.
            _ => Reason::Prediction,
        })
    }

    /// Parameters are put into the document, which is compressed no more.
    fn annotated(&self, parts: &mut Parts, body: &Bytes, parameters: &[(&str, &str)], room: &Room) -> Option<Bytes> {
        let (text, behind) = self.layout().ok()?.split(body, usize::MAX, room).ok()?;
        let mut annotated = document::annotated(&text, parameters)?;
        let document = parts.headers.contains_key(DOCUMENT_LENGTH).then_some(annotated.len());
        annotated.extend_from_slice(&behind);
        lay_out(parts, document);
        Some(annotated.into())
    }

    fn rewritten(&self, parts: &mut Parts, response: &ModelInferResponse) -> Option<Bytes> {
        let Written { body, document } = message::written(response, message::came_binary).ok()?;
        lay_out(parts, document);
        Some(body)
    }
}

/// Says in the headers that the body is plain, and how long the document in it is where bytes follow.
pub(super) fn lay_out(parts: &mut Parts, document: Option<usize>) {
    parts.headers.remove(CONTENT_ENCODING);
    parts.headers.remove(DOCUMENT_LENGTH);
    if let Some(length) = document {
        parts.headers.insert(DOCUMENT_LENGTH, HeaderValue::from(length));
    }
}
