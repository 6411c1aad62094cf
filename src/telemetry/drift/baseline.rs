//! What the calibration says of scores to come: of most of them, and of the largest.

use super::statistics::{beta_binomial_survival, ks_distance, ks_p_value};
use crate::detect::{Ranks, Rate};

/// The share of the calibration's scores, the largest ones, that are no part of the body.
const BEYOND_BODY: f64 = 0.1;
/// With fewer recent scores in the body there is nothing to compare. A window of 100 has 90 of them on average.
const FEWEST_IN_BODY: usize = 20;

/// How far recent scores are from the calibration's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distance {
    /// The Kolmogorov-Smirnov distance, in [0, 1].
    pub distance: f64,
    /// How often scores that are distributed like the calibration's would be as far away, in [0, 1].
    pub p_value: f64,
}

/// The body of the calibration's scores: all up to a cut, so that extreme scores, however many, do not move it.
#[derive(Debug)]
pub struct Body {
    scores: Vec<f64>,
    cut: f64,
}

impl Body {
    /// The body of `ranks`: nine tenths of its scores, or fewer where a rate above a tenth, `flagged`, is flagged.
    pub fn new(ranks: &Ranks, flagged: f64) -> Self {
        let cut = ranks.threshold(BEYOND_BODY.max(flagged)).unwrap_or(f64::INFINITY);
        let within = ranks.scores().partition_point(|&score| score <= cut);
        Self { scores: ranks.scores()[..within].to_vec(), cut }
    }

    /// Compares those of the `recent` scores, ascending, that lie within the body. If hardly any do, they are as far
    /// away as can be.
    pub fn compare(&self, recent: &[f64]) -> Distance {
        let within = &recent[..recent.partition_point(|&score| score <= self.cut)];
        if within.len() < FEWEST_IN_BODY {
            return Distance { distance: 1.0, p_value: 0.0 };
        }
        let distance = ks_distance(within, &self.scores);
        Distance { distance, p_value: ks_p_value(distance, within.len(), self.scores.len()) }
    }
}

/// The tail of the calibration's scores: what is flagged, and how often that happens to benign inputs.
///
/// The threshold was set on a sample, so that the rate it keeps is itself uncertain. As an order statistic of n scores
/// it is exceeded at a rate from Beta(rn, (1 - r)n), where r is the rate asked for and n counts one more; the held-out
/// inputs, flagged or not, narrow that down by conjugacy.
#[derive(Debug)]
pub struct Tail {
    threshold: f64,
    alpha: f64,
    beta: f64,
}

impl Tail {
    /// The tail of `ranks` beyond the threshold of `rate`.
    pub fn new(ranks: &Ranks, rate: &Rate) -> Self {
        let set_on = (ranks.len() + 1) as f64;
        let passed = rate.held_out.saturating_sub(rate.flagged);
        Self {
            threshold: rate.threshold,
            alpha: rate.target * set_on + rate.flagged as f64,
            beta: (1.0 - rate.target) * set_on + passed as f64,
        }
    }

    /// How often at least as many of a benign window's scores would be flagged as of the `recent` ones, ascending; in
    /// [0, 1].
    pub fn p_value(&self, recent: &[f64]) -> f64 {
        let flagged = recent.len() - recent.partition_point(|&score| score <= self.threshold);
        beta_binomial_survival(flagged, recent.len(), self.alpha, self.beta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(range: std::ops::Range<u32>) -> Vec<f64> {
        range.map(|step| f64::from(step) / 1000.0).collect()
    }

    fn ranks() -> Ranks {
        Ranks::new(steps(0..999)).unwrap()
    }

    fn rate(target: f64) -> Rate {
        let threshold = ranks().threshold(target).unwrap();
        Rate { target, threshold, flagged: 10, held_out: 1000, interval: [0.0, 1.0] }
    }

    #[test]
    fn extreme_scores_do_not_move_the_body() {
        let body = Body::new(&ranks(), 0.01);
        let mut recent = steps(0..1000);
        let before = body.compare(&recent);
        assert!(before.distance < 0.01 && before.p_value > 0.99, "{before:?}");
        recent.extend([50.0; 400]);
        assert_eq!(body.compare(&recent), before);
    }

    #[test]
    fn what_is_flagged_is_no_part_of_the_body() {
        assert_eq!(Body::new(&ranks(), 0.01).cut, ranks().threshold(0.1).unwrap());
        assert_eq!(Body::new(&ranks(), 0.3).cut, ranks().threshold(0.3).unwrap());
    }

    #[test]
    fn where_no_body_is_left_it_has_moved() {
        let mut recent = vec![0.5; FEWEST_IN_BODY - 1];
        recent.extend([2.0; 500]);
        assert_eq!(Body::new(&ranks(), 0.01).compare(&recent), Distance { distance: 1.0, p_value: 0.0 });
    }

    #[test]
    fn the_tail_knows_how_well_its_rate_is_known() {
        let tail = Tail::new(&ranks(), &rate(0.01));
        assert_eq!((tail.alpha, tail.beta), (20.0, 1980.0));
        let flagged = |count: usize| [vec![0.0; 1000 - count], vec![1.0; count]].concat();
        assert!(tail.p_value(&flagged(10)) > 0.4);
        assert!(tail.p_value(&flagged(40)) < 1e-4);
        let vague = Tail { alpha: 0.2, beta: 19.8, ..tail };
        assert!(vague.p_value(&flagged(40)) > 1e-2, "the same on twenty calibration inputs is no surprise");
    }

    #[test]
    fn a_score_at_the_threshold_is_not_flagged() {
        let tail = Tail::new(&ranks(), &rate(0.01));
        assert_eq!(tail.p_value(&[tail.threshold; 200]), 1.0);
    }
}
