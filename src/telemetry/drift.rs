//! Has the traffic moved away from what the profile was calibrated on?

use std::collections::VecDeque;

/// How many recent p-values are compared.
const WINDOW: usize = 1000;

/// Fewer say nothing.
const FEWEST: usize = 100;

/// A window over recent p-values, which are uniform as long as the traffic is like the calibration's.
#[derive(Debug, Default)]
pub struct Drift {
    recent: VecDeque<f64>,
}

impl Drift {
    /// Takes a p-value in; the oldest of a full window goes.
    pub fn add(&mut self, p_value: f64) {
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(p_value);
    }

    /// The Kolmogorov-Smirnov distance of the window from the uniform distribution, in [0, 1]; `None` while the
    /// window holds too little to tell.
    pub fn distance(&self) -> Option<f64> {
        if self.recent.len() < FEWEST {
            return None;
        }
        let mut sorted: Vec<f64> = self.recent.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len() as f64;
        let distance = |(rank, p): (usize, &f64)| (p - rank as f64 / n).abs().max(((rank + 1) as f64 / n - p).abs());
        Some(sorted.iter().enumerate().map(distance).fold(0.0, f64::max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_like_the_calibrations_lies_close_and_other_traffic_far() {
        let mut drift = Drift::default();
        assert_eq!(drift.distance(), None);
        (0..1000).for_each(|i| drift.add((f64::from(i * 7919 % 1000) + 0.5) / 1000.0));
        assert!(drift.distance().unwrap() < 0.01);
        (0..1000).for_each(|_| drift.add(0.01));
        assert!(drift.distance().unwrap() > 0.9);
    }
}
