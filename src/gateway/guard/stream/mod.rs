//! Guarding a stream of inference requests: each is read, examined and counted as a call of its own would be.
//!
//! Where all models are only monitored, the stream crosses as it comes, in both directions, and the examinations go on
//! beside it. Otherwise a request is held until its examination lets it pass, since an answer, of which there may be
//! none or many, cannot be withheld later: nobody can tell for certain whose it is. For the same reason the
//! classifier's prediction of the original is made here, and there is nothing to restore.

mod answers;
mod requests;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Request, Response};
use tokio::sync::mpsc;
use tonic::Status;
use tonic::body::Body;
use tracing::Instrument;

use self::answers::Answers;
use self::requests::{Piece, held, watched};
use super::answer::Refusal;
use super::grpc::Grpc;
use super::intake::{Caller, Guarded, Intake, Ticket};
use super::{Guard, conclude, unattributed};
use crate::config::Policy;
use crate::detect::{Action, Decision, Reason};
use crate::gateway::examine::guarded::{GuardedModel, Original};
use crate::gateway::message::room::NO_ROOM;
use crate::gateway::message::stream::{StreamForm, error, errors_end_it};
use crate::gateway::message::tee::Limits;
use crate::gateway::message::wire::frame;
use crate::gateway::upstream::Upstream;
use crate::telemetry;

/// Requests of one stream that are held for their examination at a time; no more of it is read.
const AHEAD: usize = 8;
/// Longest id of a request, in bytes, whose answers are annotated.
const LONGEST_ID: usize = 256;

/// One stream, and what decides on its requests.
struct Stream {
    upstream: Arc<dyn Upstream>,
    intake: Intake,
    transport: Grpc,
    caller: Caller,
    /// Whether the client wants an error to end the stream.
    errors_end_it: bool,
    /// Whether requests are held until they are let pass.
    holds: bool,
}

/// What becomes of a request.
enum Passage {
    /// It goes on, as it came.
    Open(Bytes, Option<Signature>),
    /// It does not.
    Refused(Word),
    /// The client broke off.
    Broken(Status),
}

/// What is told to the client in the place of an answer.
enum Word {
    /// A message, after which the stream goes on.
    Message(Bytes),
    /// The trailers that end the stream.
    End(HeaderMap),
}

/// A decision to be written into the answers to the request `id`.
struct Signature {
    id: String,
    decision: Decision,
    reference: String,
}

/// What the requests' side has the answers' side do.
enum Order {
    Sign(Signature),
    /// Tells the client as soon as it has the answers to the requests that went `before`.
    Tell {
        before: usize,
        word: Word,
    },
}

impl Guard {
    /// Carries one `ModelStreamInfer` call through.
    pub(crate) async fn stream(&self, request: Request<Body>) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let (upstream, intake) = (self.upstream.clone(), self.intake.clone());
        let (limits, room) = (intake.limits(), intake.room().clone());
        let transport = Grpc::of(&parts.headers);
        let caller = Caller::of(&parts.extensions);
        let holds = !intake.only_monitors();
        let errors_end_it = errors_end_it(&parts.headers);
        let stream = Arc::new(Stream { upstream: upstream.clone(), intake, transport, caller, errors_end_it, holds });
        let (orders, ordered) = mpsc::channel(AHEAD);
        let body = if holds {
            // Not everything that was announced may be sent.
            parts.headers.remove(CONTENT_LENGTH);
            held(stream, body, orders)
        } else {
            watched(stream, body, orders)
        };
        let request = Request::from_parts(parts, body);
        let call = Box::pin(async move { upstream.call(request).await });
        let limits = holds.then_some(Limits { inspected: limits.message, ..limits });
        Answers::new(call, ordered, limits, room).begin().await
    }
}

