//! Feature squeezing (Xu, Evans, Qi, NDSS 2018): how far the prediction moves when the input is squeezed.

use super::{Detector, Observation, ObservationGradient, by_logits};
use crate::model::Distribution;

/// Joint feature squeezing: the largest L1 distance between the prediction on the input and the predictions on its
/// squeezed copies. Range [0, 2].
pub struct FeatureSqueezing {
    name: String,
    /// Positions among the observation's squeezed predictions, with the squeezers' names.
    squeezers: Vec<(usize, String)>,
}

impl FeatureSqueezing {
    /// A detector over the squeezed predictions at the given positions, each with its squeezer's name.
    pub fn new(name: impl Into<String>, squeezers: Vec<(usize, String)>) -> Self {
        Self { name: name.into(), squeezers }
    }
}

impl Detector for FeatureSqueezing {
    fn name(&self) -> &str {
        &self.name
    }

    fn definition(&self) -> String {
        let names: Vec<&str> = self.squeezers.iter().map(|(_, name)| name.as_str()).collect();
        format!("feature_squeezing {}", names.join(" "))
    }

    fn score(&self, observation: &Observation) -> f64 {
        self.squeezers
            .iter()
            .map(|&(position, _)| l1_distance(&observation.original, &observation.squeezed[position]))
            .fold(0.0, f64::max)
    }

    /// Of the squeezer that moves the prediction most.
    fn gradient(&self, observation: &Observation) -> ObservationGradient {
        let distance = |position: &usize| l1_distance(&observation.original, &observation.squeezed[*position]);
        let positions = self.squeezers.iter().map(|squeezer| squeezer.0);
        let mut gradient = ObservationGradient::none(observation);
        if let Some(farthest) = positions.max_by(|a, b| distance(a).total_cmp(&distance(b))) {
            let (p, q) = (observation.original.probabilities(), observation.squeezed[farthest].probabilities());
            let up: Vec<f64> = p.iter().zip(q).map(|(p, q)| (p - q).signum()).collect();
            let down: Vec<f64> = up.iter().map(|sign| -sign).collect();
            gradient.original = by_logits(p, &up);
            gradient.squeezed[farthest] = Some(by_logits(q, &down));
        }
        gradient
    }
}

/// Sum of absolute differences of two distributions over the same classes.
pub(crate) fn l1_distance(a: &Distribution, b: &Distribution) -> f64 {
    a.probabilities().iter().zip(b.probabilities()).map(|(p, q)| (p - q).abs()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(probabilities: &[f32]) -> Distribution {
        Distribution::from_probabilities(probabilities).unwrap()
    }

    #[test]
    fn the_squeezer_that_moves_the_prediction_most_decides() {
        let observation = Observation {
            original: distribution(&[0.75, 0.25]),
            squeezed: vec![distribution(&[0.75, 0.25]), distribution(&[0.25, 0.75])],
            companions: vec![],
        };
        let joint = FeatureSqueezing::new("fs", vec![(0, "median(2,2)".into()), (1, "bit_depth(5)".into())]);
        assert_eq!(joint.score(&observation), 1.0);
        let first_only = FeatureSqueezing::new("fs", vec![(0, "median(2,2)".into())]);
        assert_eq!(first_only.score(&observation), 0.0);
        assert_eq!(joint.definition(), "feature_squeezing median(2,2) bit_depth(5)");
    }
}
