//! Detectors: from predictions to one calibrated decision. Pure: no network, no clock, no threads.

mod combination;
mod decision;
mod disagreement;
mod feature_squeezing;
mod panel;
mod ranks;

pub(crate) use combination::combined_score;
pub use combination::{Combination, Evidence, Rate, ScoreError, Weighted, scores};
pub use decision::{Action, Decision, Reason, Verdict, act, worst};
pub use disagreement::Disagreement;
pub use feature_squeezing::FeatureSqueezing;
pub use panel::{Panel, Prediction, Student, Underway, wait};
pub use ranks::Ranks;

use crate::model::Distribution;

/// Everything that was predicted about one input.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The teacher on the input itself.
    pub original: Distribution,
    /// The teacher on the squeezed copies, in the order of the panel's squeezers.
    pub squeezed: Vec<Distribution>,
    /// The students on the input, in the panel's order.
    pub students: Vec<Distribution>,
}

/// Input (by way of its predictions) -> score; larger is more suspicious.
pub trait Detector: Send + Sync {
    /// Its name, unique within a panel.
    fn name(&self) -> &str;

    /// What it computes, in full: goes into the profile, so that a profile is not used with another detector.
    fn definition(&self) -> String;

    /// The score; finite for any observation.
    fn score(&self, observation: &Observation) -> f64;
}
