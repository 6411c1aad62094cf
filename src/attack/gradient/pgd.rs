//! Projected gradient descent (Madry et al. 2018).

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::walk::Walk;
use crate::attack::{Attack, AttackError, Ball, Seed, WhiteBox, pictures};
use crate::tensor::{Picture, quantised};

/// Small steps from a random start, never leaving the ball around the benign picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pgd {
    /// How far it may go.
    pub ball: Ball,
    /// Length of one step.
    pub step: f32,
    /// Number of steps.
    pub steps: usize,
    /// How often it starts at most: again where it did not reach the goal.
    pub starts: usize,
    /// Seed of the random starts.
    pub seed: u64,
}

impl Attack for Pgd {
    fn rounds(&self) -> usize {
        self.steps * self.starts
    }

    fn run(&self, victim: &WhiteBox, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Picture>, AttackError> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let walk = Walk { ball: self.ball, step: self.step, steps: self.steps };
        let mut made = pictures(seeds);
        let mut left: Vec<usize> = (0..seeds.len()).collect();
        for start in 1..=self.starts {
            let tried: Vec<Seed> = left.iter().map(|&index| seeds[index].clone()).collect();
            let begin = tried.iter().map(|seed| self.ball.random(&seed.picture, &mut random)).collect();
            let heading = |_, gradient: &[f32]| self.ball.norm.steepest(gradient);
            let found = walk.go(victim, &tried, begin, heading, watch)?;
            left.iter().zip(&found).for_each(|(&index, picture)| made[index] = quantised(picture));
            if start < self.starts {
                let rounded: Vec<Picture> = left.iter().map(|&index| made[index].clone()).collect();
                let logits = victim.logits(&rounded)?;
                let failed =
                    left.into_iter().zip(logits).filter(|(index, logits)| !seeds[*index].goal.is_reached_by(logits));
                left = failed.map(|(index, _)| index).collect();
            }
        }
        Ok(made)
    }
}