impl Stream {
    /// Reads what came, has it examined and decides. A request that is only monitored does not wait.
    async fn judge(&self, piece: Piece) -> Passage {
        let (captured, arrival) = match piece {
            Piece::Message(captured, arrival) => (captured, arrival),
            Piece::TooLong(status) => {
                telemetry::unattributed_request(Reason::TooLarge.name(), Action::Block.name());
                return Passage::Refused(Word::End(trailers(status.into_http())));
            }
            Piece::Broken(status) => return Passage::Broken(status),
        };
        let bytes = captured.bytes.clone();
        let is_lost = self.holds && captured.cut_off.is_some();
        let ticket = self.intake.read_message(self.transport.clone(), captured, &arrival, Original::Predicted).await;
        arrival.take_up();
        match ticket {
            Ticket::Guarded(guarded) if guarded.model.policy == Policy::Monitor => {
                let log = guarded.pledge.log();
                tokio::spawn(decide(guarded).instrument(log));
                Passage::Open(bytes, None)
            }
            Ticket::Guarded(guarded) => self.passage(bytes, decide(guarded).await).await,
            Ticket::Unguarded => {
                telemetry::unguarded_request();
                Passage::Open(bytes, None)
            }
            Ticket::Unattributed(reason) => self.unattributed(reason, (!is_lost).then_some(bytes)).await,
            // Only a call on its own way to the upstream ends like this.
            Ticket::Refused(_) | Ticket::BrokenOff => self.unattributed(Reason::Malformed, Some(bytes)).await,
        }
    }

    /// Nobody knows whose request this is: the strictest of the configured policies decides. What there was no room for
    /// cannot pass.
    async fn unattributed(&self, reason: Reason, bytes: Option<Bytes>) -> Passage {
        let refusal = match (self.intake.strictest(reason), bytes) {
            (None, None) => {
                telemetry::unattributed_request(reason.name(), Action::Block.name());
                Refusal::of(Status::resource_exhausted(NO_ROOM))
            }
            (strictest, bytes) => match unattributed(reason, strictest) {
                Some(refusal) => refusal,
                None => return Passage::Open(bytes.unwrap_or_default(), None),
            },
        };
        Passage::Refused(self.word(refusal, String::new()).await)
    }

    async fn passage(&self, bytes: Bytes, decided: Decided) -> Passage {
        let Decided { model, id, decision, reason, action, reference } = decided;
        match action {
            Action::Block | Action::Restore => {
                let refusal = Refusal::new(&model, decision, reason, Some(&reference));
                Passage::Refused(self.word(refusal, id).await)
            }
            Action::Annotate if self.is_signed(&id).await => {
                Passage::Open(bytes, Some(Signature { id, decision, reference }))
            }
            Action::Annotate | Action::Pass => Passage::Open(bytes, None),
        }
    }

    /// Whether an answer's id tells whose it is. MLServer writes the first request's into all answers.
    async fn is_signed(&self, id: &str) -> bool {
        (1..=LONGEST_ID).contains(&id.len()) && self.upstream.stream_form().await == StreamForm::Wrapped
    }

    /// The refusal of the request `id`, in a form that this client understands from this upstream.
    async fn word(&self, refusal: Refusal, id: String) -> Word {
        if self.errors_end_it || self.upstream.stream_form().await == StreamForm::Bare {
            return Word::End(trailers(refusal.into_response::<Grpc>()));
        }
        Word::Message(frame(&prost::Message::encode_to_vec(&error(id, refusal.status.message()))))
    }
}

/// What was decided on a request, and counted.
struct Decided {
    model: Arc<GuardedModel>,
    id: String,
    decision: Decision,
    reason: Option<Reason>,
    action: Action,
    reference: String,
}

/// Waits for the examination, decides and counts. What would have to be restored is refused.
async fn decide(guarded: Guarded) -> Decided {
    let Guarded { model, id, examination, pledge, .. } = guarded;
    // It has predicted the original itself.
    let (decision, reason, examined) = conclude(examination, std::future::ready(Err(Reason::Prediction))).await;
    let action = match model.act(decision, reason) {
        Action::Restore => Action::Block,
        action => action,
    };
    let reference = pledge.keep(decision, reason, action, examined).id;
    Decided { model, id, decision, reason, action, reference }
}

/// The trailers that tell what a response without a message tells.
fn trailers(response: Response<Body>) -> HeaderMap {
    let mut trailers = response.into_parts().0.headers;
    trailers.remove(CONTENT_TYPE);
    trailers
}
