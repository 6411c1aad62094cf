//! A cascade (Viola, Jones 2001): some detectors look at every input, the others only where these leave the outcome open.

use serde::{Deserialize, Serialize};

use super::ranks::Ranks;

/// A cascade as it is configured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// How many detectors, the panel's first, look at every input.
    pub first: usize,
    /// The share of benign inputs that all the others look at too, in (0, 1).
    pub share: f64,
}

/// A cascade fitted to benign inputs. What an input scores is what those detectors make of it that look at it. Surprisals
/// are never negative, so that whatever got past the gate scores more than all that did not: one order, one threshold, and
/// its false-positive rate is that of the cascade as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cascade {
    /// How many detectors, the combination's first, look at every input.
    pub first: usize,
    /// The share of benign inputs that was to get past the gate.
    pub share: f64,
    /// The others look too where the first ones' combined score is larger.
    pub gate: f64,
}

impl Cascade {
    /// The gate that lets the planned share of benign inputs past, to whose combined score the detectors contribute this (one
    /// row an input, one column a detector); nothing where they are too few.
    pub(crate) fn fit(plan: Plan, contributions: &[Vec<f64>]) -> Option<Self> {
        let Plan { first, share } = plan;
        let combined = contributions.iter().map(|row| row[..first].iter().sum()).collect();
        let gate = Ranks::new(combined).ok()?.threshold(share)?;
        Some(Self { first, share, gate })
    }

    /// As it was configured.
    pub fn plan(&self) -> Plan {
        Plan { first: self.first, share: self.share }
    }

    /// Whether the first detectors' combined score leaves the outcome open.
    pub(crate) fn is_open(&self, first: f64) -> bool {
        first > self.gate
    }

    /// What counts of the detectors' contributions: all of them if the first ones leave the outcome open.
    pub(crate) fn counted<'a>(&self, contributions: &'a [f64]) -> &'a [f64] {
        let first = &contributions[..self.first];
        if self.is_open(first.iter().sum()) { contributions } else { first }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_gets_past_the_gate_scores_more_than_what_does_not(
            benign in prop::collection::vec(prop::collection::vec(0.0_f64..10.0, 2), 20..200),
            others in prop::collection::vec(prop::collection::vec(0.0_f64..30.0, 2), 2..40),
            share in 0.05_f64..0.9,
        ) {
            let cascade = Cascade::fit(Plan { first: 1, share }, &benign).unwrap();
            let past = benign.iter().filter(|row| cascade.counted(row).len() == 2).count();
            prop_assert!(past as f64 <= share * (benign.len() + 1) as f64);
            let score = |row: &Vec<f64>| cascade.counted(row).iter().sum::<f64>();
            let (open, closed): (Vec<_>, Vec<_>) = others.iter().partition(|row| cascade.is_open(row[0]));
            let least = open.into_iter().map(score).fold(f64::INFINITY, f64::min);
            prop_assert!(closed.into_iter().map(score).all(|score| score < least));
        }
    }

    #[test]
    fn too_few_inputs_have_no_gate_for_a_small_share() {
        let benign: Vec<Vec<f64>> = (0..20).map(|n| vec![f64::from(n), 0.0]).collect();
        assert_eq!(Cascade::fit(Plan { first: 1, share: 0.01 }, &benign), None);
    }
}
