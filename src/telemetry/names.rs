//! Every metric's name, and what it means.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

pub(super) const BUILD_INFO: &str = "portcullis_build_info";
pub(super) const REQUESTS: &str = "portcullis_requests_total";
pub(super) const DECISIONS: &str = "portcullis_decisions_total";
pub(super) const INPUTS: &str = "portcullis_inputs_total";
pub(super) const FALSE_POSITIVE_RATE: &str = "portcullis_false_positive_rate";
pub(super) const ACTIONS: &str = "portcullis_actions_total";
pub(super) const REQUEST_DURATION: &str = "portcullis_request_duration_seconds";
pub(super) const UPSTREAM_DURATION: &str = "portcullis_upstream_duration_seconds";
pub(super) const OVERHEAD: &str = "portcullis_overhead_seconds";
pub(super) const STAGE_DURATION: &str = "portcullis_stage_duration_seconds";
pub(super) const DETECTOR_SCORE: &str = "portcullis_detector_score";
pub(super) const DETECTOR_P_VALUE: &str = "portcullis_detector_p_value";
pub(super) const DETECTOR_THRESHOLD: &str = "portcullis_detector_threshold";
pub(super) const SQUEEZED_PREDICTIONS: &str = "portcullis_squeezed_predictions_total";
pub(super) const REPLICA_DISAGREEMENTS: &str = "portcullis_replica_disagreements_total";
pub(super) const CALIBRATION_DRIFT: &str = "portcullis_calibration_drift";
pub(super) const DRIFT_P_VALUE: &str = "portcullis_drift_p_value";
pub(super) const TAIL_P_VALUE: &str = "portcullis_tail_p_value";
pub(super) const TRAFFIC: &str = "portcullis_traffic";
pub(super) const INFLIGHT_REQUESTS: &str = "portcullis_inflight_requests";
pub(super) const INFLIGHT_BYTES: &str = "portcullis_inflight_bytes";
pub(super) const CONNECTIONS: &str = "portcullis_connections";
pub(super) const CONNECTIONS_REFUSED: &str = "portcullis_connections_refused_total";
pub(super) const QUEUE_DEPTH: &str = "portcullis_queue_depth";
pub(super) const WORKERS_BUSY: &str = "portcullis_workers_busy_seconds";
pub(super) const ONNXRUNTIME_BUSY: &str = "portcullis_onnxruntime_busy_seconds";
pub(super) const AUDIT_EVENTS: &str = "portcullis_audit_events_total";
pub(super) const SPANS: &str = "portcullis_spans_total";
pub(super) const EVIDENCE_BYTES: &str = "portcullis_evidence_bytes";
pub(super) const EVIDENCE_REMOVED: &str = "portcullis_evidence_removed_total";
pub(super) const UPSTREAM_CONNECTIONS: &str = "portcullis_upstream_connections_total";
pub(super) const RELOADS: &str = "portcullis_config_reloads_total";
pub(super) const IN_FORCE_SINCE: &str = "portcullis_config_in_force_since_seconds";
pub(super) const UPSTREAM_READY: &str = "portcullis_upstream_ready";
pub(super) const CERTIFICATE_EXPIRY: &str = "portcullis_tls_certificate_expiry_timestamp_seconds";

/// Buckets of durations, in seconds: from a tenth of a millisecond to ten seconds.
pub(super) const SECONDS: [f64; 16] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Buckets of scores: L1 distances reach 2, surprises about 28 nats.
pub(super) const SCORES: [f64; 12] = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 5.0, 10.0, 20.0];
/// Buckets of p-values.
pub(super) const P_VALUES: [f64; 9] = [0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0];

/// Tells the recorder what each metric means.
pub(super) fn describe() {
    describe_gauge!(BUILD_INFO, "Always 1; version and revision of the gateway.");
    describe_counter!(REQUESTS, "Calls that ended, by model, method and gRPC code.");
    describe_counter!(DECISIONS, "Inference requests by decision; reason says why a request is undecided.");
    describe_counter!(INPUTS, "Inputs that were examined, each item of a batch for itself, by decision.");
    describe_gauge!(
        FALSE_POSITIVE_RATE,
        "Share of benign inputs that are called suspicious: the target, and the bounds of its 95% interval as calibrated."
    );
    describe_counter!(ACTIONS, "What was done with guarded inference requests.");
    describe_histogram!(REQUEST_DURATION, Unit::Seconds, "Time from a call's first byte to its end.");
    describe_histogram!(UPSTREAM_DURATION, Unit::Seconds, "Time that guarded calls waited for the upstream.");
    describe_histogram!(OVERHEAD, Unit::Seconds, "Time that a guarded call took beyond its wait for the upstream.");
    describe_histogram!(STAGE_DURATION, Unit::Seconds, "Time of the stages of an examination.");
    describe_histogram!(DETECTOR_SCORE, "Raw scores of each detector and of their combination.");
    describe_histogram!(DETECTOR_P_VALUE, "Conformal p-values of each detector and of their combination.");
    describe_gauge!(DETECTOR_THRESHOLD, "Score above which a detector alone would flag, at the configured rate.");
    describe_counter!(SQUEEZED_PREDICTIONS, "Extra predictions made for examinations, by where they were made.");
    describe_counter!(REPLICA_DISAGREEMENTS, "Inputs on which replica and upstream predict different classes.");
    describe_gauge!(
        CALIBRATION_DRIFT,
        "Kolmogorov-Smirnov distance of recent scores, but the largest, from the calibration's."
    );
    describe_gauge!(DRIFT_P_VALUE, "How often scores like the calibration's would be that far away; NaN until known.");
    describe_gauge!(TAIL_P_VALUE, "How often as many inputs would be flagged, were all benign; NaN until known.");
    describe_gauge!(TRAFFIC, "1 for the state that a model's recent traffic is in, 0 for the others.");
    describe_gauge!(INFLIGHT_REQUESTS, "Calls under way.");
    describe_gauge!(INFLIGHT_BYTES, Unit::Bytes, "Bytes of requests and answers that are held.");
    describe_gauge!(CONNECTIONS, "Clients' connections.");
    describe_counter!(CONNECTIONS_REFUSED, "Connections of clients beyond as many as may be.");
    describe_gauge!(QUEUE_DEPTH, "Predictions that wait for a worker.");
    describe_gauge!(WORKERS_BUSY, Unit::Seconds, "Time that all workers together have spent, ever growing.");
    describe_gauge!(ONNXRUNTIME_BUSY, Unit::Seconds, "The part of it that was spent in ONNX Runtime.");
    describe_counter!(AUDIT_EVENTS, "Detections by sink: delivered, dropped because it was too slow, or failed.");
    describe_counter!(SPANS, "Spans of traces: delivered, dropped because too many waited, or failed.");
    describe_gauge!(EVIDENCE_BYTES, Unit::Bytes, "Evidence that is kept.");
    describe_counter!(EVIDENCE_REMOVED, "Detections whose evidence was removed, by reason: age or size.");
    describe_counter!(UPSTREAM_CONNECTIONS, "Connections to the upstream, made or failed.");
    describe_counter!(RELOADS, "Reloads of the configuration: applied, refused, or unchanged.");
    describe_gauge!(IN_FORCE_SINCE, Unit::Seconds, "When the configuration in force was loaded, since 1970.");
    describe_gauge!(
        CERTIFICATE_EXPIRY,
        Unit::Seconds,
        "Unix time at which the certificate in use ends, by what it is for; of a chain, the one that ends first."
    );
    describe_gauge!(UPSTREAM_READY, "1 if the upstream said that it was ready when last asked.");
}
