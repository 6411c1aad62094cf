//! Guarding one inference request: forwarded at once, examined at the same time, answered as the policy says.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tonic::body::Body;
use tonic::{Code, Status};

use super::guarded::{Examination, Examined, GuardedModel};
use super::tee::{Captured, Limits, Tee};
use super::upstream::Upstream;
use super::watch::Detections;
use super::wire::{self, WireError};
use super::{ModelLabel, view};
use crate::config::Policy;
use crate::detect::{Action, Decision, Reason, act, worst};
use crate::model::Distribution;
use crate::telemetry::{self, Outcome};

/// Response metadata of an annotated answer.
const DECISION_HEADER: &str = "portcullis-decision";
const ID_HEADER: &str = "portcullis-id";
/// Response parameters of an annotated answer.
const DECISION_PARAMETER: &str = "portcullis_decision";
const ID_PARAMETER: &str = "portcullis_id";

/// Guards every inference request that passes.
pub(crate) struct Guard {
    upstream: Arc<dyn Upstream>,
    models: HashMap<&'static str, Arc<GuardedModel>>,
    limits: Limits,
    permits: Arc<Semaphore>,
    detections: Detections,
}

/// What the request turned out to be, once it was read.
enum Ticket {
    /// A model that nobody asked us to guard.
    Unguarded,
    /// Larger than may pass.
    Refused(Status),
    /// The request never came whole: the client or the upstream broke off.
    BrokenOff,
    /// No inference request that can be read, so that nobody knows whose it is.
    Unattributed(Reason),
    /// A guarded model's.
    Guarded(Guarded),
}

/// A guarded request on its way.
struct Guarded {
    model: Arc<GuardedModel>,
    /// Under way, or why there is none.
    examination: Result<Examination, Reason>,
    pledge: Pledge,
    _permit: Option<OwnedSemaphorePermit>,
}

/// The promise that a guarded request ends up in exactly one decision counter, even if its client goes away.
struct Pledge {
    model: Arc<GuardedModel>,
    detections: Detections,
    kept: bool,
}

impl Pledge {
    fn keep(mut self, decision: Decision, reason: Option<Reason>, action: Action, examined: Vec<Examined>) -> Outcome {
        self.kept = true;
        self.record(decision, reason, action, examined)
    }

    fn record(&self, decision: Decision, reason: Option<Reason>, action: Action, examined: Vec<Examined>) -> Outcome {
        let verdicts = examined.iter().filter_map(|item| item.as_ref().ok().map(|item| item.0.clone())).collect();
        let id = uuid::Uuid::now_v7().to_string();
        let outcome = Outcome { id, decision, reason, action, verdicts };
        self.model.metrics.decided(&outcome);
        if decision != Decision::Clean {
            self.detections.publish(&self.model, &outcome, &examined);
        }
        outcome
    }
}

impl Drop for Pledge {
    fn drop(&mut self) {
        if !self.kept {
            self.record(Decision::Undecided, Some(Reason::Cancelled), Action::Pass, Vec::new());
        }
    }
}

/// How the upstream's answer began, and when.
struct Answered {
    response: Response<Body>,
    waited: Duration,
}

impl Guard {
    pub(crate) fn new(
        upstream: Arc<dyn Upstream>,
        models: impl IntoIterator<Item = Arc<GuardedModel>>,
        limits: Limits,
        max_examinations: usize,
        detections: Detections,
    ) -> Self {
        let models = models.into_iter().map(|model| (model.name, model)).collect();
        Self { upstream, models, limits, permits: Arc::new(Semaphore::new(max_examinations)), detections }
    }

    pub(crate) fn model(&self, name: &str) -> Option<&Arc<GuardedModel>> {
        self.models.get(name)
    }

    pub(crate) fn detections(&self) -> &Detections {
        &self.detections
    }

