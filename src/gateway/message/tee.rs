//! Looking at a body while it passes.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::oneshot;
use tonic::Status;

use super::room::Held;
use super::wire::{HEADER, claimed_length};
use crate::detect::Reason;

/// What was seen of a body.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    /// Its bytes, which take room until their last slice is gone.
    pub(crate) bytes: Bytes,
    /// Why they are not all there, where they are not: there were more than may be inspected, or than there was room for.
    pub(crate) cut_off: Option<Reason>,
    /// Why it was not let through to its end, where it was not.
    pub(crate) refused: Option<Status>,
    /// Its trailers.
    pub(crate) trailers: Option<HeaderMap>,
    /// Whether more followed than was waited for.
    pub(crate) surplus: Surplus,
}

/// Whether more came behind a first message; it may come at any time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surplus(Arc<AtomicBool>);

impl Surplus {
    /// Whether something has come so far.
    pub(crate) fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How much of a body may pass, and how much of it is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Largest message that passes.
    pub(crate) message: usize,
    /// Largest message that is kept for inspection.
    pub(crate) inspected: usize,
}

/// What has to be seen before the copy is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// The first gRPC message. A server may answer it at once, so that its examination must not wait for the client
    /// to end its half of the call: it may never.
    FirstMessage,
    /// Everything, trailers included.
    End,
}

/// Frames put together. A message that comes in one frame is not copied; others are, since many small frames would take
/// many times their length.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    first: Bytes,
    more: BytesMut,
}

/// So many times the length of a first frame is made ready for those that follow: who claims more than he sends gets no more.
const AHEAD: usize = 16;

impl Frames {
    /// Puts one more frame behind the others.
    pub(crate) fn push(&mut self, data: &Bytes) {
        let is_whole = |frame: &Bytes| claimed_length(frame).is_some_and(|claimed| frame.len() >= HEADER + claimed);
        if self.is_empty() && is_whole(data) {
            self.first = data.clone();
            return;
        }
        if !self.first.is_empty() {
            self.more.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.more.extend_from_slice(data);
    }

    /// As [`Frames::push`], where all frames together claim such a length: room is made for them with the first, so that
    /// they are not moved again.
    fn push_of(&mut self, claimed: usize, data: &Bytes) {
        if self.is_empty() && data.len() < claimed {
            self.more.reserve(claimed.min(AHEAD * data.len()));
        }
        self.push(data);
    }

    /// All of them as one run of bytes.
    pub(crate) fn joined(self) -> Bytes {
        if self.more.is_empty() { self.first } else { self.more.freeze() }
    }

    /// How many bytes they are.
    pub(crate) fn len(&self) -> usize {
        self.first.len() + self.more.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A body whose frames pass on untouched while a copy is collected.
pub(crate) struct Tee<B> {
    inner: B,
    until: Until,
    limits: Limits,
    kept: Frames,
    held: Held,
    cut_off: Option<Reason>,
    seen: usize,
    header: BytesMut,
    surplus: Surplus,
    captured: Option<oneshot::Sender<Captured>>,
}

impl<B: Body> Tee<B> {
    /// The body to pass on, and where its copy arrives, which takes room through `held`. The copy never arrives if the
    /// body is abandoned before.
    pub(crate) fn new(inner: B, until: Until, limits: Limits, held: Held) -> (Self, oneshot::Receiver<Captured>) {
        let (sender, receiver) = oneshot::channel();
        let is_empty = inner.is_end_stream();
        let mut tee = Self {
            inner,
            until,
            limits,
            kept: Frames::default(),
            held,
            cut_off: None,
            seen: 0,
            header: BytesMut::new(),
            surplus: Surplus::default(),
            captured: Some(sender),
        };
        // Nobody asks an empty body for its frames.
        if is_empty {
            tee.hand_over(None);
        }
        (tee, receiver)
    }

    /// Keeps the data if there is room; refuses what is, or claims to be, larger than may pass.
    fn look_at(&mut self, data: &Bytes) -> Result<(), Status> {
        if self.captured.is_none() {
            if self.until == Until::FirstMessage && !data.is_empty() {
                self.surplus.0.store(true, Ordering::Relaxed);
            }
            return Ok(());
        }
        let missing = (HEADER - self.header.len()).min(data.len());
        self.header.extend_from_slice(&data[..missing]);
        self.seen = self.seen.saturating_add(data.len());
        let limit = self.limits.message;
        if let Some(claimed) = self.claimed().filter(|&claimed| claimed > limit) {
            return Err(Status::resource_exhausted(format!(
                "the message claims {claimed} bytes, more than the {limit} allowed"
            )));
        }
        self.keep(data);
        if self.until == Until::FirstMessage && (self.cut_off.is_some() || self.surplus_bytes().is_some()) {
            self.surplus.0.store(self.surplus_bytes() > Some(0), Ordering::Relaxed);
            self.hand_over(None);
        }
        Ok(())
    }

    fn keep(&mut self, data: &Bytes) {
        if self.too_large() {
            self.cut_off = Some(Reason::TooLarge);
        } else if self.cut_off.is_none() && !self.held.take(data.len()) {
            self.cut_off = Some(Reason::Overload);
        }
        if self.cut_off.is_some() {
            self.kept = Frames::default();
            self.held.release();
        } else {
            self.kept.push_of(HEADER + self.claimed().unwrap_or(0), data);
        }
    }

    /// The length that the first message claims, once its header is there, or that the whole body has so far.
    fn claimed(&self) -> Option<usize> {
        match self.until {
            Until::FirstMessage => claimed_length(&self.header),
            Until::End => {
                let rest = usize::try_from(self.inner.size_hint().lower()).unwrap_or(usize::MAX);
                Some(self.seen.saturating_add(rest))
            }
        }
    }

    fn too_large(&self) -> bool {
        self.seen.max(self.claimed().unwrap_or(0)) > self.limits.inspected.saturating_add(HEADER)
    }

    /// How many bytes came behind the first message, once that is whole.
    fn surplus_bytes(&self) -> Option<usize> {
        self.seen.checked_sub(HEADER + self.claimed()?)
    }

    fn hand_over(&mut self, trailers: Option<HeaderMap>) {
        let Some(sender) = self.captured.take() else { return };
        let mut bytes = std::mem::take(&mut self.kept).joined();
        if self.until == Until::FirstMessage {
            bytes.truncate(bytes.len() - self.surplus_bytes().unwrap_or(0).min(bytes.len()));
        }
        let (bytes, surplus) = (self.held.handed_over().keep(bytes), self.surplus.clone());
        // Nobody waits for it any more: the request was answered without.
        let _ = sender.send(Captured { bytes, cut_off: self.cut_off, refused: None, trailers, surplus });
    }
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
                self.hand_over(None);
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
            self.hand_over(Some(trailers));
        } else if self.inner.is_end_stream() {
            self.hand_over(None);
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
