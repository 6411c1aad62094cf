//! Exact confidence intervals of a proportion.

use statrs::distribution::{Beta, ContinuousCDF};

/// The Clopper-Pearson interval of a proportion from `successes` out of `trials`, at `confidence` (such as 0.95):
/// `[low, high]` within [0, 1]. Without trials it is all of [0, 1].
pub fn clopper_pearson(successes: u64, trials: u64, confidence: f64) -> [f64; 2] {
    let tail = (1.0 - confidence) / 2.0;
    let (k, n) = (successes as f64, trials as f64);
    let quantile = |a: f64, b: f64, probability: f64| Beta::new(a, b).map(|beta| beta.inverse_cdf(probability)).ok();
    let low = if successes == 0 { None } else { quantile(k, n - k + 1.0, tail) };
    let high = if successes >= trials { None } else { quantile(k + 1.0, n - k, 1.0 - tail) };
    [low.unwrap_or(0.0), high.unwrap_or(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_equal_published_ones() {
        let close = |actual: [f64; 2], expected: [f64; 2]| {
            assert!((actual[0] - expected[0]).abs() < 1e-4 && (actual[1] - expected[1]).abs() < 1e-4, "{actual:?}");
        };
        close(clopper_pearson(10, 100, 0.95), [0.0490, 0.1762]);
        close(clopper_pearson(0, 20, 0.95), [0.0, 0.1684]);
        close(clopper_pearson(20, 20, 0.95), [0.8316, 1.0]);
        close(clopper_pearson(0, 0, 0.95), [0.0, 1.0]);
    }
}
