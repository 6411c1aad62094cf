//! Guarding one inference request: forwarded at once, examined at the same time, answered as the policy says.

pub(super) mod answer;
pub(super) mod grpc;
pub(super) mod intake;
pub(super) mod restore;
mod stream;
pub(super) mod transport;

use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tracing::Instrument;

use self::answer::{Refusal, Whole, predictions, sign};
use self::intake::{Arrival, Caller, Guarded, Intake, Pledge, Ticket};
use self::transport::{Head, Transport};
use crate::config::{OnUndecided, Policy};
use crate::detect::{Action, Decision, Reason, worst};
use crate::gateway::ModelLabel;
use crate::gateway::detections::Detections;
use crate::gateway::examine::guarded::GuardedModel;
use crate::gateway::examine::{Examination, Examined};
use crate::gateway::message::tee::{Limits, Tee, Until};
use crate::gateway::message::view::Predictions;
use crate::gateway::upstream::Upstream;
use crate::telemetry;

/// Guards every inference request that passes.
pub(crate) struct Guard {
    upstream: Arc<dyn Upstream>,
    intake: Intake,
    streams: OnUndecided,
}

/// How the upstream's answer began, and when.
struct Answered {
    response: Response<Body>,
    waited: Duration,
}

impl Guard {
    pub(crate) fn new(upstream: Arc<dyn Upstream>, intake: Intake, streams: OnUndecided) -> Self {
        Self { upstream, intake, streams }
    }

    pub(crate) fn upstream(&self) -> &Arc<dyn Upstream> {
        &self.upstream
    }

    pub(crate) fn models(&self) -> impl Iterator<Item = &Arc<GuardedModel>> {
        self.intake.models()
    }

    pub(crate) fn model(&self, name: &str) -> Option<&Arc<GuardedModel>> {
        self.intake.model(name)
    }

    pub(crate) fn detections(&self) -> &Detections {
        self.intake.detections()
    }

    /// Carries one inference request through: it travels by `transport`, and `forward` sends it on.
    pub(crate) async fn infer<T: Transport, F: Future<Output = Response<Body>>>(
        &self,
        transport: T,
        request: Request<Body>,
        forward: impl FnOnce(Request<Body>) -> F,
    ) -> Response<Body> {
        let arrived = Instant::now();
        let arrival = Arrival::new(Caller::of(request.extensions()));
        let (parts, body) = request.into_parts();
        let (tee, captured) = Tee::new(body, T::UNTIL, self.intake.limits(), self.intake.room().nothing());
        let forwarded = forward(Request::from_parts(parts, Body::new(tee)));
        let call = async {
            let began = Instant::now();
            let response = forwarded.await;
            Answered { response, waited: began.elapsed() }
        };
        let mut call = pin!(call);
        let (ticket, answered) = match select(pin!(self.intake.read(transport, captured, &arrival)), &mut call).await {
            Either::Left((ticket, _)) => (ticket, None),
            Either::Right((answered, reading)) => (reading.await, Some(answered)),
        };
        let ticket = match self.turn_away::<T>(ticket) {
            ControlFlow::Continue(ticket) => ticket,
            ControlFlow::Break(refusal) => {
                arrival.take_up();
                return refusal;
            }
        };
        let answered = match answered {
            Some(answered) => answered,
            None => call.await,
        };
        arrival.take_up();
        match ticket {
            Ticket::Unguarded => {
                telemetry::unguarded_request();
                answered.response
            }
            Ticket::BrokenOff => self.broken_off::<T>(answered.response),
            Ticket::Unattributed(reason) => self.unattributed::<T>(reason).unwrap_or(answered.response),
            Ticket::Refused(status) => refused::<T>(status),
            Ticket::Guarded(guarded) => {
                let label = ModelLabel(guarded.model.name);
                let mut response = match guarded.model.policy {
                    Policy::Monitor => self.monitor::<T>(guarded, answered, arrived),
                    Policy::Annotate | Policy::Block | Policy::Restore => {
                        self.enforce::<T>(guarded, answered, arrived).await
                    }
                };
                response.extensions_mut().insert(label);
                response
            }
        }
    }

