//! What the attacks share that go up the gradient of the cross-entropy step by step.

use crate::attack::{AttackError, Ball, Loss, Seed, WhiteBox};
use crate::tensor::Picture;

/// A walk within a ball around each benign picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk {
    pub ball: Ball,
    /// Length of a step.
    pub step: f32,
    pub steps: usize,
}

impl Walk {
    /// Where the steps lead from `start`. `heading` turns the gradient on the picture with this index into the change of
    /// length one to take.
    pub fn go(
        self,
        victim: &WhiteBox,
        seeds: &[Seed],
        mut start: Vec<Picture>,
        mut heading: impl FnMut(usize, &[f32]) -> Vec<f32>,
        watch: &mut dyn FnMut(),
    ) -> Result<Vec<Picture>, AttackError> {
        let losses: Vec<Loss> = seeds.iter().map(|seed| Loss::CrossEntropy(seed.goal)).collect();
        for _ in 0..self.steps {
            let gradients = victim.gradients(&start, &losses)?;
            for (index, (picture, gradient)) in start.iter_mut().zip(gradients).enumerate() {
                let heading = heading(index, &gradient.pixels);
                let moved = picture.pixels().iter().zip(heading).map(|(pixel, heading)| pixel + self.step * heading);
                *picture = self.ball.inside(&seeds[index].picture, moved);
            }
            watch();
        }
        Ok(start)
    }
}
