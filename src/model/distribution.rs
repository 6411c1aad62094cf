//! A prediction as a probability distribution over the classes.

/// Why scores are no distribution.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DistributionError {
    /// The output does not hold one value a class and item.
    #[error("expected {items} x {expected} scores, got {actual}")]
    Classes {
        /// Number of classes.
        expected: usize,
        /// Items in the batch.
        items: usize,
        /// Values that came.
        actual: usize,
    },
    /// A score is NaN or infinite.
    #[error("the prediction holds a score that is not finite")]
    NotFinite,
    /// Values that should be probabilities are negative or do not sum to one.
    #[error("the prediction sums to {sum} where probabilities must sum to 1; are these logits?")]
    NotProbabilities {
        /// Their sum.
        sum: f64,
    },
}

/// How far probabilities may sum from one: FP16 outputs over a thousand classes stay inside.
const SUM_TOLERANCE: f64 = 1e-2;

/// Probabilities over the classes, in `f64`; they sum to one.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution(Vec<f64>);

impl Distribution {
    /// The softmax of `logits`, shifted by the maximum so that it can't overflow.
    ///
    /// # Errors
    /// When a logit is not finite or there is none.
    pub fn from_logits(logits: &[f32]) -> Result<Self, DistributionError> {
        if logits.is_empty() || logits.iter().any(|logit| !logit.is_finite()) {
            return Err(DistributionError::NotFinite);
        }
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f64> = logits.iter().map(|&logit| f64::from(logit - largest).exp()).collect();
        Ok(Self::normalised(weights))
    }

    /// Takes probabilities as a model gave them and normalises what rounding left over.
    ///
    /// # Errors
    /// When one is negative or not finite, or they do not sum to about one.
    pub fn from_probabilities(probabilities: &[f32]) -> Result<Self, DistributionError> {
        if probabilities.is_empty() || probabilities.iter().any(|value| !value.is_finite()) {
            return Err(DistributionError::NotFinite);
        }
        let weights: Vec<f64> = probabilities.iter().map(|&value| f64::from(value)).collect();
        let sum: f64 = weights.iter().sum();
        if (sum - 1.0).abs() > SUM_TOLERANCE || weights.iter().any(|&weight| weight < -SUM_TOLERANCE) {
            return Err(DistributionError::NotProbabilities { sum });
        }
        Ok(Self::normalised(weights.into_iter().map(|weight| weight.max(0.0)).collect()))
    }

    /// Every class alike.
    pub fn uniform(classes: usize) -> Self {
        Self(vec![1.0 / classes as f64; classes])
    }

    fn normalised(weights: Vec<f64>) -> Self {
        let sum: f64 = weights.iter().sum();
        Self(weights.into_iter().map(|weight| weight / sum).collect())
    }

    /// The mean of several over the same classes; `None` of none.
    pub fn mean<'a>(all: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let mut all = all.into_iter();
        let mut sum = all.next()?.0.clone();
        for one in all {
            sum.iter_mut().zip(&one.0).for_each(|(sum, p)| *sum += p);
        }
        Some(Self::normalised(sum))
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.0.len()
    }

    /// The probabilities, class by class.
    pub fn probabilities(&self) -> &[f64] {
        &self.0
    }

    /// The most probable class (the first of equals) and its probability.
    pub fn top(&self) -> (usize, f64) {
        self.0
            .iter()
            .copied()
            .enumerate()
            .fold((0, f64::NEG_INFINITY), |best, next| if next.1 > best.1 { next } else { best })
    }

    /// The distribution at temperature `temperature` > 0: probabilities to the power of its inverse, normalised.
    /// Below 1 it is sharper, above 1 flatter.
    pub fn at_temperature(&self, temperature: f64) -> Self {
        if temperature == 1.0 {
            return self.clone();
        }
        let largest = self.top().1;
        Self::normalised(self.0.iter().map(|p| (p / largest).powf(1.0 / temperature)).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_finite_logits_give_a_distribution(logits in prop::collection::vec(-1e38_f32..1e38, 1..50)) {
            let distribution = Distribution::from_logits(&logits).unwrap();
            let sum: f64 = distribution.probabilities().iter().sum();
            prop_assert!((sum - 1.0).abs() < 1e-9);
            prop_assert!(distribution.probabilities().iter().all(|p| (0.0..=1.0).contains(p)));
        }

        #[test]
        fn temperature_keeps_the_class(logits in prop::collection::vec(-20.0_f32..20.0, 2..20), t in 0.2_f64..5.0) {
            let distribution = Distribution::from_logits(&logits).unwrap();
            prop_assert_eq!(distribution.at_temperature(t).top().0, distribution.top().0);
        }
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        assert_eq!(Distribution::from_logits(&[0.0, f32::NAN]), Err(DistributionError::NotFinite));
        assert!(matches!(
            Distribution::from_probabilities(&[3.0, -1.0]),
            Err(DistributionError::NotProbabilities { .. })
        ));
        assert_eq!(Distribution::from_probabilities(&[0.25, 0.75]).unwrap().top(), (1, 0.75));
    }
}
