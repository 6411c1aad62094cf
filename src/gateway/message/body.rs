//! Bodies that are made piece by piece.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body::Frame;
use http_body_util::StreamBody;
use tonic::Status;
use tonic::body::Body;

/// A body whose pieces come one after the other from `next`, which gives a piece and the state for what follows.
pub(crate) fn unfolded<T, F>(state: T, next: impl FnMut(T) -> F + Send + 'static) -> Body
where
    T: Send + 'static,
    F: Future<Output = Option<(Result<Frame<Bytes>, Status>, T)>> + Send + 'static,
{
    // Some ask once more behind the end.
    Body::new(StreamBody::new(stream::unfold(state, next).fuse()))
}
