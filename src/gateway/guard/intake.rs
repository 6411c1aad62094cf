//! Reading an inference request that passes: whose it is, and what of it is to be examined.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::Extensions;
use tokio::sync::{Semaphore, oneshot};
use tonic::Status;
use uuid::{NoContext, Timestamp, Uuid};

use super::transport::{Read, Transport};
use crate::config::Policy;
use crate::detect::{Action, Decision, Reason};
use crate::evidence::Client;
use crate::gateway::detections::Detections;
use crate::gateway::examine::guarded::{GuardedModel, Original};
use crate::gateway::examine::{Examination, Examined};
use crate::gateway::message::room::Room;
use crate::gateway::message::tee::{Captured, Limits, Surplus};
use crate::gateway::trace;
use crate::telemetry::{self, Outcome, Span, Trace};

/// Messages of more bytes, and all compressed ones, are read beside the threads that carry requests, which have answers to carry
/// meanwhile.
const LONG: usize = 64 << 10;

/// Reads requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Intake(Arc<Desk>);

struct Desk {
    models: HashMap<&'static str, Arc<GuardedModel>>,
    limits: Limits,
    room: Room,
    permits: Arc<Semaphore>,
    detections: Detections,
}

/// What a request turned out to be, once it was read.
pub(crate) enum Ticket {
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
pub(crate) struct Guarded {
    pub(crate) model: Arc<GuardedModel>,
    /// What the client calls the request; it may be empty.
    pub(crate) id: String,
    /// Under way, or why there is none.
    pub(crate) examination: Result<Examination, Reason>,
    /// Whether more came behind the message that is examined.
    pub(crate) surplus: Surplus,
    pub(crate) pledge: Pledge,
}

/// What is known of a call beside its messages.
#[derive(Clone, Default)]
pub(crate) struct Caller {
    /// Who has made it, where that is known.
    client: Option<Arc<Client>>,
    /// Where its spans belong.
    trace: Trace,
}

impl Caller {
    pub(crate) fn of(extensions: &Extensions) -> Self {
        Self { client: extensions.get().cloned(), trace: trace::of(extensions) }
    }
}

/// A call that has arrived. If it goes away before anybody has taken it up, it is counted as cancelled.
pub(crate) struct Arrival {
    is_taken_up: Arc<AtomicBool>,
    caller: Caller,
}

impl Arrival {
    pub(crate) fn new(caller: Caller) -> Self {
        Self { is_taken_up: Arc::new(AtomicBool::new(false)), caller }
    }

    /// Takes the call up, so that whoever called counts it; once only.
    pub(crate) fn take_up(&self) -> bool {
        !self.is_taken_up.swap(true, Ordering::Relaxed)
    }

    fn share(&self) -> Self {
        Self { is_taken_up: self.is_taken_up.clone(), caller: self.caller.clone() }
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        if Arc::strong_count(&self.is_taken_up) == 1 && self.take_up() {
            telemetry::unattributed_request(Reason::Cancelled.name(), Action::Pass.name());
        }
    }
}

/// The promise that a guarded request ends up in exactly one decision counter, even if its client goes away.
pub(crate) struct Pledge {
    model: Arc<GuardedModel>,
    client: Option<Arc<Client>>,
    detections: Detections,
    /// The examination's, which ends as the decision is counted.
    span: Span,
    kept: bool,
}

impl Pledge {
    /// What log lines tell of the request.
    pub(crate) fn log(&self) -> tracing::Span {
        self.span.trace().log()
    }

    /// Counts the request's decision.
    pub(crate) fn keep(
        mut self,
        decision: Decision,
        reason: Option<Reason>,
        action: Action,
        examined: Vec<Examined>,
    ) -> Outcome {
        self.kept = true;
        self.record(decision, reason, action, examined)
    }

