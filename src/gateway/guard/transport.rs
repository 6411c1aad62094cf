//! What differs between the ways on which inference travels, gRPC and REST; all else about guarding is the same.

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Response};
use tonic::Status;
use tonic::body::Body;

use crate::detect::Reason;
use crate::gateway::message::room::{Held, Room};
use crate::gateway::message::tee::{Captured, Until};
use crate::proto::inference::{ModelInferRequest, ModelInferResponse};

/// One inference request's way, which reads it and answers in the gateway's name.
pub(crate) trait Transport: Send + 'static {
    /// What has to be seen of a request before it is examined.
    const UNTIL: Until;
    /// What reads and writes answers.
    type Head: Head;

    /// The model that is asked, where it is known before the message is read.
    fn model(&self) -> Option<&str>;

    /// Whether the message is read only once it is unpacked.
    fn is_compressed(&self, captured: &Captured) -> bool;

    /// A view of the request, made of no more than `limit` bytes, if there is `room`.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn request(&self, captured: &Captured, limit: usize, room: &Room) -> Result<Read, Reason>;

    /// A status as a response.
    fn status(status: Status) -> Response<Body>;

    /// The response to a message that is larger than may pass.
    fn too_large(status: Status) -> Response<Body> {
        Self::status(status)
    }
}

/// A request that was read.
pub(crate) struct Read {
    pub(crate) request: ModelInferRequest,
    /// Bytes of the message that it was read from.
    pub(crate) length: usize,
    /// What it takes.
    pub(crate) held: Held,
}

/// What of a response's head matters.
pub(crate) trait Head: Send + Sync + 'static {
    fn of(parts: &Parts) -> Self;

    /// Whether head and trailers say that the call failed.
    fn failed(&self, trailers: Option<&HeaderMap>) -> bool;

    /// A view of the answer, made of no more than `limit` bytes, if there is `room`.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn response(&self, body: &Bytes, limit: usize, room: &Room) -> Result<ModelInferResponse, Reason>;

    /// The body with parameters added, all else as it was, and `parts` that belong to it; `None`, and `parts` untouched,
    /// where it cannot be read.
    fn annotated(&self, parts: &mut Parts, body: &Bytes, parameters: &[(&str, &str)], room: &Room) -> Option<Bytes>;

    /// Another answer in the form of the one that came, and `parts` that belong to it.
    fn rewritten(&self, parts: &mut Parts, response: &ModelInferResponse) -> Option<Bytes>;
}
