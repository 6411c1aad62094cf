//! The classifier's own doubt: how near its second choice comes to its first.

use super::{Detector, FLOOR, Observation, ObservationGradient};
use crate::model::Distribution;

/// The margin between the classifier's two likeliest classes, with its sign turned: ln of the second probability over the
/// first, at most 0. An attack that stops as soon as the class has changed leaves its picture at a boundary, where benign
/// ones are rare (Carlini and Wagner 2017 call the margin f6; Hendrycks and Gimpel 2017 look at the first probability alone).
/// It takes no prediction beside the original's; who goes on until the classifier is sure gets past it.
pub struct Margin {
    name: String,
}

impl Margin {
    /// A detector of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}

impl Detector for Margin {
    fn name(&self) -> &str {
        &self.name
    }

    fn definition(&self) -> String {
        "margin".to_owned()
    }

    fn score(&self, observation: &Observation) -> f64 {
        let [first, second] = two_likeliest(&observation.original).map(|(_, p)| p.max(FLOOR).ln());
        second - first
    }

    fn gradient(&self, observation: &Observation) -> ObservationGradient {
        let mut gradient = ObservationGradient::none(observation);
        let [first, second] = two_likeliest(&observation.original).map(|(class, _)| class);
        if first != second {
            gradient.original[first] = -1.0;
            gradient.original[second] = 1.0;
        }
        gradient
    }
}

/// The two likeliest classes with their probabilities, the first of equals first; of a single class, that and 0.
fn two_likeliest(distribution: &Distribution) -> [(usize, f64); 2] {
    let (first, p) = distribution.top();
    let others = distribution.probabilities().iter().copied().enumerate().filter(|&(class, _)| class != first);
    let second = others.fold((first, 0.0), |best, next| if next.1 > best.1 { next } else { best });
    [(first, p), second]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(probabilities: &[f32]) -> f64 {
        let original = Distribution::from_probabilities(probabilities).unwrap();
        Margin::new("margin").score(&Observation { original, squeezed: vec![], companions: vec![] })
    }

    #[test]
    fn the_nearer_the_second_choice_the_larger_the_score() {
        assert!((score(&[0.25, 0.5, 0.25]) - 0.5_f64.ln()).abs() < 1e-12);
        assert_eq!(score(&[0.5, 0.5]), 0.0);
        assert!(score(&[0.9, 0.1]) < score(&[0.6, 0.4]));
    }

    #[test]
    fn who_is_quite_sure_still_has_a_finite_score() {
        assert!((score(&[1.0, 0.0]) - FLOOR.ln()).abs() < 1e-9);
        assert!(score(&[1.0]).is_finite());
    }
}
