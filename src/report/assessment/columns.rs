//! The scores that are held against each other: each detector's, and the combined one.

use super::trial::BenignOutcome;
use crate::detect::{COMBINED, Rate};
use crate::profile::Profile;

/// One score: its name, its threshold at each of the profile's rates, and what benign inputs have.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub name: String,
    pub thresholds: Vec<f64>,
    pub benign: Vec<f64>,
}

impl Column {
    /// The detectors, then the combination.
    pub fn all(profile: &Profile, benign: &[BenignOutcome]) -> Vec<Self> {
        let detectors = profile.combination.detectors.iter().map(|detector| {
            let threshold = |rate: &Rate| detector.ranks.threshold(rate.target).unwrap_or(f64::INFINITY);
            (detector.name.clone(), profile.rates.iter().map(threshold).collect())
        });
        let combined = (COMBINED.to_owned(), profile.rates.iter().map(|rate| rate.threshold).collect());
        let named = detectors.chain([combined]).enumerate();
        named
            .map(|(at, (name, thresholds))| Self {
                name,
                thresholds,
                benign: benign.iter().filter_map(|outcome| outcome.scores.get(at).copied()).collect(),
            })
            .collect()
    }
}
