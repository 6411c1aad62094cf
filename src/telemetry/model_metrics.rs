//! The metrics of one guarded model, looked up once and then only touched.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use super::drift::Drift;
use super::names;
use crate::config::Policy;
use crate::detect::{Action, Decision, Reason, Verdict};

/// The name under which the combined score stands among the detectors.
const COMBINED: &str = "combined";

/// What became of one guarded request.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Identifier that annotated or refused clients were given.
    pub id: String,
    /// The request's decision: its worst item's.
    pub decision: Decision,
    /// Why it is undecided.
    pub reason: Option<Reason>,
    /// What was done.
    pub action: Action,
    /// The verdicts of its items, as far as there are any.
    pub verdicts: Vec<Verdict>,
}

/// How often the drift is computed anew: every so many scores.
const DRIFT_EVERY: usize = 50;

struct DetectorMetrics {
    score: Histogram,
    p_value: Histogram,
    drift: Gauge,
    window: Mutex<(Drift, usize)>,
}

impl DetectorMetrics {
    fn new(model: &str, detector: &str, threshold: Option<f64>) -> Self {
        let labels = [("model", model.to_owned()), ("detector", detector.to_owned())];
        if let Some(threshold) = threshold {
            gauge!(names::DETECTOR_THRESHOLD, &labels).set(threshold);
        }
        Self {
            score: histogram!(names::DETECTOR_SCORE, &labels),
            p_value: histogram!(names::DETECTOR_P_VALUE, &labels),
            drift: gauge!(names::CALIBRATION_DRIFT, &labels),
            window: Mutex::default(),
        }
    }

    fn record(&self, score: f64, p_value: f64) {
        self.score.record(score);
        self.p_value.record(p_value);
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let (drift, since) = &mut *window;
        drift.add(p_value);
        *since += 1;
        if *since >= DRIFT_EVERY
            && let Some(distance) = drift.distance()
        {
            *since = 0;
            self.drift.set(distance);
        }
    }
}

/// The metrics of one guarded model.
pub struct ModelMetrics {
    model: &'static str,
    decisions: HashMap<(Decision, Option<Reason>), Counter>,
    actions: HashMap<Action, Counter>,
    detectors: Vec<DetectorMetrics>,
    combined: DetectorMetrics,
    overhead: Histogram,
    upstream: Histogram,
    extra_predictions: Counter,
    replica_disagreements: Counter,
}

impl ModelMetrics {
    /// Registers the metrics of `model` under `policy`. `detectors` gives each detector's name and threshold, and
    /// `combined` the combination's; `source` says where extra predictions are made (`replica` or `upstream`).
    pub fn new(
        model: &'static str,
        policy: Policy,
        detectors: &[(String, Option<f64>)],
        combined: f64,
        source: &'static str,
    ) -> Self {
        let decided = [(Decision::Clean, None), (Decision::Suspicious, None)];
        let undecided = Reason::ALL.map(|reason| (Decision::Undecided, Some(reason)));
        let decisions = decided.into_iter().chain(undecided).map(|(decision, reason)| {
            let labels = [("model", model), ("decision", decision.name()), ("reason", reason.map_or("", Reason::name))];
            ((decision, reason), counter!(names::DECISIONS, &labels))
        });
        let actions = [Action::Pass, Action::Annotate, Action::Block, Action::Restore]
            .map(|action| (action, counter!(names::ACTIONS, "model" => model, "action" => action.name())));
        Self {
            model,
            decisions: decisions.collect(),
            actions: actions.into(),
            detectors: detectors
                .iter()
                .map(|(detector, threshold)| DetectorMetrics::new(model, detector, *threshold))
                .collect(),
            combined: DetectorMetrics::new(model, COMBINED, Some(combined)),
            overhead: histogram!(names::OVERHEAD, "model" => model, "policy" => policy.name()),
            upstream: histogram!(names::UPSTREAM_DURATION, "model" => model),
            extra_predictions: counter!(names::SQUEEZED_PREDICTIONS, "model" => model, "source" => source),
            replica_disagreements: counter!(names::REPLICA_DISAGREEMENTS, "model" => model),
        }
    }

    /// A guarded request was decided: exactly one decision and one action are counted, and anything but a clean
    /// request is logged.
    pub fn decided(&self, outcome: &Outcome) {
        let Outcome { id, decision, reason, action, verdicts } = outcome;
        if let Some(counter) = self.decisions.get(&(*decision, *reason)) {
            counter.increment(1);
        }
        if let Some(counter) = self.actions.get(action) {
            counter.increment(1);
        }
        for verdict in verdicts {
            self.combined.record(verdict.score, verdict.p_value);
            for (detector, evidence) in self.detectors.iter().zip(&verdict.evidence) {
                detector.record(evidence.score, evidence.p_value);
            }
        }
        let (model, decision, action) = (self.model, decision.name(), action.name());
        match reason {
            Some(reason) => {
                tracing::warn!(model, id, decision, action, reason = reason.name(), "request could not be examined");
            }
            None if outcome.decision == Decision::Suspicious => {
                let p_value = verdicts.iter().map(|verdict| verdict.p_value).fold(1.0, f64::min);
                tracing::warn!(model, id, decision, action, p_value, "suspicious request");
            }
            None => tracing::debug!(model, id, decision, action, "clean request"),
        }
    }

    /// A guarded call was answered: how long it waited for the upstream and how long for us.
    pub fn answered(&self, upstream: Duration, overhead: Duration) {
        self.upstream.record(upstream.as_secs_f64());
        self.overhead.record(overhead.as_secs_f64());
    }

    /// Extra predictions were asked for.
    pub fn predictions_asked(&self, count: usize) {
        self.extra_predictions.increment(count as u64);
    }

    /// Replica and upstream predict different classes for the same input.
    pub fn replica_disagreed(&self) {
        self.replica_disagreements.increment(1);
        tracing::debug!(model = self.model, "replica and upstream disagree on the class");
    }
}