    /// Refuses at once what no answer of the upstream's could save.
    fn turn_away<T: Transport>(&self, ticket: Ticket) -> ControlFlow<Response<Body>, Ticket> {
        match ticket {
            Ticket::Refused(status) => ControlFlow::Break(refused::<T>(status)),
            Ticket::Unattributed(reason) => {
                let refusal = self.intake.strictest(reason).and_then(|strictest| unattributed(reason, Some(strictest)));
                refusal
                    .map_or(ControlFlow::Continue(ticket), |refusal| ControlFlow::Break(refusal.into_response::<T>()))
            }
            Ticket::Guarded(Guarded {
                model,
                examination: Err(reason @ (Reason::Overload | Reason::SharedMemory)),
                pledge,
                ..
            }) if model.refuses(reason) => {
                let outcome =
                    pledge.keep(Decision::Undecided, Some(reason), Action::Block, vec![Examined::not(reason)]);
                let refusal = Refusal::new(&model, Decision::Undecided, Some(reason), Some(&outcome.id));
                let mut refusal = refusal.into_response::<T>();
                refusal.extensions_mut().insert(ModelLabel(model.name));
                ControlFlow::Break(refusal)
            }
            ticket => ControlFlow::Continue(ticket),
        }
    }

    /// What was answered to a request that never came whole: an error passes.
    fn broken_off<T: Transport>(&self, response: Response<Body>) -> Response<Body> {
        let (parts, body) = response.into_parts();
        let failed = T::Head::of(&parts).failed(None);
        let response = Response::from_parts(parts, body);
        if failed {
            telemetry::unattributed_request(Reason::UpstreamError.name(), Action::Pass.name());
            return response;
        }
        self.unattributed::<T>(Reason::Malformed).unwrap_or(response)
    }

    /// The refusal of a request of which nobody knows whose it is, if there is one: the strictest of the configured
    /// policies decides. Counted either way.
    pub(crate) fn unattributed<T: Transport>(&self, reason: Reason) -> Option<Response<Body>> {
        unattributed(reason, self.intake.strictest(reason)).map(Refusal::into_response::<T>)
    }

    /// The refusal of inference that is not examined, if there is one. Counted either way.
    pub(crate) fn unexamined<T: Transport>(&self) -> Option<Response<Body>> {
        let strictest = self.intake.strictest(Reason::Streaming).filter(|_| self.streams == OnUndecided::Block);
        unattributed(Reason::Streaming, strictest).map(Refusal::into_response::<T>)
    }

    /// The refusal to register a shared-memory region, if the upstream could leave there for the client what is to be
    /// withheld from it.
    pub(crate) fn sharing_refused<T: Transport>(&self) -> Option<Response<Body>> {
        let refusing = self.intake.strictest(Reason::SharedMemory)?;
        Some(Refusal::new(refusing, Decision::Undecided, Some(Reason::SharedMemory), None).into_response::<T>())
    }

    /// Lets the answer pass as it is; the examination goes on beside it.
    fn monitor<T: Transport>(&self, guarded: Guarded, answered: Answered, arrived: Instant) -> Response<Body> {
        let Answered { response, waited } = answered;
        let (parts, body) = response.into_parts();
        let head = T::Head::of(&parts);
        let limits = Limits { message: usize::MAX, ..self.intake.limits() };
        let room = self.intake.room().clone();
        let (tee, captured) = Tee::new(body, Until::End, limits, room.nothing());
        guarded.model.metrics.answered(waited, arrived.elapsed().saturating_sub(waited));
        let log = guarded.pledge.log();
        let concluded = async move {
            let Guarded { model, examination, pledge, .. } = guarded;
            let items = examination.as_ref().map_or(0, Examination::items);
            let answer = async {
                if head.failed(None) {
                    return Err(Reason::UpstreamError);
                }
                let captured = captured.await.map_err(|_| Reason::Cancelled)?;
                predictions(&head, &model, &captured, items, limits.inspected, &room)
            };
            let (decision, reason, examined) = conclude(examination, answer).await;
            pledge.keep(decision, reason, Action::Pass, examined);
        };
        tokio::spawn(concluded.instrument(log));
        Response::from_parts(parts, Body::new(tee))
    }

