//! The metrics of a model's traffic: as calibrated, drifted or under attack.

use std::sync::{Mutex, PoisonError};

use metrics::{Gauge, gauge};

use super::detector_metrics::Look;
use super::drift::{Tail, Traffic};
use super::names;
use crate::detect::{Combination, Rate};

/// A model's traffic, as far as combined scores tell.
pub(super) struct TrafficMetrics {
    model: &'static str,
    tail: Tail,
    tail_p_value: Gauge,
    states: [(Traffic, Gauge); Traffic::ALL.len()],
    traffic: Mutex<Traffic>,
}

impl TrafficMetrics {
    /// Registers the metrics of `model`, which flags at `rate`.
    pub(super) fn new(model: &'static str, combination: &Combination, rate: &Rate) -> Self {
        let state = |traffic: Traffic| gauge!(names::TRAFFIC, "model" => model, "state" => traffic.name());
        let metrics = Self {
            model,
            tail: Tail::new(&combination.combined, rate),
            tail_p_value: gauge!(names::TAIL_P_VALUE, "model" => model),
            states: Traffic::ALL.map(|traffic| (traffic, state(traffic))),
            traffic: Mutex::default(),
        };
        metrics.tail_p_value.set(f64::NAN);
        metrics.show(Traffic::default());
        metrics
    }

    /// The recent combined scores were looked at.
    pub(super) fn looked(&self, look: &Look) {
        let tail = self.tail.p_value(&look.recent);
        self.tail_p_value.set(tail);
        let mut traffic = self.traffic.lock().unwrap_or_else(PoisonError::into_inner);
        let after = traffic.after(look.body.p_value, tail);
        if *traffic != after {
            *traffic = after;
            self.show(after);
            self.tell(after, look, tail);
        }
    }

    /// Nobody looks any more: no state is the present one.
    pub(super) fn retire(&self) {
        self.tail_p_value.set(f64::NAN);
        self.states.iter().for_each(|(_, gauge)| gauge.set(0.0));
    }

    fn show(&self, traffic: Traffic) {
        for (state, gauge) in &self.states {
            gauge.set(if *state == traffic { 1.0 } else { 0.0 });
        }
    }

    fn tell(&self, traffic: Traffic, look: &Look, tail_p_value: f64) {
        let (model, state, drift_p_value) = (self.model, traffic.name(), look.body.p_value);
        match advice(traffic) {
            Some(advice) => tracing::warn!(model, state, drift_p_value, tail_p_value, "{advice}"),
            None => tracing::info!(model, state, drift_p_value, tail_p_value, "the traffic is as calibrated"),
        }
    }
}

/// What to do about it.
fn advice(traffic: Traffic) -> Option<&'static str> {
    match traffic {
        Traffic::Unknown | Traffic::AsCalibrated => None,
        Traffic::Drifted => Some(
            "the traffic has changed and the false-positive rate no longer holds: calibrate on benign inputs as they are now",
        ),
        Traffic::UnderAttack => Some(
            "more inputs are flagged than the calibrated rate explains, while most are as calibrated: look at the detections",
        ),
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::super::detector_metrics::DetectorMetrics;
    use super::*;
    use crate::detect::Ranks;

    /// What is exported after these scores, where 0 to 998 were calibrated on and 1% is flagged.
    fn exported(scores: impl IntoIterator<Item = u32>) -> String {
        let recorder = PrometheusBuilder::new().build_recorder();
        let combined = Ranks::new((0..999).map(f64::from).collect()).unwrap();
        let rate = Rate { target: 0.01, threshold: 989.0, flagged: 10, held_out: 1000, interval: [0.0, 1.0] };
        let combination = Combination { detectors: Vec::new(), cascade: None, combined };
        metrics::with_local_recorder(&recorder, || {
            let detector = DetectorMetrics::new("m", "combined", &combination.combined, rate.target, None);
            let traffic = TrafficMetrics::new("m", &combination, &rate);
            scores
                .into_iter()
                .filter_map(|score| detector.scored(score.into(), 1.0))
                .for_each(|look| traffic.looked(&look));
        });
        recorder.handle().render()
    }

    #[track_caller]
    fn assert_is(exported: &str, traffic: Traffic) {
        for state in Traffic::ALL {
            let is = u8::from(state == traffic);
            let line = format!("portcullis_traffic{{model=\"m\",state=\"{}\"}} {is}\n", state.name());
            assert!(exported.contains(&line), "{line}{exported}");
        }
    }

    #[test]
    fn nothing_is_known_of_few_scores() {
        let exported = exported(0..99);
        assert_is(&exported, Traffic::Unknown);
        assert!(exported.contains("portcullis_tail_p_value{model=\"m\"} NaN\n"), "{exported}");
        assert!(exported.contains("portcullis_drift_p_value{model=\"m\",detector=\"combined\"} NaN\n"), "{exported}");
    }

    #[test]
    fn the_state_is_exported_and_changes_with_the_traffic() {
        let benign = || (0..1000).map(|index| index * 7919 % 999);
        assert_is(&exported(benign()), Traffic::AsCalibrated);
        let attacked = || benign().map(|score| if score % 20 == 0 { 5000 } else { score });
        assert_is(&exported(attacked()), Traffic::UnderAttack);
        let drifted = || benign().map(|score| score / 2);
        assert_is(&exported(drifted()), Traffic::Drifted);
        assert_is(&exported(attacked().chain(drifted()).chain(benign())), Traffic::AsCalibrated);
    }
}
