//! The metrics of one detector of a model's, or of their combination.

use std::sync::{Mutex, PoisonError};

use metrics::{Gauge, Histogram, gauge, histogram};

use super::drift::{Body, Distance, Window};
use super::names;
use crate::detect::Ranks;

/// A detector's metrics, with its recent scores.
pub(super) struct DetectorMetrics {
    score: Histogram,
    p_value: Histogram,
    threshold: Option<Gauge>,
    drift: Gauge,
    drift_p_value: Gauge,
    window: Mutex<Window>,
    body: Option<Body>,
}

/// What a look at the recent scores has found.
pub(super) struct Look {
    /// They themselves, ascending.
    pub(super) recent: Vec<f64>,
    /// How far they are from the calibration's.
    pub(super) body: Distance,
}

impl DetectorMetrics {
    /// Registers the metrics of `model`'s `detector`, whose calibration is `ranks`. Inputs are flagged at the rate
    /// `flagged`, the detector alone would flag them beyond `threshold`.
    pub(super) fn new(model: &str, detector: &str, ranks: &Ranks, flagged: f64, threshold: Option<f64>) -> Self {
        let labels = [("model", model.to_owned()), ("detector", detector.to_owned())];
        let threshold = threshold.map(|threshold| {
            let gauge = gauge!(names::DETECTOR_THRESHOLD, &labels);
            gauge.set(threshold);
            gauge
        });
        let metrics = Self {
            score: histogram!(names::DETECTOR_SCORE, &labels),
            p_value: histogram!(names::DETECTOR_P_VALUE, &labels),
            threshold,
            drift: gauge!(names::CALIBRATION_DRIFT, &labels),
            drift_p_value: gauge!(names::DRIFT_P_VALUE, &labels),
            window: Mutex::default(),
            body: Some(Body::new(ranks, flagged)),
        };
        metrics.know_no_drift();
        metrics
    }

    /// Not 0, which would be an alarm.
    fn know_no_drift(&self) {
        self.drift_p_value.set(f64::NAN);
        self.drift.set(f64::NAN);
    }

    /// Nothing is flagged by it any more.
    pub(super) fn retire(&self) {
        self.threshold.iter().for_each(|threshold| threshold.set(f64::NAN));
        self.know_no_drift();
    }

    /// Without looking for drift: for who sees only the most suspicious inputs, and would find them so.
    pub(super) fn not_looking(self) -> Self {
        Self { body: None, ..self }
    }

    /// An input was scored. Now and then, a look at the recent scores.
    pub(super) fn scored(&self, score: f64, p_value: f64) -> Option<Look> {
        self.score.record(score);
        self.p_value.record(p_value);
        let body = self.body.as_ref()?;
        // The lock is held for the adding only: others need not wait while this one looks.
        let due = self.window.lock().unwrap_or_else(PoisonError::into_inner).add(score);
        let mut recent = due?;
        recent.sort_by(f64::total_cmp);
        let body = body.compare(&recent);
        self.drift.set(body.distance);
        self.drift_p_value.set(body.p_value);
        Some(Look { recent, body })
    }
}
