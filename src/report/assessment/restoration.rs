//! What the policy `restore` would have answered.

use serde::Serialize;

use super::trial::BenignOutcome;
use super::{FEWEST_SUCCESSES, Finding, MeasuredRate, WorstAndMean, worst_and_mean};
use crate::profile::Proportion;

/// How often what is flagged at one rate would be answered rightly by squeezed copies and students.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Restoration {
    /// The rate.
    pub target: f64,
    /// The share of flagged adversarial inputs whose seed's class is answered; nothing without an attack of which ten are
    /// flagged.
    pub adversarial: Option<WorstAndMean>,
    /// The share of flagged benign inputs that are answered as the classifier reads them.
    pub benign: Proportion,
}

impl Restoration {
    /// At each rate; none where there is nobody to answer.
    pub(super) fn all(rates: &[MeasuredRate], benign: &[BenignOutcome], findings: &[Finding]) -> Vec<Self> {
        if benign.iter().all(|outcome| outcome.kept.is_none()) {
            return Vec::new();
        }
        let at_rate = |(at, rate): (usize, &MeasuredRate)| {
            let restored = findings.iter().filter_map(|finding| Some((finding.restored.get(at)?, finding)));
            let counted = restored.filter(|(restored, _)| restored.total >= FEWEST_SUCCESSES);
            let shares = counted.map(|(restored, finding)| (restored.rate, finding)).collect();
            let flagged = benign.iter().filter(|outcome| outcome.score().is_some_and(|score| score > rate.threshold));
            let kept: Vec<bool> = flagged.filter_map(|outcome| outcome.kept).collect();
            Self {
                target: rate.target,
                adversarial: worst_and_mean(rate.target, shares),
                benign: Proportion::of(&kept),
            }
        };
        rates.iter().enumerate().map(at_rate).collect()
    }
}
