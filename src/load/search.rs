//! The highest rate at which a promise is kept.

use std::time::Duration;

use super::Measured;

/// How near the highest rate that kept the promise has to come to the lowest that broke it: a twentieth.
const PRECISION: f64 = 1.05;
/// The lowest rate that is tried, in requests a second.
const LOWEST: f64 = 0.1;
/// The share of requests that may fail.
const FAILURES: f64 = 0.01;

/// What a server is to keep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Promise {
    /// The share of requests, from 0 to 1, that is to be answered in time; no more than one in a hundred may fail.
    pub quantile: f64,
    /// The time, from when a request was due.
    pub latency: Duration,
}

impl Promise {
    /// Whether it was kept.
    pub fn is_kept(&self, measured: &Measured) -> bool {
        let all = measured.all();
        all.count() > 0 && all.quantile(self.quantile) <= self.latency && measured.failed_share() <= FAILURES
    }
}

/// Looks for the highest rate: by doubling, then by halving what is between.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    kept: Option<f64>,
    broken: Option<f64>,
    first: f64,
}

impl Search {
    /// Starts with `rate`, in requests a second.
    pub fn from(rate: f64) -> Self {
        Self { kept: None, broken: None, first: rate }
    }

    /// The rate to try next, until it is known well enough or there is none.
    pub fn next(&self) -> Option<f64> {
        match (self.kept, self.broken) {
            (None, None) => Some(self.first),
            (Some(kept), None) => Some(2.0 * kept),
            (None, Some(broken)) => Some(broken / 2.0).filter(|&rate| rate >= LOWEST),
            (Some(kept), Some(broken)) => Some((kept * broken).sqrt()).filter(|_| broken / kept > PRECISION),
        }
    }

    /// Takes note of how it went at `rate`.
    pub fn tried(&mut self, rate: f64, is_kept: bool) {
        *(if is_kept { &mut self.kept } else { &mut self.broken }) = Some(rate);
    }

    /// The highest rate so far at which the promise was kept.
    pub fn highest(&self) -> Option<f64> {
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Outcome;

    fn found(first: f64, capacity: f64) -> Option<f64> {
        let mut search = Search::from(first);
        while let Some(rate) = search.next() {
            search.tried(rate, rate <= capacity);
        }
        search.highest()
    }

    #[test]
    fn the_highest_rate_is_found_within_a_twentieth_from_wherever_the_search_starts() {
        for capacity in [0.3, 7.0, 441.0, 20_000.0] {
            for first in [0.5, 100.0, 50_000.0] {
                let found = found(first, capacity).unwrap();
                assert!(found <= capacity && capacity / found <= PRECISION, "{capacity} from {first}: {found}");
            }
        }
        assert_eq!(found(100.0, 0.0), None);
    }

    #[test]
    fn a_promise_is_broken_by_latency_and_by_failures_but_not_by_refusals() {
        let promise = Promise { quantile: 0.9, latency: Duration::from_millis(10) };
        let measured = |slow: usize, outcome| {
            let mut measured = Measured::default();
            for index in 0..100 {
                let latency = Duration::from_millis(if index < slow { 50 } else { 5 });
                measured.record(if index < 5 { outcome } else { Outcome::Answered }, latency, Duration::ZERO);
            }
            measured
        };
        assert!(promise.is_kept(&measured(9, Outcome::Refused("PERMISSION_DENIED"))));
        assert!(!promise.is_kept(&measured(11, Outcome::Answered)));
        assert!(!promise.is_kept(&measured(0, Outcome::Failed("UNAVAILABLE"))));
        assert!(!promise.is_kept(&Measured::default()));
    }
}