    /// Carries one `ModelInfer` call through.
    pub(crate) async fn infer(&self, request: Request<Body>) -> Response<Body> {
        let arrived = Instant::now();
        let encoding = header(request.headers(), "grpc-encoding");
        let (parts, body) = request.into_parts();
        let (tee, captured) = Tee::new(body, self.limits);
        let forwarded = self.upstream.call(Request::from_parts(parts, Body::new(tee)));
        let call = async {
            let began = Instant::now();
            let response = forwarded.await;
            Answered { response, waited: began.elapsed() }
        };
        let (answered, ticket) = tokio::join!(call, self.read(captured, encoding.as_deref()));
        match ticket {
            Ticket::Refused(status) => {
                telemetry::unattributed_request(Reason::TooLarge.name(), Action::Block.name());
                status.into_http()
            }
            Ticket::Unguarded => {
                telemetry::unguarded_request();
                answered.response
            }
            Ticket::BrokenOff => {
                let failed = status_of(answered.response.headers()) != Some(Code::Ok);
                let reason = if failed { Reason::UpstreamError } else { Reason::Cancelled };
                telemetry::unattributed_request(reason.name(), Action::Pass.name());
                answered.response
            }
            Ticket::Unattributed(reason) => self.unattributed(reason, answered.response),
            Ticket::Guarded(guarded) => {
                let label = ModelLabel(guarded.model.name);
                let mut response = match guarded.model.policy {
                    Policy::Monitor => self.monitor(guarded, answered, arrived),
                    Policy::Annotate | Policy::Block => self.enforce(guarded, answered, arrived).await,
                };
                response.extensions_mut().insert(label);
                response
            }
        }
    }

    /// Reads the request as soon as it has passed, and starts its examination.
    async fn read(&self, captured: oneshot::Receiver<Captured>, encoding: Option<&str>) -> Ticket {
        let Ok(captured) = captured.await else { return Ticket::BrokenOff };
        if let Some(status) = captured.refused {
            return Ticket::Refused(status);
        }
        if captured.too_large {
            return Ticket::Unattributed(Reason::TooLarge);
        }
        let request = match wire::single_message(&captured.bytes, encoding, self.limits.inspected) {
            Ok(message) => view::request(message),
            Err(error) => return Ticket::Unattributed(wire_reason(&error)),
        };
        let Ok(request) = request else { return Ticket::Unattributed(Reason::Malformed) };
        let Some(model) = self.models.get(request.model_name.as_str()) else { return Ticket::Unguarded };
        let pledge = Pledge { model: model.clone(), detections: self.detections.clone(), kept: false };
        let Ok(permit) = self.permits.clone().try_acquire_owned() else {
            let examination = Err(Reason::Overload);
            return Ticket::Guarded(Guarded { model: model.clone(), examination, pledge, _permit: None });
        };
        let examination = model.examine(&request).map_err(|error| {
            tracing::debug!(model = model.name, %error, "the guarded input cannot be read");
            error.reason()
        });
        Ticket::Guarded(Guarded { model: model.clone(), examination, pledge, _permit: Some(permit) })
    }

    /// Nobody knows whose request this is: the strictest of the configured policies decides.
    fn unattributed(&self, reason: Reason, response: Response<Body>) -> Response<Body> {
        let strict = self
            .models
            .values()
            .find(|model| act(model.policy, model.on_undecided, Decision::Undecided) == Action::Block);
        match strict {
            Some(model) => {
                telemetry::unattributed_request(reason.name(), Action::Block.name());
                refusal(model, Decision::Undecided, Some(reason), None)
            }
            None => {
                telemetry::unattributed_request(reason.name(), Action::Pass.name());
                response
            }
        }
    }

