//! Metrics, logs, traces and events: one function an event, labels from bounded sets.

mod detector_metrics;
mod drift;
mod logs;
mod model_metrics;
mod names;
mod recorder;
mod reference;
mod sink;
mod trace;
mod traffic_metrics;

pub use drift::Traffic;
pub use logs::{LogFormat, start_logs};
pub use model_metrics::{ModelMetrics, Outcome};
pub use recorder::{Exposition, install};
pub use reference::{Described, described, metrics_reference};
pub use sink::{Delivery, FallibleSink, detections_delivered, sink_opened, spans_delivered};
pub use trace::{Batch, CLASSIFIER, Ending, Operation, Parent, Span, Spans, Trace, Tracer};

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use metrics::{Counter, counter, gauge, histogram};

/// Stages of an examination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading the message and undoing the normalisation.
    Decode,
    /// Making the squeezed copies.
    Squeeze,
    /// Waiting for predictions.
    Infer,
    /// From predictions to a decision.
    Score,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Squeeze => "squeeze",
            Self::Infer => "infer",
            Self::Score => "score",
        }
    }
}

/// A stage of an examination, whose spans belong into `trace`, has ended.
pub fn stage_ended(trace: &Trace, stage: Stage, took: Duration) {
    stage_duration(stage, took);
    trace.stage_ended(stage, took);
}

/// A copy of an input was squeezed by this squeezer, for an examination whose spans belong into `trace`.
pub fn squeezed(trace: &Trace, squeezer: impl FnOnce() -> String, took: Duration) {
    stage_duration(Stage::Squeeze, took);
    trace.squeezed(squeezer, took);
}

/// All predictions of an examination have been waited for. Its spans are those of the models.
pub fn inferred(took: Duration) {
    stage_duration(Stage::Infer, took);
}

fn stage_duration(stage: Stage, took: Duration) {
    histogram!(names::STAGE_DURATION, "stage" => stage.name()).record(took.as_secs_f64());
}

/// An inference request went to a model that is not guarded.
pub fn unguarded_request() {
    counter!(names::DECISIONS, "model" => "other", "decision" => "unguarded", "reason" => "").increment(1);
    tracing::debug!("a request to a model that is not guarded has passed");
}

/// An inference request could not even be attributed to a model.
pub fn unattributed_request(reason: &'static str, action: &'static str) {
    counter!(names::DECISIONS, "model" => "other", "decision" => "undecided", "reason" => reason).increment(1);
    counter!(names::ACTIONS, "model" => "other", "action" => action).increment(1);
    tracing::warn!(reason, action, "an inference request could not be read");
}

/// Counts what raises an alert when it first happens from zero, so that it shows as an increase.
fn count_from_zero() {
    counter!(names::CONNECTIONS_REFUSED).increment(0);
    [true, false].into_iter().for_each(|made| upstream_connections(made).increment(0));
}

/// So many bytes of evidence are kept.
pub fn evidence_kept(bytes: u64) {
    gauge!(names::EVIDENCE_BYTES).set(bytes as f64);
}

/// Why evidence is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It was kept for as long as it may be.
    Age,
    /// There was too much of it.
    Size,
}

/// The evidence of one detection was removed.
pub fn evidence_removed(removal: Removal) {
    let reason = match removal {
        Removal::Age => "age",
        Removal::Size => "size",
    };
    counter!(names::EVIDENCE_REMOVED, "reason" => reason).increment(1);
}

/// The upstream's readiness was looked at.
pub fn upstream_seen(ready: bool) {
    gauge!(names::UPSTREAM_READY).set(if ready { 1.0 } else { 0.0 });
}

/// A connection to the upstream was made, or could not be.
pub fn upstream_dialled(made: bool) {
    upstream_connections(made).increment(1);
}

fn upstream_connections(made: bool) -> Counter {
    counter!(names::UPSTREAM_CONNECTIONS, "result" => if made { "made" } else { "failed" })
}

/// What became of a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// The new configuration is in force.
    Applied,
    /// It is wrong: the old one stays.
    Refused,
    /// It is the old one.
    Unchanged,
}

impl Reload {
    const ALL: [Self; 3] = [Self::Applied, Self::Refused, Self::Unchanged];

    fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Refused => "refused",
            Self::Unchanged => "unchanged",
        }
    }
}

/// A configuration is in force from now on.
pub fn configuration_in_force() {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    gauge!(names::IN_FORCE_SINCE).set(since.as_secs_f64());
    // So that the first one shows as an increase.
    Reload::ALL.into_iter().for_each(|result| reloads(result).increment(0));
}

/// A reload has ended.
pub fn reload_ended(result: Reload) {
    reloads(result).increment(1);
    if result == Reload::Applied {
        configuration_in_force();
    }
}

fn reloads(result: Reload) -> Counter {
    counter!(names::RELOADS, "result" => result.name())
}

/// A certificate that ends `expiry` after the Unix epoch came into use; `role` says for what.
pub fn certificate_seen(role: &'static str, expiry: Duration) {
    gauge!(names::CERTIFICATE_EXPIRY, "role" => role).set(expiry.as_secs_f64());
    if UNIX_EPOCH + expiry < SystemTime::now() {
        tracing::warn!(role, "the certificate in use has expired: peers will refuse it");
    }
}

/// Certificates, keys or tokens have changed and are in use.
pub fn credentials_renewed(role: &'static str) {
    tracing::info!(role, "new credentials are in use");
}

/// Certificates, keys or tokens have changed and cannot be used.
pub fn credentials_refused(role: &'static str, problem: &str) {
    tracing::error!(role, problem, "new credentials cannot be used; the former ones stay");
}

/// The workers were looked at: how many predictions wait for them, the time that they have spent in all, and the part
/// of it that they have spent in ONNX Runtime.
pub fn workers_seen(queue_depth: usize, busy: Duration, in_onnxruntime: Duration) {
    gauge!(names::QUEUE_DEPTH).set(queue_depth as f64);
    gauge!(names::WORKERS_BUSY).set(busy.as_secs_f64());
    gauge!(names::ONNXRUNTIME_BUSY).set(in_onnxruntime.as_secs_f64());
}

/// A call, from its making to its dropping, when it is counted.
#[derive(Debug)]
pub struct Call {
    model: &'static str,
    method: &'static str,
    code: &'static str,
    began: Instant,
}

impl Call {
    /// A call of `method` is under way; the method comes from a bounded set.
    pub fn begin(method: &'static str) -> Self {
        gauge!(names::INFLIGHT_REQUESTS).increment(1.0);
        Self { model: "other", method, code: "CANCELLED", began: Instant::now() }
    }

    /// It asked this model, a name from a bounded set.
    pub fn asked(&mut self, model: &'static str) {
        self.model = model;
    }

    /// It has ended with a gRPC code of this name; one that is dropped without has been cancelled.
    pub fn ended(mut self, code: &'static str) {
        self.code = code;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Self { model, method, code, began } = *self;
        let took = began.elapsed();
        gauge!(names::INFLIGHT_REQUESTS).decrement(1.0);
        counter!(names::REQUESTS, "model" => model, "method" => method, "grpc_code" => code).increment(1);
        histogram!(names::REQUEST_DURATION, "model" => model, "method" => method).record(took.as_secs_f64());
        tracing::debug!(model, method, code, seconds = took.as_secs_f64(), "call ended");
    }
}

/// A client's connection, from its making to its dropping.
#[derive(Debug)]
pub struct OpenConnection(());

impl OpenConnection {
    /// Counts it.
    pub fn begin() -> Self {
        gauge!(names::CONNECTIONS).increment(1.0);
        Self(())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        gauge!(names::CONNECTIONS).decrement(1.0);
    }
}

/// A client's connection was closed at once, since there were too many.
pub fn connection_refused() {
    counter!(names::CONNECTIONS_REFUSED).increment(1);
    tracing::debug!("a connection was refused: there are too many");
}

/// More bytes are held.
pub fn bytes_taken(bytes: usize) {
    gauge!(names::INFLIGHT_BYTES).increment(bytes as f64);
}

/// Bytes are held no more.
pub fn bytes_given_back(bytes: usize) {
    gauge!(names::INFLIGHT_BYTES).decrement(bytes as f64);
}
