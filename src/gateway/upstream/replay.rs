//! Sending a request again that the server says it has not looked at, as it does when it takes its leave of a connection.

use std::collections::VecDeque;
use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::Reason;
use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

/// How much of a request is remembered, in bytes: little enough for as many as there may be at the same time. A longer one
/// is sent once.
const LONGEST: usize = 64 << 10;

/// A request's body, remembered until the server has answered.
#[derive(Clone)]
pub(super) struct Replay(Arc<Mutex<Source>>);

struct Source {
    /// The data that has been sent; nothing once they need not or cannot be sent again.
    sent: Option<Vec<Bytes>>,
    rest: Body,
    /// How often it has been begun; who began it before is no longer served.
    begun: usize,
}

impl Replay {
    pub(super) fn new(body: Body) -> Self {
        Self(Arc::new(Mutex::new(Source { sent: Some(Vec::new()), rest: body, begun: 0 })))
    }

    /// The body from its beginning; nothing where that is not known any more.
    pub(super) fn begin(&self) -> Option<Body> {
        let (again, begun) = self.lock().begin()?;
        Some(Body::new(Replayed { replay: self.clone(), begun, again }))
    }

    /// Nothing need be remembered any more: the server has answered.
    pub(super) fn settle(&self) {
        self.lock().sent = None;
    }

    fn lock(&self) -> MutexGuard<'_, Source> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    /// What is to be sent again, and how often the body has been begun with this.
    fn begin(&mut self) -> Option<(VecDeque<Bytes>, usize)> {
        let again = self.sent.clone()?.into();
        self.begun += 1;
        Some((again, self.begun))
    }

    fn remember(&mut self, data: &Bytes) {
        let Some(sent) = &mut self.sent else { return };
        sent.push(data.clone());
        if sent.iter().map(Bytes::len).sum::<usize>() > LONGEST {
            self.sent = None;
        }
    }
}

/// Whether the server says that it has not looked at the request: it may be sent again, whatever it asks for.
pub(super) fn is_untouched(error: &(dyn Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |cause| (**cause).source());
    causes.filter_map(|cause| cause.downcast_ref::<h2::Error>()).any(|error| {
        let has_left = error.is_go_away() && error.reason() == Some(Reason::NO_ERROR);
        error.is_remote() && (has_left || (error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM)))
    })
}

/// What was sent before, then the rest.
struct Replayed {
    replay: Replay,
    begun: usize,
    again: VecDeque<Bytes>,
}

impl http_body::Body for Replayed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(data) = self.again.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let mut source = self.replay.lock();
        if source.begun != self.begun {
            return Poll::Ready(Some(Err(Status::cancelled("sent again elsewhere"))));
        }
        let frame = ready!(Pin::new(&mut source.rest).poll_frame(context));
        match frame.as_ref().and_then(|frame| frame.as_ref().ok()).map(Frame::data_ref) {
            Some(Some(data)) => source.remember(data),
            // Trailers are not remembered, so that they are not forgotten either.
            Some(None) => source.sent = None,
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.again.is_empty() && self.replay.lock().rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let again = self.again.iter().map(|data| data.len() as u64).sum::<u64>();
        let mut hint = self.replay.lock().rest.size_hint();
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(again));
        }
        hint.set_lower(hint.lower().saturating_add(again));
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full, StreamBody};

    use super::*;

    fn body(pieces: &[&'static [u8]]) -> Body {
        let frames: Vec<Result<Frame<Bytes>, Status>> =
            pieces.iter().map(|piece| Ok(Frame::data(Bytes::from_static(piece)))).collect();
        Body::new(StreamBody::new(futures_util::stream::iter(frames)))
    }

    async fn text(body: Body) -> Bytes {
        body.collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn a_request_begins_again_wherever_it_had_got_to() {
        for pieces in 0..=3 {
            let replay = Replay::new(body(&[b"one ", b"two ", b"three"]));
            let mut first = replay.begin().unwrap();
            for _ in 0..pieces {
                first.frame().await.unwrap().unwrap();
            }
            let second = replay.begin().unwrap();
            assert_eq!(text(second).await, "one two three", "after {pieces} pieces");
            assert!(pieces == 0 || first.frame().await.unwrap().is_err(), "nobody else takes a piece");
        }
    }

    #[tokio::test]
    async fn what_is_long_or_answered_does_not_begin_again() {
        let long = Replay::new(Body::new(Full::new(Bytes::from(vec![0; LONGEST + 1]))));
        let first = long.begin().unwrap();
        assert_eq!(http_body::Body::size_hint(&first).exact(), Some(LONGEST as u64 + 1));
        assert_eq!(text(first).await.len(), LONGEST + 1);
        assert!(long.begin().is_none());
        let answered = Replay::new(body(&[b"one"]));
        answered.settle();
        assert!(answered.begin().is_none());
    }
}
