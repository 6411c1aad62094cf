//! Detectors: from predictions to one calibrated decision. Pure: no network, no clock, no threads.

mod cascade;
mod combination;
mod decision;
mod disagreement;
mod feature_squeezing;
mod margin;
mod panel;
mod ranks;
mod sentinel;
mod underway;

pub use cascade::{Cascade, Plan};
pub(crate) use combination::combine;
pub use combination::{COMBINED, Combination, Evidence, Rate, ScoreError, Weighted, scores};
pub use decision::{Action, Decision, Reason, Verdict, act, worst};
pub use disagreement::Disagreement;
pub use feature_squeezing::FeatureSqueezing;
pub use margin::Margin;
pub use panel::{Companion, Panel, Part, Role};
pub use ranks::Ranks;
pub use sentinel::{SENTINEL_CLASSES, Sentinel};
pub use underway::{Copies, Prediction, Underway, wait};

use crate::model::Distribution;

/// Probabilities below this count as this in logarithms: what `f32` outputs can still tell from zero.
const FLOOR: f64 = 1e-12;

/// Everything that was predicted about one input.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The teacher on the input itself.
    pub original: Distribution,
    /// The teacher on the squeezed copies, in the order of the panel's squeezers; of the first ones, if a cascade asked no
    /// further.
    pub squeezed: Vec<Distribution>,
    /// The companions on the input, in the panel's order; likewise.
    pub companions: Vec<Distribution>,
}

impl Observation {
    /// Memory that it takes, in bytes, about.
    pub fn bytes(&self) -> usize {
        let predictions = std::iter::once(&self.original).chain(&self.squeezed).chain(&self.companions);
        predictions.map(|prediction| size_of_val(prediction.probabilities())).sum()
    }
}

/// Input (by way of its predictions) -> score; larger is more suspicious.
pub trait Detector: Send + Sync {
    /// Its name, unique within a panel.
    fn name(&self) -> &str;

    /// What it computes, in full: goes into the profile, so that a profile is not used with another detector.
    fn definition(&self) -> String;

    /// Whether it looks at the teacher's prediction on the input itself.
    fn compares_with_original(&self) -> bool {
        true
    }

    /// The score; finite for any observation.
    fn score(&self, observation: &Observation) -> f64;

    /// How the score changes with the logits behind each prediction: what an attacker follows who knows the detector.
    fn gradient(&self, observation: &Observation) -> ObservationGradient;
}

/// A score's change with the logits behind each prediction of an [`Observation`], one number a class.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservationGradient {
    /// Of the teacher on the input itself.
    pub original: Vec<f64>,
    /// Of the teacher on the squeezed copies; `None` where the score does not depend on them.
    pub squeezed: Vec<Option<Vec<f64>>>,
    /// Of the companions; `None` where the score does not depend on them.
    pub companions: Vec<Option<Vec<f64>>>,
}

impl ObservationGradient {
    /// Of a score that depends on nothing.
    fn none(observation: &Observation) -> Self {
        Self {
            original: vec![0.0; observation.original.classes()],
            squeezed: vec![None; observation.squeezed.len()],
            companions: vec![None; observation.companions.len()],
        }
    }

    /// Adds `factor` times another gradient of the same observation.
    fn add(&mut self, factor: f64, other: Self) {
        let add = |sum: &mut Vec<f64>, part: Vec<f64>| {
            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += factor * part);
        };
        add(&mut self.original, other.original);
        let predictions = self.squeezed.iter_mut().chain(&mut self.companions);
        for (sum, part) in predictions.zip(other.squeezed.into_iter().chain(other.companions)) {
            if let Some(part) = part {
                add(sum.get_or_insert_with(|| vec![0.0; part.len()]), part);
            }
        }
    }
}

/// From the gradient by probabilities to the gradient by the logits that they are the softmax of.
fn by_logits(probabilities: &[f64], gradient: &[f64]) -> Vec<f64> {
    let mean: f64 = probabilities.iter().zip(gradient).map(|(p, slope)| p * slope).sum();
    probabilities.iter().zip(gradient).map(|(p, slope)| p * (slope - mean)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Measure;

    const STEP: f64 = 1e-3;

    fn observation(logits: &[Vec<f32>]) -> Observation {
        let distribution = |logits: &Vec<f32>| Distribution::from_logits(logits).unwrap();
        Observation {
            original: distribution(&logits[0]),
            squeezed: logits[1..3].iter().map(distribution).collect(),
            companions: vec![distribution(&logits[3]), Distribution::from_logits(&logits[4][..2]).unwrap()],
        }
    }

    fn detectors() -> Vec<Box<dyn Detector>> {
        let student = |measure, temperature| -> Box<dyn Detector> {
            Box::new(Disagreement::new("student", (0, "s".to_owned()), measure, temperature))
        };
        let squeezers = vec![(0, "a".to_owned()), (1, "b".to_owned())];
        let measures = [Measure::Kl, Measure::JensenShannon, Measure::Surprise];
        let students = measures.into_iter().flat_map(|measure| [student(measure, 1.0), student(measure, 3.0)]);
        let of_hidden = |measure| -> Box<dyn Detector> {
            Box::new(Disagreement::new("hidden", (0, "s".to_owned()), measure, 1.0).of_hidden(Some(1)))
        };
        let others: [Box<dyn Detector>; 4] = [
            Box::new(FeatureSqueezing::new("fs", squeezers.clone())),
            Box::new(FeatureSqueezing::new("hidden", squeezers).of_hidden(Some(1))),
            Box::new(Margin::new("margin")),
            Box::new(Sentinel::new("sentinel", (1, "t".to_owned()))),
        ];
        others.into_iter().chain(students).chain(measures.map(of_hidden)).collect()
    }

    proptest! {
        #[test]
        fn gradients_are_what_scores_do(
            logits in prop::collection::vec(prop::collection::vec(-3.0f32..3.0, 4), 5), class in 0usize..4,
        ) {
            let seen = observation(&logits);
            for detector in detectors() {
                let gradient = detector.gradient(&seen);
                let none = vec![0.0; 4];
                let mut predictions = vec![&gradient.original];
                let others = gradient.squeezed.iter().chain(&gradient.companions);
                predictions.extend(others.map(|part| part.as_ref().unwrap_or(&none)));
                for (index, prediction) in predictions.into_iter().enumerate() {
                    let at = |by: f64| {
                        let mut moved = logits.clone();
                        moved[index][class] += by as f32;
                        detector.score(&observation(&moved))
                    };
                    let sides = [at(STEP) - at(0.0), at(0.0) - at(-STEP)].map(|rise| rise / STEP);
                    prop_assume!((sides[0] - sides[1]).abs() < 0.02);
                    let measured = (sides[0] + sides[1]) / 2.0;
                    let told = prediction.get(class).copied().unwrap_or_default();
                    prop_assert!(
                        (told - measured).abs() < 0.01,
                        "{} by prediction {index}: {told} for {measured}", detector.definition()
                    );
                }
            }
        }
    }
}
