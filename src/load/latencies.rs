//! How long many answers took.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Digits of a latency that are kept.
const DIGITS: u8 = 3;
/// What longer ones are taken for.
const LONGEST: Duration = Duration::from_hours(24);

/// How long answers took, each to three digits, in memory that does not grow with their number.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        Self(Histogram::new(DIGITS).unwrap_or_else(|error| unreachable!("up to five digits can be kept: {error}")))
    }
}

impl Latencies {
    pub(super) fn record(&mut self, latency: Duration) {
        // The histogram grows as it is needed.
        let _ = self.0.record(latency.min(LONGEST).as_nanos() as u64);
    }

    pub(super) fn add(&mut self, other: &Self) {
        // The histogram grows as it is needed.
        let _ = self.0.add(&other.0);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// What the share `quantile` of them, from 0 to 1, does not exceed; zero where there is none.
    pub fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(quantile))
    }

    /// The longest; zero where there is none.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.0.max())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_three_digits_however_long_answers_take() {
        let mut latencies = Latencies::default();
        (1..=1000).for_each(|index| latencies.record(Duration::from_millis(index * index)));
        for (quantile, milliseconds) in [(0.5, 250_000.0), (0.9, 810_000.0), (0.999, 998_001.0), (1.0, 1e6)] {
            let found = latencies.quantile(quantile).as_secs_f64() * 1000.0;
            assert!((found / milliseconds - 1.0).abs() < 1e-3, "{quantile}: {found} ms");
        }
        assert_eq!((latencies.count(), Latencies::default().max()), (1000, Duration::ZERO));
    }
}
