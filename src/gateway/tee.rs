//! Looking at a body while it passes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::oneshot;
use tonic::Status;

use super::wire::claimed_length;
use crate::telemetry::InflightBytes;

/// A body that was seen whole.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    /// Its bytes; cut off where it was larger than may be inspected.
    pub(crate) bytes: Bytes,
    /// Whether it was cut off.
    pub(crate) too_large: bool,
    /// Why it was not let through to its end, where it was not.
    pub(crate) refused: Option<Status>,
    /// Its trailers.
    pub(crate) trailers: Option<HeaderMap>,
}

/// How much of a body may pass, and how much of it is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Largest message that passes.
    pub(crate) message: usize,
    /// Largest message that is kept for inspection.
    pub(crate) inspected: usize,
}

/// A body whose frames pass on untouched while a copy is collected (reference-counted, not copied).
pub(crate) struct Tee<B> {
    inner: B,
    limits: Limits,
    kept: Vec<Bytes>,
    kept_bytes: InflightBytes,
    seen: usize,
    header: BytesMut,
    captured: Option<oneshot::Sender<Captured>>,
}

impl<B> Tee<B> {
    /// The body to pass on, and where its copy arrives at its end. The copy never arrives if the body is abandoned.
    pub(crate) fn new(inner: B, limits: Limits) -> (Self, oneshot::Receiver<Captured>) {
        let (sender, receiver) = oneshot::channel();
        let tee = Self {
            inner,
            limits,
            kept: Vec::new(),
            kept_bytes: InflightBytes::default(),
            seen: 0,
            header: BytesMut::new(),
            captured: Some(sender),
        };
        (tee, receiver)
    }

    /// Keeps the data if there is room; refuses a first message that claims to be larger than may pass.
    fn look_at(&mut self, data: &Bytes) -> Result<(), Status> {
        if self.header.len() < 5 {
            let missing = (5 - self.header.len()).min(data.len());
            self.header.extend_from_slice(&data[..missing]);
            if let Some(claimed) = claimed_length(&self.header)
                && claimed > self.limits.message
            {
                let limit = self.limits.message;
                return Err(Status::resource_exhausted(format!(
                    "the message claims {claimed} bytes, more than the {limit} allowed"
                )));
            }
        }
        self.seen += data.len();
        if self.seen <= self.limits.inspected {
            self.kept_bytes.add(data.len());
            self.kept.push(data.clone());
        } else {
            self.kept.clear();
        }
        Ok(())
    }

    fn finish(&mut self, trailers: Option<HeaderMap>) {
        let Some(sender) = self.captured.take() else { return };
        let too_large = self.seen > self.limits.inspected;
        let bytes = join(std::mem::take(&mut self.kept));
        // Nobody waits for it any more: the request was answered without.
        let _ = sender.send(Captured { bytes, too_large, refused: None, trailers });
    }
}

/// Frames as one run of bytes; copied only where there are several.
pub(crate) fn join(mut frames: Vec<Bytes>) -> Bytes {
    if frames.len() == 1 {
        return frames.remove(0);
    }
    let mut joined = BytesMut::with_capacity(frames.iter().map(Bytes::len).sum());
    for frame in frames {
        joined.extend_from_slice(&frame);
    }
    joined.freeze()
}

impl<B> Body for Tee<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<tonic::codegen::StdError>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
            None => {
                self.finish(None);
                return Poll::Ready(None);
            }
            Some(Err(error)) => {
                self.captured = None;
                return Poll::Ready(Some(Err(Status::from_error(error.into()))));
            }
            Some(Ok(frame)) => frame,
        };
        if let Some(data) = frame.data_ref()
            && let Err(status) = self.look_at(data)
        {
            if let Some(sender) = self.captured.take() {
                let _ = sender.send(Captured { refused: Some(status.clone()), ..Captured::default() });
            }
            return Poll::Ready(Some(Err(status)));
        }
        if let Some(trailers) = frame.trailers_ref().cloned() {
            self.finish(Some(trailers));
        } else if self.inner.is_end_stream() {
            self.finish(None);
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A body that reports how its call ended: with which trailers, or without any.
pub(crate) struct Watched<B, F: FnOnce(Option<&HeaderMap>)> {
    inner: B,
    ended: Option<F>,
}

impl<B, F: FnOnce(Option<&HeaderMap>)> Watched<B, F> {
    /// Calls `ended` once, with the trailers or with `None` where the body ended or was abandoned without.
    pub(crate) fn new(inner: B, ended: F) -> Self {
        Self { inner, ended: Some(ended) }
    }

    fn end(&mut self, trailers: Option<&HeaderMap>) {
        if let Some(ended) = self.ended.take() {
            ended(trailers);
        }
    }
}

impl<B, F> Body for Watched<B, F>
where
    B: Body<Data = Bytes> + Unpin,
    F: FnOnce(Option<&HeaderMap>) + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.end(Some(trailers));
                }
            }
            None | Some(Err(_)) => self.end(None),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B, F: FnOnce(Option<&HeaderMap>)> Drop for Watched<B, F> {
    fn drop(&mut self) {
        self.end(None);
    }
}
