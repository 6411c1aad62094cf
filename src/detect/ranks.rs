//! Conformal ranks of a score among the scores of benign inputs.

use serde::{Deserialize, Serialize};

/// Share of the largest benign scores to which the tail is fitted.
const TAIL_SHARE: f64 = 0.05;
/// Fewer exceedances than this say nothing about a tail.
const SMALLEST_TAIL: usize = 10;

/// The scores that a detector gave to benign inputs, sorted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct Ranks {
    sorted: Vec<f64>,
    tail: Option<Tail>,
}

/// The exponential tail beyond `start`, fitted by its mean excess.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tail {
    start: f64,
    share: f64,
    mean_excess: f64,
}

impl Ranks {
    /// Takes benign scores in any order; all must be finite and there must be at least one.
    ///
    /// # Errors
    /// Says which of the two is not so.
    pub fn new(mut scores: Vec<f64>) -> Result<Self, &'static str> {
        if scores.is_empty() {
            return Err("there are no benign scores");
        }
        if scores.iter().any(|score| !score.is_finite()) {
            return Err("a benign score is not finite");
        }
        scores.sort_by(f64::total_cmp);
        let tail = Tail::fit(scores.len(), scores.iter().copied());
        Ok(Self { sorted: scores, tail })
    }

    /// How many benign scores there are.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Never: there is always a score.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The benign scores, ascending.
    pub fn scores(&self) -> &[f64] {
        &self.sorted
    }

    /// The conformal p-value (1 + number of benign scores >= `score`) / (n + 1): in (0, 1], and at most `a` with
    /// probability at most `a` for a benign input exchangeable with the calibration's.
    pub fn p_value(&self, score: f64) -> f64 {
        conformal(self.len() - self.below(score), self.len())
    }

    /// How many benign scores are smaller.
    fn below(&self, score: f64) -> usize {
        self.sorted.partition_point(|&benign| benign < score)
    }

    /// -ln of the p-value, continued beyond the largest benign scores by an exponential tail, so that extreme
    /// scores stay in order instead of being all alike. For combining detectors; not a guarantee by itself.
    pub fn surprisal(&self, score: f64) -> f64 {
        surprisal(self.p_value(score), self.tail, score)
    }

    /// The surprisal of one of these very scores among all others, as if it had not been known.
    pub(crate) fn surprisal_among_others(&self, own: f64) -> f64 {
        let below = self.below(own);
        debug_assert!(self.sorted.get(below) == Some(&own), "{own} is none of the scores");
        let others = self.len() - 1;
        let at_least = others - below;
        // Refitted only where it may count: for a few of all scores.
        let tail = (at_least <= Tail::exceedances(others))
            .then(|| Tail::fit(others, self.sorted[..below].iter().chain(&self.sorted[below + 1..]).copied()))
            .flatten();
        surprisal(conformal(at_least, others), tail, own)
    }

    /// The cut for a false-positive rate: an input is suspicious if its score is larger. `None` where there are too
    /// few benign scores to promise the rate (n + 1 < 1 / `rate`).
    pub fn threshold(&self, rate: f64) -> Option<f64> {
        let allowed = (rate * (self.len() + 1) as f64 + 1e-9).floor() as usize;
        (allowed >= 1).then(|| self.sorted[self.len() - allowed.min(self.len())])
    }

    /// The fewest benign scores with which [`Ranks::threshold`] can promise `rate`.
    pub fn fewest(rate: f64) -> usize {
        ((1.0 / rate) - 1e-9).ceil() as usize - 1
    }
}

impl Tail {
    /// The tail of `len` scores, ascending.
    fn fit(len: usize, scores: impl DoubleEndedIterator<Item = f64> + Clone) -> Option<Self> {
        let exceedances = Self::exceedances(len);
        let start = scores.clone().rev().nth(exceedances)?;
        let mean_excess = scores.rev().take(exceedances).map(|score| score - start).sum::<f64>() / exceedances as f64;
        let share = exceedances as f64 / (len + 1) as f64;
        (mean_excess > 0.0).then_some(Self { start, share, mean_excess })
    }

