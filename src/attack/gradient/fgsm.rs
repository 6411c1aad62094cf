//! The fast gradient sign method (Goodfellow, Shlens, Szegedy 2015).

use super::walk::Walk;
use crate::attack::{Attack, AttackError, Ball, Norm, Seed, WhiteBox, pictures};
use crate::tensor::{Picture, quantised};

/// One step as far as it may go, each pixel in the direction that helps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fgsm {
    /// Change of every pixel, pixels being in [0, 1].
    pub eps: f32,
}

impl Attack for Fgsm {
    fn rounds(&self) -> usize {
        1
    }

    fn run(&self, victim: &WhiteBox, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Picture>, AttackError> {
        let walk = Walk { ball: Ball::linf(self.eps), step: self.eps, steps: 1 };
        let heading = |_, gradient: &[f32]| Norm::Linf.steepest(gradient);
        let made = walk.go(victim, seeds, pictures(seeds), heading, watch)?;
        Ok(made.iter().map(quantised).collect())
    }
}