    /// Lets the answer pass as it is; the examination goes on beside it.
    fn monitor(&self, guarded: Guarded, answered: Answered, arrived: Instant) -> Response<Body> {
        let Answered { response, waited } = answered;
        let (parts, body) = response.into_parts();
        let head = Head::of(&parts.headers);
        let (tee, captured) = Tee::new(body, Limits { message: usize::MAX, ..self.limits });
        let limit = self.limits.inspected;
        guarded.model.metrics.answered(waited, arrived.elapsed().saturating_sub(waited));
        tokio::spawn(async move {
            let Guarded { model, examination, pledge, _permit } = guarded;
            let items = examination.as_ref().map_or(0, Examination::items);
            let answer = {
                let model = model.clone();
                async move {
                    if head.failed() {
                        return Err(Reason::UpstreamError);
                    }
                    let captured = captured.await.map_err(|_| Reason::Cancelled)?;
                    predictions(&model, &head, &captured, items, limit)
                }
            };
            let (decision, reason, examined) = conclude(examination, answer).await;
            pledge.keep(decision, reason, Action::Pass, examined);
        });
        Response::from_parts(parts, Body::new(tee))
    }

    /// Holds the answer back until the examination has ended.
    async fn enforce(&self, guarded: Guarded, answered: Answered, arrived: Instant) -> Response<Body> {
        let Guarded { model, examination, pledge, _permit } = guarded;
        let Answered { response, waited } = answered;
        let began = Instant::now();
        let whole = match collect(response, self.limits.message).await {
            Ok(whole) => whole,
            Err(status) => {
                pledge.keep(Decision::Undecided, Some(Reason::UpstreamError), Action::Pass, Vec::new());
                return status.into_http();
            }
        };
        let waited = waited + began.elapsed();
        let items = examination.as_ref().map_or(0, Examination::items);
        let failed = whole.failed();
        let answer = if failed {
            Err(Reason::UpstreamError)
        } else {
            predictions(&model, &whole.head, &whole.captured, items, self.limits.message)
        };
        let (decision, reason, examined) = conclude(examination, std::future::ready(answer)).await;
        // An error of the upstream's holds no prediction: it passes as it is.
        let action = match act(model.policy, model.on_undecided, decision) {
            _ if failed => Action::Pass,
            action => action,
        };
        let outcome = pledge.keep(decision, reason, action, examined);
        model.metrics.answered(waited, arrived.elapsed().saturating_sub(waited));
        match action {
            Action::Pass => whole.into_response(),
            Action::Annotate => whole.annotated(decision, &outcome.id),
            Action::Block => refusal(&model, decision, reason, Some(&outcome.id)),
        }
    }
}

/// The decision on the whole request, why it is undecided, and the outcome of each item.
async fn conclude(
    examination: Result<Examination, Reason>,
    answer: impl Future<Output = Result<Vec<Distribution>, Reason>>,
) -> (Decision, Option<Reason>, Vec<Examined>) {
    let examined = match examination {
        Ok(examination) => examination.decide(answer).await,
        Err(reason) => vec![Err(reason)],
    };
    let decision = worst(examined.iter().map(|item| match item {
        Ok((verdict, _)) => verdict.decision,
        Err(_) => Decision::Undecided,
    }));
    let reason = examined.iter().find_map(|item| item.as_ref().err().copied());
    (decision, reason.filter(|_| decision == Decision::Undecided), examined)
}

/// What of a response's headers matters.
struct Head {
    status: Option<Code>,
    encoding: Option<String>,
}

impl Head {
    fn of(headers: &HeaderMap) -> Self {
        Self { status: status_of(headers), encoding: header(headers, "grpc-encoding") }
    }

    /// Whether the headers alone say that the call failed.
    fn failed(&self) -> bool {
        self.status.is_some_and(|code| code != Code::Ok)
    }
}

/// The upstream's predictions in an answer that came whole.
fn predictions(
    model: &GuardedModel,
    head: &Head,
    captured: &Captured,
    items: usize,
    limit: usize,
) -> Result<Vec<Distribution>, Reason> {
    if captured.trailers.as_ref().and_then(status_of).is_some_and(|code| code != Code::Ok) {
        return Err(Reason::UpstreamError);
    }
    if captured.too_large {
        return Err(Reason::TooLarge);
    }
    let message =
        wire::single_message(&captured.bytes, head.encoding.as_deref(), limit).map_err(|error| wire_reason(&error))?;
    view::predictions(message, &model.output, items).map_err(|error| {
        tracing::debug!(model = model.name, error, "the answer holds no prediction");
        Reason::Prediction
    })
}

