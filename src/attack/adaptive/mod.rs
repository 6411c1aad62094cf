//! Attacks that know everything: the classifier, the squeezers, the students, and how their scores are combined.

mod carlini_wagner;
mod guarded;
mod pgd;
mod quietest;

pub use carlini_wagner::AdaptiveCarliniWagner;
pub use guarded::{Guarded, Look};
pub use pgd::{AdaptivePgd, Rule};

use super::{AttackError, Seed};
use crate::tensor::Picture;

/// An attack on classifier and detectors at once (Tramer et al. 2020).
pub trait AdaptiveAttack: Send + Sync {
    /// How often [`AdaptiveAttack::run`] calls `watch`, at most.
    fn rounds(&self) -> usize;

    /// How often it looks at each seed in each of these rounds.
    fn looks_a_round(&self) -> usize {
        1
    }

    /// One picture a seed, rounded to its depth: one that reaches the goal, and of those the one with the smallest combined
    /// score or the nearest that is not flagged at `threshold`. `watch` is called as the work goes on.
    ///
    /// # Errors
    /// When a gradient can't be computed.
    fn run(
        &self,
        guarded: &Guarded,
        seeds: &[Seed],
        threshold: f64,
        watch: &mut dyn FnMut(),
    ) -> Result<Vec<Picture>, AttackError>;
}
