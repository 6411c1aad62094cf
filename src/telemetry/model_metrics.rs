//! The metrics of one guarded model, looked up once and then only touched.

use std::collections::HashMap;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use super::detector_metrics::DetectorMetrics;
use super::names;
use super::traffic_metrics::TrafficMetrics;
use crate::config::Policy;
use crate::detect::{Action, COMBINED, Combination, Decision, Rate, Reason, Verdict, Weighted};

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

/// The metrics of one guarded model.
pub struct ModelMetrics {
    model: &'static str,
    decisions: HashMap<(Decision, Option<Reason>), Counter>,
    inputs: HashMap<Decision, Counter>,
    rates: [Gauge; 3],
    actions: HashMap<Action, Counter>,
    detectors: Vec<DetectorMetrics>,
    combined: DetectorMetrics,
    traffic: TrafficMetrics,
    overhead: Histogram,
    upstream: Histogram,
    extra_predictions: Counter,
    replica_disagreements: Counter,
}

impl ModelMetrics {
    /// Registers the metrics of `model` under `policy`, calibrated as `combination` and flagging at `rate`; `source` says
    /// where extra predictions are made (`replica` or `upstream`).
    pub fn new(
        model: &'static str,
        policy: Policy,
        combination: &Combination,
        rate: &Rate,
        source: &'static str,
    ) -> Self {
        let decided = [(Decision::Clean, None), (Decision::Suspicious, None)];
        let undecided = Reason::ALL.map(|reason| (Decision::Undecided, Some(reason)));
        let decisions = decided.into_iter().chain(undecided).map(|(decision, reason)| {
            let labels = [("model", model), ("decision", decision.name()), ("reason", reason.map_or("", Reason::name))];
            ((decision, reason), counter!(names::DECISIONS, &labels))
        });
        let inputs = [Decision::Clean, Decision::Suspicious]
            .map(|decision| (decision, counter!(names::INPUTS, "model" => model, "decision" => decision.name())));
        let [lower, upper] = rate.interval;
        let rates = [("target", rate.target), ("lower", lower), ("upper", upper)].map(|(bound, rate)| {
            let gauge = gauge!(names::FALSE_POSITIVE_RATE, "model" => model, "bound" => bound);
            gauge.set(rate);
            gauge
        });
        let actions = [Action::Pass, Action::Annotate, Action::Block, Action::Restore]
            .map(|action| (action, counter!(names::ACTIONS, "model" => model, "action" => action.name())));
        let first = combination.cascade.as_ref().map_or(usize::MAX, |cascade| cascade.first);
        let detectors = combination.detectors.iter().enumerate().map(|(at, Weighted { name, ranks, .. })| {
            let metrics = DetectorMetrics::new(model, name, ranks, rate.target, ranks.threshold(rate.target));
            if at < first { metrics } else { metrics.not_looking() }
        });
        Self {
            model,
            decisions: decisions.collect(),
            inputs: inputs.into(),
            rates,
            actions: actions.into(),
            detectors: detectors.collect(),
            combined: DetectorMetrics::new(model, COMBINED, &combination.combined, rate.target, Some(rate.threshold)),
            traffic: TrafficMetrics::new(model, combination, rate),
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
            if let Some(counter) = self.inputs.get(&verdict.decision) {
                counter.increment(1);
            }
            for (detector, evidence) in self.detectors.iter().zip(&verdict.evidence) {
                detector.scored(evidence.score, evidence.p_value);
            }
            if let Some(look) = self.combined.scored(verdict.score, verdict.p_value) {
                self.traffic.looked(&look);
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

    /// The model is guarded no longer, or otherwise: its gauges say that nothing is known. Its counters stay.
    pub fn retire(&self) {
        self.detectors.iter().chain([&self.combined]).for_each(DetectorMetrics::retire);
        self.rates.iter().for_each(|rate| rate.set(f64::NAN));
        self.traffic.retire();
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