/// A response that was held back.
struct Whole {
    parts: http::response::Parts,
    head: Head,
    captured: Captured,
}

async fn collect(response: Response<Body>, limit: usize) -> Result<Whole, Status> {
    let (parts, body) = response.into_parts();
    let collected = Limited::new(body, limit.saturating_add(5)).collect().await.map_err(|error| {
        match error.downcast::<Status>() {
            Ok(status) => *status,
            Err(_) => Status::resource_exhausted(format!("the answer is larger than the {limit} bytes allowed")),
        }
    })?;
    let trailers = collected.trailers().cloned();
    let captured = Captured { bytes: collected.to_bytes(), too_large: false, refused: None, trailers };
    Ok(Whole { head: Head::of(&parts.headers), parts, captured })
}

impl Whole {
    fn failed(&self) -> bool {
        self.head.failed() || self.captured.trailers.as_ref().and_then(status_of).is_some_and(|code| code != Code::Ok)
    }

    /// The response as it came.
    fn into_response(self) -> Response<Body> {
        let Captured { bytes, trailers, .. } = self.captured;
        Response::from_parts(self.parts, body(bytes, trailers))
    }

    /// The response with the decision in its metadata and, where its message can be read, in its parameters.
    fn annotated(mut self, decision: Decision, id: &str) -> Response<Body> {
        let headers = &mut self.parts.headers;
        headers.insert(DECISION_HEADER, HeaderValue::from_static(decision.name()));
        if let Ok(id) = HeaderValue::from_str(id) {
            headers.insert(ID_HEADER, id);
        }
        let encoding = self.head.encoding.as_deref();
        if let Ok(message) = wire::single_message(&self.captured.bytes, encoding, usize::MAX) {
            let parameters = [(DECISION_PARAMETER, decision.name()), (ID_PARAMETER, id)];
            self.captured.bytes = wire::frame(&wire::append_parameters(&message, &parameters));
        }
        self.into_response()
    }
}

fn body(bytes: Bytes, trailers: Option<HeaderMap>) -> Body {
    match trailers {
        Some(trailers) => Body::new(Full::new(bytes).with_trailers(std::future::ready(Some(Ok(trailers))))),
        None => Body::new(Full::new(bytes)),
    }
}

/// The status that a client gets instead of the answer: no score, no prediction.
fn refusal(model: &GuardedModel, decision: Decision, reason: Option<Reason>, id: Option<&str>) -> Response<Body> {
    let reference = id.map_or_else(String::new, |id| format!(" (id {id})"));
    let status = match reason.filter(|_| decision == Decision::Undecided) {
        Some(reason) if reason.is_clients_fault() => {
            Status::invalid_argument(format!("refused: the input cannot be examined ({}){reference}", reason.name()))
        }
        Some(reason) => Status::new(
            model.block_code,
            format!("refused: the input could not be examined ({}){reference}", reason.name()),
        ),
        None => Status::new(model.block_code, format!("refused: the input is suspected to be adversarial{reference}")),
    };
    let mut response = status.into_http();
    if let Some(id) = id.and_then(|id| HeaderValue::from_str(id).ok()) {
        response.headers_mut().insert(ID_HEADER, id);
        response.headers_mut().insert(DECISION_HEADER, HeaderValue::from_static(decision.name()));
    }
    response
}

fn wire_reason(error: &WireError) -> Reason {
    match error {
        WireError::TooLarge { .. } => Reason::TooLarge,
        WireError::Encoding(_) => Reason::Compression,
        WireError::NotOneMessage | WireError::Decompress => Reason::Malformed,
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// The gRPC status in headers or trailers, if it is there.
pub(crate) fn status_of(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|code| Code::from_bytes(code.as_bytes()))
}
