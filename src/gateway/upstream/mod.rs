//! What stands behind the gateway: a classifier's server, or models embedded in this process.

mod channel;
mod dial;
mod embedded;
mod gathered;
mod remote;
mod replay;
mod weighed;

use std::future::Future;
use std::pin::Pin;

use http::{Request, Response};
use tonic::body::Body;

pub(crate) use channel::{Channel, Peer};
pub use embedded::{Embedded, EmbeddedModel};
pub use remote::{Remote, RemoteError, signature_of};
pub(super) use remote::{unary, unary_request};

use super::message::stream::StreamForm;

/// A future that an [`Upstream`] returns.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where calls go. It answers every call with a gRPC response; failures are statuses.
pub trait Upstream: Send + Sync {
    /// Carries one gRPC call through, body and trailers streaming in both directions.
    fn call(&self, request: Request<Body>) -> Answer<'_, Response<Body>>;

    /// Whether it says that it is ready.
    fn ready(&self) -> Answer<'_, bool>;

    /// What the answers of its streams are. Where it does not say what server it is, they are taken for bare.
    fn stream_form(&self) -> Answer<'_, StreamForm>;
}

/// What lies at the bottom of an error.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
