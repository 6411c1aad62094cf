//! The basic iterative method (Kurakin, Goodfellow, Bengio 2017).

use super::walk::Walk;
use crate::attack::{Attack, AttackError, Ball, Norm, Seed, WhiteBox, pictures};
use crate::tensor::{Picture, quantised};

/// Small steps of the fast gradient sign method, from the benign picture itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bim {
    /// Largest change of a pixel, pixels being in [0, 1].
    pub eps: f32,
    /// Change of a pixel in one step.
    pub step: f32,
    /// Number of steps.
    pub steps: usize,
}

impl Attack for Bim {
    fn rounds(&self) -> usize {
        self.steps
    }

    fn run(&self, victim: &WhiteBox, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Picture>, AttackError> {
        let walk = Walk { ball: Ball::linf(self.eps), step: self.step, steps: self.steps };
        let heading = |_, gradient: &[f32]| Norm::Linf.steepest(gradient);
        let made = walk.go(victim, seeds, pictures(seeds), heading, watch)?;
        Ok(made.iter().map(quantised).collect())
    }
}