    /// Holds the answer back until the examination has ended.
    async fn enforce<T: Transport>(&self, guarded: Guarded, answered: Answered, arrived: Instant) -> Response<Body> {
        let Guarded { model, examination, surplus, pledge, .. } = guarded;
        let Answered { response, waited } = answered;
        let limit = self.intake.limits().message;
        if let Err(reason @ Reason::Overload) = examination {
            return passed_over(&model, reason, pledge, response);
        }
        let began = Instant::now();
        let whole = match Whole::<T::Head>::collect(response, limit, self.intake.room()).await {
            Ok(whole) => whole,
            Err(status) => {
                pledge.keep(Decision::Undecided, Some(Reason::UpstreamError), Action::Pass, Vec::new());
                return T::status(status);
            }
        };
        let waited = waited + began.elapsed();
        let items = examination.as_ref().map_or(0, Examination::items);
        let failed = whole.failed();
        let answer = if failed { Err(Reason::UpstreamError) } else { whole.predictions(&model, items, limit) };
        let (mut decision, mut reason, examined) = conclude(examination, std::future::ready(answer)).await;
        if surplus.came() && decision != Decision::Suspicious {
            (decision, reason) = (Decision::Undecided, Some(Reason::Malformed));
        }
        // An error of the upstream's holds no prediction: it passes as it is.
        let wanted = if failed { Action::Pass } else { model.act(decision, reason) };
        let is_restorable = wanted == Action::Restore && !surplus.came();
        let restored = if is_restorable { whole.restored(&model, &examined) } else { None };
        // What cannot be restored is refused.
        let action = if wanted == Action::Restore && restored.is_none() { Action::Block } else { wanted };
        let outcome = pledge.keep(decision, reason, action, examined);
        model.metrics.answered(waited, arrived.elapsed().saturating_sub(waited));
        match (action, restored) {
            (Action::Pass, _) => whole.into_response(),
            (Action::Annotate, _) => whole.annotated(decision, &outcome.id),
            (_, Some(restored)) => restored.annotated(decision, &outcome.id),
            (Action::Block | Action::Restore, None) => {
                Refusal::new(&model, decision, reason, Some(&outcome.id)).into_response::<T>()
            }
        }
    }
}

/// The refusal of a request that is larger than may pass, counted.
fn refused<T: Transport>(status: Status) -> Response<Body> {
    telemetry::unattributed_request(Reason::TooLarge.name(), Action::Block.name());
    T::too_large(status)
}

/// The refusal of a request that cannot be attributed to a model, in the name of the one that is `refusing`, if there is
/// one. Counted either way.
fn unattributed(reason: Reason, refusing: Option<&GuardedModel>) -> Option<Refusal> {
    let action = if refusing.is_some() { Action::Block } else { Action::Pass };
    telemetry::unattributed_request(reason.name(), action.name());
    Some(Refusal::new(refusing?, Decision::Undecided, Some(reason), None))
}

/// What was not examined for want of room takes none: its answer passes as it comes.
fn passed_over(model: &GuardedModel, reason: Reason, pledge: Pledge, mut response: Response<Body>) -> Response<Body> {
    let action = model.act(Decision::Undecided, Some(reason));
    let outcome = pledge.keep(Decision::Undecided, Some(reason), action, vec![Examined::not(reason)]);
    if action == Action::Annotate {
        sign(response.headers_mut(), Decision::Undecided, &outcome.id);
    }
    response
}

/// The decision on the whole request, why it is undecided, and the outcome of each item. Of several reasons one that
/// is the client's fault is told, since that one decides what happens.
async fn conclude(
    examination: Result<Examination, Reason>,
    answer: impl Future<Output = Result<Predictions, Reason>>,
) -> (Decision, Option<Reason>, Vec<Examined>) {
    let examined = match examination {
        Ok(examination) => examination.decide(answer).await,
        Err(reason) => vec![Examined::not(reason)],
    };
    let decision = worst(examined.iter().map(Examined::decision));
    let reasons = || examined.iter().filter_map(|item| item.outcome.as_ref().err().copied());
    let reason = reasons().find(|reason| reason.is_clients_fault()).or_else(|| reasons().next());
    (decision, reason.filter(|_| decision == Decision::Undecided), examined)
}
