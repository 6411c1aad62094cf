//! How well scores tell adversarial inputs from benign ones.

use serde::Serialize;

use super::calibration::CONFIDENCE;
use super::interval::clopper_pearson;

/// A proportion with its 95% Clopper-Pearson interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Proportion {
    /// How many were flagged.
    pub flagged: u64,
    /// Out of how many.
    pub total: u64,
    /// The proportion; 0 where there is nothing to count.
    pub rate: f64,
    /// Its interval.
    pub interval: [f64; 2],
}

impl Proportion {
    /// Of `flagged` out of `total`.
    pub fn new(flagged: u64, total: u64) -> Self {
        let rate = if total == 0 { 0.0 } else { flagged as f64 / total as f64 };
        Self { flagged, total, rate, interval: clopper_pearson(flagged, total, CONFIDENCE) }
    }

    /// Of those that are.
    pub fn of(all: &[bool]) -> Self {
        Self::new(all.iter().filter(|&&is| is).count() as u64, all.len() as u64)
    }

    /// Of the scores above `threshold`.
    pub fn above(scores: &[f64], threshold: f64) -> Self {
        Self::new(scores.iter().filter(|&&score| score > threshold).count() as u64, scores.len() as u64)
    }
}

/// Area under the ROC curve: the probability that an adversarial score is larger than a benign one, ties counting
/// half. 0.5 where either set is empty.
pub fn auc(benign: &[f64], adversarial: &[f64]) -> f64 {
    if benign.is_empty() || adversarial.is_empty() {
        return 0.5;
    }
    let mut sorted = benign.to_vec();
    sorted.sort_by(f64::total_cmp);
    let wins: f64 = adversarial
        .iter()
        .map(|&score| {
            let below = sorted.partition_point(|&benign| benign < score);
            let not_above = sorted.partition_point(|&benign| benign <= score);
            (below + not_above) as f64 / 2.0
        })
        .sum();
    wins / (benign.len() * adversarial.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_counts_pairs_and_half_of_ties() {
        assert_eq!(auc(&[1.0, 2.0], &[3.0, 4.0]), 1.0);
        assert_eq!(auc(&[1.0, 2.0], &[0.0]), 0.0);
        assert_eq!(auc(&[1.0, 2.0], &[2.0]), 0.75);
        assert_eq!(auc(&[], &[2.0]), 0.5);
    }

    #[test]
    fn a_proportion_counts_what_lies_above_the_threshold() {
        let proportion = Proportion::above(&[1.0, 2.0, 3.0, 4.0], 2.0);
        assert_eq!((proportion.flagged, proportion.total, proportion.rate), (2, 4, 0.5));
    }
}