    /// To how many of `len` scores, the largest, it is fitted.
    fn exceedances(len: usize) -> usize {
        ((len as f64 * TAIL_SHARE) as usize).max(SMALLEST_TAIL)
    }
}

/// The p-value of a score that `at_least` of `len` others reach.
fn conformal(at_least: usize, len: usize) -> f64 {
    (1 + at_least) as f64 / (len + 1) as f64
}

fn surprisal(p_value: f64, tail: Option<Tail>, score: f64) -> f64 {
    // A subtraction, because a p-value of 1 is to give 0 and not -0.
    let conformal = 0.0 - p_value.ln();
    match tail {
        Some(tail) if score > tail.start => conformal.max(-tail.share.ln() + (score - tail.start) / tail.mean_excess),
        _ => conformal,
    }
}

impl TryFrom<Vec<f64>> for Ranks {
    type Error = &'static str;

    fn try_from(scores: Vec<f64>) -> Result<Self, Self::Error> {
        Self::new(scores)
    }
}

impl From<Ranks> for Vec<f64> {
    fn from(ranks: Ranks) -> Self {
        ranks.sorted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_threshold_keeps_its_promise_on_its_own_scores(
            scores in prop::collection::vec(0.0_f64..10.0, 20..300),
            rate in 0.05_f64..0.5,
        ) {
            let ranks = Ranks::new(scores.clone()).unwrap();
            let threshold = ranks.threshold(rate).unwrap();
            let flagged = scores.iter().filter(|&&score| score > threshold).count();
            prop_assert!(flagged as f64 <= rate * (scores.len() + 1) as f64);
            for score in scores {
                prop_assert!((score > threshold) == (ranks.p_value(score) <= rate) || score == threshold);
            }
        }

        #[test]
        fn larger_scores_are_never_less_surprising(
            scores in prop::collection::vec(0.0_f64..10.0, 1..300),
            mut probes in prop::collection::vec(-1.0_f64..30.0, 2..20),
        ) {
            let ranks = Ranks::new(scores).unwrap();
            probes.sort_by(f64::total_cmp);
            for pair in probes.windows(2) {
                prop_assert!(ranks.surprisal(pair[0]) <= ranks.surprisal(pair[1]));
                prop_assert!(ranks.p_value(pair[0]) >= ranks.p_value(pair[1]));
            }
        }
    }

    proptest! {
        #[test]
        fn a_score_among_others_is_ranked_as_if_it_had_come_later(
            scores in prop::collection::vec(0_u8..60, 2..120),
            which in any::<prop::sample::Index>(),
        ) {
            let mut others: Vec<f64> = scores.into_iter().map(|score| f64::from(score).powi(2)).collect();
            let ranks = Ranks::new(others.clone()).unwrap();
            let own = others.swap_remove(which.index(others.len()));
            prop_assert_eq!(ranks.surprisal_among_others(own), Ranks::new(others).unwrap().surprisal(own));
        }
    }

    #[test]
    fn p_values_are_conformal_ranks() {
        let ranks = Ranks::new(vec![3.0, 1.0, 2.0, 4.0]).unwrap();
        assert_eq!(ranks.p_value(4.5), 0.2);
        assert_eq!(ranks.p_value(3.0), 0.6);
        assert_eq!(ranks.p_value(0.0), 1.0);
    }

    #[test]
    fn too_few_scores_promise_nothing() {
        let ranks = Ranks::new((0..998).map(f64::from).collect()).unwrap();
        assert_eq!(ranks.threshold(0.001), None);
        assert_eq!(Ranks::fewest(0.001), 999);
        assert_eq!(Ranks::new((0..999).map(f64::from).collect()).unwrap().threshold(0.001), Some(998.0));
        assert_eq!(Ranks::fewest(0.05), 19);
    }

    #[test]
    fn what_cannot_rank_is_refused() {
        assert!(Ranks::new(vec![]).is_err());
        assert!(Ranks::new(vec![1.0, f64::NAN]).is_err());
    }
}
