//! Universal perturbations (Moosavi-Dezfooli et al. 2017): one change that fools the classifier on most pictures, found by
//! going up the gradient over all of them at once (Shafahi et al. 2020).

use crate::attack::{Attack, AttackError, Ball, Loss, Seed, WhiteBox, crossed};
use crate::tensor::{Picture, quantised};

/// The change is made on one half of the seeds and put on the other, so that it never meets what it was made on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Universal {
    /// How far the change may go.
    pub ball: Ball,
    /// Length of one step.
    pub step: f32,
    /// Number of steps.
    pub steps: usize,
}

impl Attack for Universal {
    fn rounds(&self) -> usize {
        2 * self.steps
    }

    fn run(&self, victim: &WhiteBox, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Picture>, AttackError> {
        crossed(seeds, |known, unknown| {
            let change = self.craft(victim, known, watch)?;
            Ok(unknown.iter().map(|seed| quantised(&self.with(seed, &change))).collect())
        })
    }
}

impl Universal {
    fn craft(&self, victim: &WhiteBox, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<f32>, AttackError> {
        let losses: Vec<Loss> = seeds.iter().map(|seed| Loss::CrossEntropy(seed.goal)).collect();
        let len = seeds.first().map_or(0, |seed| seed.picture.pixels().len());
        let mut change = vec![0.0; len];
        for _ in 0..self.steps {
            let pictures: Vec<Picture> = seeds.iter().map(|seed| self.with(seed, &change)).collect();
            let mut sum = vec![0.0; len];
            for gradient in victim.gradients(&pictures, &losses)? {
                sum.iter_mut().zip(gradient.pixels).for_each(|(sum, slope)| *sum += slope);
            }
            let heading = self.ball.norm.steepest(&sum);
            change.iter_mut().zip(heading).for_each(|(change, heading)| *change += self.step * heading);
            self.ball.shorten(&mut change);
            watch();
        }
        Ok(change)
    }

    fn with(&self, seed: &Seed, change: &[f32]) -> Picture {
        let moved = seed.picture.pixels().iter().zip(change).map(|(pixel, change)| pixel + change);
        self.ball.inside(&seed.picture, moved)
    }
}
