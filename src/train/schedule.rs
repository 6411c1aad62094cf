//! The learning rate over a training: up, then down to nearly nothing (one cycle, Smith, Topin 2018).

use std::f64::consts::PI;

/// Share of the steps on which the rate rises.
const RISING: f64 = 0.25;
/// The first rate, as a share of the largest.
const FIRST: f64 = 1.0 / 25.0;
/// The last rate, as a share of the largest.
const LAST: f64 = 1e-3;

/// The learning rate at `step` of `steps` (counted from zero) where `largest` is the peak, along halves of a cosine.
pub(super) fn one_cycle(step: usize, steps: usize, largest: f64) -> f64 {
    let at = step as f64 / steps.max(1) as f64;
    let (from, to, share) =
        if at < RISING { (FIRST, 1.0, at / RISING) } else { (1.0, LAST, (at - RISING) / (1.0 - RISING)) };
    largest * (to + (from - to) * (1.0 + (PI * share.min(1.0)).cos()) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_to_its_peak_and_falls_to_nearly_nothing() {
        let rates: Vec<f64> = (0..=100).map(|step| one_cycle(step, 100, 2.0)).collect();
        assert!((rates[0] - 0.08).abs() < 1e-9 && (rates[25] - 2.0).abs() < 1e-9 && (rates[100] - 0.002).abs() < 1e-9);
        assert!(rates[..=25].is_sorted() && rates[25..].iter().rev().is_sorted());
    }
}
