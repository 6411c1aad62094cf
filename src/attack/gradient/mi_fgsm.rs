//! The momentum iterative fast gradient sign method (Dong et al. 2018), whose examples fool other classifiers more often.

use super::walk::Walk;
use crate::attack::{Attack, AttackError, Ball, Norm, Seed, WhiteBox, pictures};
use crate::tensor::{Picture, quantised};

/// Small steps along a mean of all gradients so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MiFgsm {
    /// Largest change of a pixel, pixels being in [0, 1].
    pub eps: f32,
    /// Change of a pixel in one step.
    pub step: f32,
    /// Number of steps.
    pub steps: usize,
    /// What is kept of earlier gradients at each step; 1 in the paper.
    pub decay: f32,
}

impl Attack for MiFgsm {
    fn rounds(&self) -> usize {
        self.steps
    }

    fn run(&self, victim: &WhiteBox, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Picture>, AttackError> {
        let start = pictures(seeds);
        let mut momenta: Vec<Vec<f32>> = start.iter().map(|picture| vec![0.0; picture.pixels().len()]).collect();
        let heading = |index: usize, gradient: &[f32]| {
            let length = Norm::L1.length(gradient).max(f32::MIN_POSITIVE);
            let momentum: &mut Vec<f32> = &mut momenta[index];
            momentum.iter_mut().zip(gradient).for_each(|(kept, slope)| *kept = self.decay * *kept + slope / length);
            Norm::Linf.steepest(momentum)
        };
        let walk = Walk { ball: Ball::linf(self.eps), step: self.step, steps: self.steps };
        let made = walk.go(victim, seeds, start, heading, watch)?;
        Ok(made.iter().map(quantised).collect())
    }
}
