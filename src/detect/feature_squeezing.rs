//! Feature squeezing (Xu, Evans, Qi, NDSS 2018): how far the prediction moves when the input is squeezed.

use super::{Detector, Observation, ObservationGradient, by_logits};
use crate::model::Distribution;

/// Joint feature squeezing: the largest L1 distance between the prediction on the input and the predictions on its
/// squeezed copies. Range [0, 2].
///
/// Where attacks lead away from one class, as from spam, it can be told that this class is what they hide: then what
/// counts is how much more probable a copy makes it, from 0 to 1. Copies of a benign spam message that look like none are
/// no sign of an attack.
pub struct FeatureSqueezing {
    name: String,
    /// Positions among the observation's squeezed predictions, with the squeezers' names.
    squeezers: Vec<(usize, String)>,
    hidden: Option<usize>,
}

impl FeatureSqueezing {
    /// A detector over the squeezed predictions at the given positions, each with its squeezer's name.
    pub fn new(name: impl Into<String>, squeezers: Vec<(usize, String)>) -> Self {
        Self { name: name.into(), squeezers, hidden: None }
    }

    /// The same, of the class that attacks hide, if it is one.
    #[must_use]
    pub fn of_hidden(self, hidden: Option<usize>) -> Self {
        Self { hidden, ..self }
    }

    /// How far the squeezed prediction at this position is from the original.
    fn distance(&self, observation: &Observation, position: usize) -> f64 {
        let (original, squeezed) = (&observation.original, &observation.squeezed[position]);
        match self.hidden {
            None => l1_distance(original, squeezed),
            Some(class) => (squeezed.probabilities()[class] - original.probabilities()[class]).max(0.0),
        }
    }
}

impl Detector for FeatureSqueezing {
    fn name(&self) -> &str {
        &self.name
    }

    fn definition(&self) -> String {
        let names: Vec<&str> = self.squeezers.iter().map(|(_, name)| name.as_str()).collect();
        let hidden = self.hidden.map(|class| format!("of hidden {class} ")).unwrap_or_default();
        format!("feature_squeezing {hidden}{}", names.join(" "))
    }

    fn score(&self, observation: &Observation) -> f64 {
        self.squeezers.iter().map(|&(position, _)| self.distance(observation, position)).fold(0.0, f64::max)
    }

    /// Of the squeezer that moves the prediction most.
    fn gradient(&self, observation: &Observation) -> ObservationGradient {
        let distance = |position: &usize| self.distance(observation, *position);
        let positions = self.squeezers.iter().map(|squeezer| squeezer.0);
        let mut gradient = ObservationGradient::none(observation);
        let farthest = positions.max_by(|a, b| distance(a).total_cmp(&distance(b)));
        if let Some(farthest) = farthest.filter(|position| distance(position) > 0.0) {
            let (p, q) = (observation.original.probabilities(), observation.squeezed[farthest].probabilities());
            let counts = |class| self.hidden.is_none_or(|hidden| hidden == class);
            let slope = |class| if counts(class) { f64::signum(p[class] - q[class]) } else { 0.0 };
            let up: Vec<f64> = (0..p.len()).map(slope).collect();
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

    #[test]
    fn of_a_hidden_class_only_what_reveals_it_counts() {
        let observation = Observation {
            original: distribution(&[0.75, 0.25]),
            squeezed: vec![distribution(&[1.0, 0.0]), distribution(&[0.5, 0.5])],
            companions: vec![],
        };
        let squeezers = vec![(0, "segment(1,2)".into()), (1, "segment(2,2)".into())];
        let of_hidden = |class| FeatureSqueezing::new("fs", squeezers.clone()).of_hidden(Some(class));
        assert_eq!([of_hidden(0), of_hidden(1)].map(|detector| detector.score(&observation)), [0.25, 0.25]);
        assert_eq!(FeatureSqueezing::new("fs", squeezers.clone()).score(&observation), 0.5);
        let without = Observation { squeezed: vec![distribution(&[1.0, 0.0]); 2], ..observation.clone() };
        assert_eq!(of_hidden(1).score(&without), 0.0);
        assert_eq!(of_hidden(1).definition(), "feature_squeezing of hidden 1 segment(1,2) segment(2,2)");
    }
}