    fn record(
        &mut self,
        decision: Decision,
        reason: Option<Reason>,
        action: Action,
        examined: Vec<Examined>,
    ) -> Outcome {
        let verdict = |item: &Examined| item.outcome.as_ref().ok().map(|(verdict, _)| verdict.clone());
        let verdicts = examined.iter().filter_map(verdict).collect();
        let id = id_at(SystemTime::now());
        let outcome = Outcome { id, decision, reason, action, verdicts };
        let mut span = std::mem::take(&mut self.span);
        let (trace, log) = (span.trace(), span.trace().log());
        let _inside = log.enter();
        span.examined(&outcome);
        self.model.metrics.decided(&outcome);
        self.model.history.decided(&outcome);
        if decision != Decision::Clean {
            self.detections.publish(&self.model, &outcome, self.client.as_deref(), trace.id(), examined);
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

impl Intake {
    /// Reads requests to `models`; at most `max_examinations` are examined at a time.
    pub(crate) fn new(
        models: impl IntoIterator<Item = Arc<GuardedModel>>,
        limits: Limits,
        room: Room,
        max_examinations: usize,
        detections: Detections,
    ) -> Self {
        let models = models.into_iter().map(|model| (model.name, model)).collect();
        let permits = Arc::new(Semaphore::new(max_examinations));
        Self(Arc::new(Desk { models, limits, room, permits, detections }))
    }

    pub(crate) fn models(&self) -> impl Iterator<Item = &Arc<GuardedModel>> {
        self.0.models.values()
    }

    pub(crate) fn model(&self, name: &str) -> Option<&Arc<GuardedModel>> {
        self.0.models.get(name)
    }

    pub(crate) fn limits(&self) -> Limits {
        self.0.limits
    }

    pub(crate) fn room(&self) -> &Room {
        &self.0.room
    }

    pub(crate) fn detections(&self) -> &Detections {
        &self.0.detections
    }

    /// The model that refuses a request which nobody can attribute: any that would refuse its own.
    pub(crate) fn strictest(&self, reason: Reason) -> Option<&GuardedModel> {
        self.0.models.values().find(|model| model.refuses(reason)).map(Arc::as_ref)
    }

    /// Whether all models are only looked at, so that nothing ever has to be held back.
    pub(crate) fn only_monitors(&self) -> bool {
        self.0.models.values().all(|model| model.policy == Policy::Monitor)
    }

    /// Reads the request as soon as it has passed, and starts its examination.
    pub(crate) async fn read<T: Transport>(
        &self,
        transport: T,
        captured: oneshot::Receiver<Captured>,
        arrival: &Arrival,
    ) -> Ticket {
        let Ok(captured) = captured.await else { return Ticket::BrokenOff };
        if let Some(status) = captured.refused {
            return Ticket::Refused(status);
        }
        self.read_message(transport, captured, arrival, Original::InAnswer).await
    }

    /// Reads a request that has come, and starts its examination.
    pub(crate) async fn read_message<T: Transport>(
        &self,
        transport: T,
        captured: Captured,
        arrival: &Arrival,
        original: Original,
    ) -> Ticket {
        let log = arrival.caller.trace.log();
        let is_light = captured.bytes.len() <= LONG && !transport.is_compressed(&captured);
        if captured.cut_off.is_some() || is_light {
            return log.in_scope(|| self.0.read(&transport, &captured, arrival, original));
        }
        let (desk, arrival) = (self.0.clone(), arrival.share());
        let read = move || log.in_scope(|| desk.read(&transport, &captured, &arrival, original));
        tokio::task::spawn_blocking(read).await.unwrap_or(Ticket::Unattributed(Reason::Malformed))
    }
}

impl Desk {
    fn read(&self, transport: &impl Transport, captured: &Captured, arrival: &Arrival, original: Original) -> Ticket {
        let began = Instant::now();
        let is_unguarded = |model: &str| !self.models.contains_key(model);
        if transport.model().is_some_and(is_unguarded) {
            return Ticket::Unguarded;
        }
        let read = match captured.cut_off {
            Some(reason) => Err(reason),
            None => transport.request(captured, self.limits.inspected, &self.room),
        };
        let name = match (&read, transport.model()) {
            (Ok(read), _) => read.request.model_name.as_str(),
            (Err(_), Some(name)) => name,
            (Err(reason), None) => return Ticket::Unattributed(*reason),
        };
        let Some(model) = self.models.get(name) else { return Ticket::Unguarded };
        if !arrival.take_up() {
            return Ticket::BrokenOff;
        }
        let id = read.as_ref().map_or_else(|_| String::new(), |read| read.request.id.clone());
        let Caller { client, trace } = arrival.caller.clone();
        let span = trace.examination_begun(model.name, began);
        let trace = span.trace();
        let pledge = Pledge { model: model.clone(), client, detections: self.detections.clone(), span, kept: false };
        let examination = read.and_then(|Read { request, length, held }| {
            let permit = self.permits.clone().try_acquire_owned().map_err(|_| Reason::Overload)?;
            model.examine(request, length, permit, held, original, trace)
        });
        Ticket::Guarded(Guarded { model: model.clone(), id, examination, surplus: captured.surplus.clone(), pledge })
    }
}

/// An id that nobody has had before; it tells when it was given, as far as the clock is right. A clock that stands before
/// 1970 is no reason to fail.
fn id_at(now: SystemTime) -> String {
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = Timestamp::from_unix(NoContext, since_epoch.as_secs(), since_epoch.subsec_nanos());
    Uuid::new_v7(time).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;

    #[test]
    fn whatever_the_clock_says_ids_are_unique() {
        let now = SystemTime::now();
        let clocks = [now, now, now + Duration::from_secs(1 << 33), UNIX_EPOCH, UNIX_EPOCH - Duration::from_secs(1)];
        let ids: HashSet<String> = clocks.into_iter().map(id_at).collect();
        assert_eq!(ids.len(), clocks.len(), "{ids:?}");
    }
}
