//! How a detector's scores are laid out: what is benign below the middle, what is beyond the threshold above it.

use serde::Serialize;

use crate::detect::Ranks;

/// Levels that scores are counted by, half of them up to the threshold.
pub(crate) const LEVELS: usize = 32;
/// Distances from the lowest benign score, in those of the threshold, that are marked.
const MARKED: [f64; 5] = [0.0, 0.5, 1.0, 2.0, 4.0];

/// A detector's scale. The lowest benign score is at 0, the threshold at 1/2; beyond it heights approach 1 without a
/// jump or a bend, so that no score is too large to be shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    low: f64,
    middle: f64,
    /// Whether the middle is the threshold; where a calibration is too small to have one it is the largest benign score.
    is_threshold: bool,
}

/// A score that is marked, and its height.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Mark {
    height: f64,
    score: f64,
}

impl Scale {
    /// Of a detector that was calibrated on `ranks` and flags beyond `threshold`.
    pub(super) fn new(ranks: &Ranks, threshold: Option<f64>) -> Self {
        let benign = ranks.scores();
        let (low, high) = (benign.first().copied().unwrap_or_default(), benign.last().copied().unwrap_or_default());
        Self { low, middle: threshold.unwrap_or(high), is_threshold: threshold.is_some() }
    }

    /// The cut, if there is one.
    pub(crate) fn threshold(&self) -> Option<f64> {
        self.is_threshold.then_some(self.middle)
    }

    /// Where a score is, from 0 to 1.
    pub(crate) fn height(&self, score: f64) -> f64 {
        let distance = (score - self.low) / self.unit();
        let height = if distance <= 1.0 { distance / 2.0 } else { 1.0 - 0.5 / distance };
        height.clamp(0.0, 1.0)
    }

    /// The level that a score is counted at.
    pub(super) fn level(&self, score: f64) -> usize {
        // The cast rounds down, and takes what is no number for 0.
        ((self.height(score) * LEVELS as f64) as usize).min(LEVELS - 1)
    }

    /// Scores for the scale's edge.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        let scores = MARKED.into_iter().map(|distance| self.low + distance * self.unit());
        scores.map(|score| Mark { height: self.height(score), score }).collect()
    }

    fn unit(&self) -> f64 {
        (self.middle - self.low).max(f64::EPSILON)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(benign: &[f64], threshold: Option<f64>) -> Scale {
        Scale::new(&Ranks::new(benign.to_vec()).unwrap(), threshold)
    }

    #[test]
    fn the_threshold_is_in_the_middle_and_nothing_is_beyond_the_top() {
        let scale = scale(&[2.0, 3.0, 7.0], Some(6.0));
        let heights = [1.0, 2.0, 4.0, 6.0, 10.0, 1e300, f64::INFINITY].map(|score| scale.height(score));
        assert_eq!(heights, [0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0]);
        assert_eq!(scale.level(6.0), LEVELS / 2);
        assert_eq!(scale.level(f64::MAX), LEVELS - 1);
        assert_eq!(scale.level(f64::NAN), 0);
        assert_eq!(scale.marks()[2], Mark { height: 0.5, score: 6.0 });
    }

    #[test]
    fn without_a_threshold_the_largest_benign_score_stands_for_it() {
        let scale = scale(&[0.0, 8.0], None);
        assert_eq!((scale.threshold(), scale.height(8.0)), (None, 0.5));
    }

    #[test]
    fn scores_that_are_all_alike_can_be_shown_too() {
        let scale = scale(&[1.0, 1.0], Some(1.0));
        assert_eq!((scale.level(0.5), scale.level(1.0), scale.level(2.0)), (0, 0, LEVELS - 1));
    }
}
