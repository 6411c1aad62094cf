//! The client's half of a stream: cut into requests, which pass at once or once they are let.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream as Sequence, StreamExt, stream};
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::sync::mpsc::Sender;
use tonic::Status;
use tonic::body::Body;

use super::{AHEAD, Order, Passage, Stream, Word};
use crate::detect::Reason;
use crate::gateway::guard::intake::{Arrival, Caller};
use crate::gateway::message::body::unfolded;
use crate::gateway::message::cutter::Cutter;
use crate::gateway::message::tee::{Captured, Limits};

/// A piece of what the client sends.
pub(super) enum Piece {
    /// A request, or what came of one when the client ended the stream in its middle.
    Message(Captured, Arrival),
    /// A request that claims to be larger than may pass; nothing behind it can be told apart.
    TooLong(Status),
    /// The client has gone away.
    Broken(Status),
}

/// What comes in, and the requests that are cut out of it.
struct Inlet {
    body: Body,
    cutter: Cutter,
    /// The request under way, which is counted as cancelled if the rest of it never comes.
    arrival: Option<Arrival>,
    caller: Caller,
}

impl Inlet {
    fn new(stream: &Stream, body: Body, limits: Limits) -> Self {
        let cutter = Cutter::new(limits, stream.intake.room().nothing());
        Self { body, cutter, arrival: None, caller: stream.caller.clone() }
    }

    /// The next frame, and the requests that it completes; `None` for the frame once the stream has ended.
    async fn next(&mut self) -> (Option<Result<Frame<Bytes>, Status>>, Vec<Piece>) {
        let frame = self.body.frame().await;
        let pieces = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or_else(Vec::new, |data| self.cut(data.clone())),
            Some(Err(status)) => vec![Piece::Broken(status.clone())],
            None => {
                self.arrival.take().map(|arrival| Piece::Message(self.cutter.rest(), arrival)).into_iter().collect()
            }
        };
        (frame, pieces)
    }

    fn cut(&mut self, mut data: Bytes) -> Vec<Piece> {
        let mut pieces = Vec::new();
        while !data.is_empty() {
            let arrival = self.arrival.take().unwrap_or_else(|| Arrival::new(self.caller.clone()));
            match self.cutter.take(&mut data) {
                Ok(Some(message)) => pieces.push(Piece::Message(message, arrival)),
                Ok(None) => self.arrival = Some(arrival),
                Err(status) => {
                    arrival.take_up();
                    pieces.push(Piece::TooLong(status));
                    break;
                }
            }
        }
        pieces
    }
}

/// The call is over, whatever the client would still send.
fn over() -> Status {
    Status::cancelled("the call is over")
}

/// A body that passes on what comes while its requests are examined beside it.
pub(super) fn watched(stream: Arc<Stream>, body: Body, orders: Sender<Order>) -> Body {
    let inlet = Inlet::new(&stream, body, stream.intake.limits());
    let watch = Watch { inlet, stream, orders };
    unfolded(Some(watch), |watch| async move {
        let mut watch = watch?;
        match watch.next().await? {
            Ok(frame) => Some((Ok(frame), Some(watch))),
            Err(status) => Some((Err(status), None)),
        }
    })
}

struct Watch {
    inlet: Inlet,
    stream: Arc<Stream>,
    orders: Sender<Order>,
}

impl Watch {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Status>> {
        let (frame, pieces) = tokio::select! {
            biased;
            () = self.orders.closed() => return Some(Err(over())),
            arrived = self.inlet.next() => arrived,
        };
        // Each is read before its end goes on: after that the call may be over at any time.
        for piece in pieces {
            if let Passage::Refused(word) = self.stream.judge(piece).await {
                // What the client is told of has begun to pass already, so that there is no place to keep.
                let _ = self.orders.send(Order::Tell { before: 0, word }).await;
                return Some(Err(over()));
            }
        }
        frame
    }
}

/// A body of the requests that are let pass, in their order.
pub(super) fn held(stream: Arc<Stream>, body: Body, orders: Sender<Order>) -> Body {
    let Limits { message, inspected } = stream.intake.limits();
    // Nothing of a request need be kept that is refused for its size.
    let is_refused = stream.intake.strictest(Reason::TooLarge).is_some();
    let kept = if is_refused { inspected } else { message };
    let inlet = Inlet::new(&stream, body, Limits { message, inspected: kept });
    let pieces = stream::unfold(Some(inlet), |inlet| async move {
        let mut inlet = inlet?;
        let (frame, pieces) = inlet.next().await;
        Some((stream::iter(pieces), matches!(frame, Some(Ok(_))).then_some(inlet)))
    });
    let judged = pieces.flatten().map(move |piece| {
        let stream = stream.clone();
        async move { stream.judge(piece).await }
    });
    let gate = Gate { passages: Box::pin(judged.buffered(AHEAD)), passed: 0, orders };
    unfolded(Some(gate), |gate| async move {
        let mut gate = gate?;
        match gate.next().await? {
            Ok(request) => Some((Ok(Frame::data(request)), Some(gate))),
            Err(status) => Some((Err(status), None)),
        }
    })
}

struct Gate {
    passages: Pin<Box<dyn Sequence<Item = Passage> + Send>>,
    passed: usize,
    orders: Sender<Order>,
}

impl Gate {
    /// The next request that passes. What is refused is told on the way; that may end the stream.
    async fn next(&mut self) -> Option<Result<Bytes, Status>> {
        loop {
            let passage = tokio::select! {
                biased;
                () = self.orders.closed() => return Some(Err(over())),
                passage = self.passages.next() => passage?,
            };
            // If nobody takes an order any more, the call is over, as will be noticed next.
            match passage {
                Passage::Open(request, signature) => {
                    if let Some(signature) = signature {
                        let _ = self.orders.send(Order::Sign(signature)).await;
                    }
                    self.passed += 1;
                    return Some(Ok(request));
                }
                Passage::Refused(word) => {
                    let ends = matches!(word, Word::End(_));
                    let _ = self.orders.send(Order::Tell { before: self.passed, word }).await;
                    if ends {
                        return None;
                    }
                }
                Passage::Broken(status) => return Some(Err(status)),
            }
        }
    }
}
