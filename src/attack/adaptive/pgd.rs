//! Projected gradient descent on classifier and detectors at once (Bryniarski et al. 2022).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::quietest::Quietest;
use super::{AdaptiveAttack, Guarded, Look};
use crate::attack::{AttackError, Ball, Loss, Seed};
use crate::tensor::{Picture, quantised};

/// How two gradients make one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Towards the goal until it is reached, then away from the detectors.
    Selective,
    /// As selective, less what would undo the other.
    Orthogonal,
}

/// Small steps within a ball; of all pictures on the way the one that reaches the goal and is suspected least is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdaptivePgd {
    /// How far it may go.
    pub ball: Ball,
    /// Length of one step.
    pub step: f32,
    /// Number of steps from each start.
    pub steps: usize,
    /// How often it starts, at random.
    pub starts: usize,
    /// How two gradients make one step.
    pub rule: Rule,
    /// Over how many pictures around the current one the score's gradient is taken (expectation over transformation,
    /// Athalye et al. 2018); 1 for itself alone.
    pub samples: usize,
    /// Seed of starts and samples.
    pub seed: u64,
}

/// How far samples lie around a picture, a pixel.
const AROUND: f32 = 2.0 / 255.0;

impl AdaptiveAttack for AdaptivePgd {
    fn rounds(&self) -> usize {
        self.steps * self.starts
    }

    fn looks_a_round(&self) -> usize {
        self.samples
    }

    fn run(
        &self,
        guarded: &Guarded,
        seeds: &[Seed],
        _threshold: f64,
        watch: &mut dyn FnMut(),
    ) -> Result<Vec<Picture>, AttackError> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let losses: Vec<Loss> = seeds.iter().map(|seed| Loss::CrossEntropy(seed.goal)).collect();
        let mut kept: Vec<Quietest> = seeds.iter().map(|seed| Quietest::new(quantised(&seed.picture))).collect();
        for _ in 0..self.starts {
            let mut at: Vec<Picture> = seeds.iter().map(|seed| self.ball.random(&seed.picture, &mut random)).collect();
            for _ in 0..self.steps {
                let rounded: Vec<Picture> = at.iter().map(quantised).collect();
                let looks = self.looks(guarded, &rounded, &mut random)?;
                let gradients = guarded.teacher().gradients(&rounded, &losses)?;
                for (index, (look, gradient)) in looks.into_iter().zip(gradients).enumerate() {
                    let reaches = seeds[index].goal.is_reached_by(&look.logits);
                    kept[index].offer(&rounded[index], reaches, look.score);
                    let heading = self.ball.norm.steepest(&self.rule.heading(gradient.pixels, look.slope, reaches));
                    let moved = at[index].pixels().iter().zip(heading).map(|(pixel, way)| pixel + self.step * way);
                    at[index] = self.ball.inside(&seeds[index].picture, moved);
                }
                watch();
            }
        }
        Ok(kept.into_iter().map(Quietest::into_picture).collect())
    }
}

impl AdaptivePgd {
    /// Looks at the pictures; the slope is the mean over them and their samples.
    fn looks(
        &self,
        guarded: &Guarded,
        pictures: &[Picture],
        random: &mut ChaCha8Rng,
    ) -> Result<Vec<Look>, AttackError> {
        let mut looks = guarded.look(pictures)?;
        for _ in 1..self.samples {
            let around = |picture: &Picture| {
                let moved = picture
                    .pixels()
                    .iter()
                    .map(|pixel| (pixel + random.random_range(-AROUND..=AROUND)).clamp(0.0, 1.0));
                quantised(&picture.with_pixels(moved.collect()))
            };
            let samples: Vec<Picture> = pictures.iter().map(around).collect();
            for (look, sample) in looks.iter_mut().zip(guarded.look(&samples)?) {
                look.slope.iter_mut().zip(sample.slope).for_each(|(sum, slope)| *sum += slope);
            }
        }
        Ok(looks)
    }
}

impl Rule {
    /// Where to go, given what raises the loss and what raises the score.
    fn heading(self, loss: Vec<f32>, score: Vec<f32>, reaches: bool) -> Vec<f32> {
        let away: Vec<f32> = score.iter().map(|slope| -slope).collect();
        match (self, reaches) {
            (Self::Selective, false) => loss,
            (Self::Selective, true) => away,
            (Self::Orthogonal, false) => orthogonal(loss, &score),
            (Self::Orthogonal, true) => orthogonal(away, &loss),
        }
    }
}

/// What of `heading` does not go along `to`; all of it where nothing else would be left.
fn orthogonal(heading: Vec<f32>, to: &[f32]) -> Vec<f32> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let square = dot(to, to);
    if square == 0.0 {
        return heading;
    }
    let share = (dot(&heading, to) / square) as f32;
    let left: Vec<f32> = heading.iter().zip(to).map(|(heading, to)| heading - share * to).collect();
    if dot(&left, &left) > 1e-6 * dot(&heading, &heading) { left } else { heading }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_orthogonal_step_leaves_the_other_score_alone() {
        let left = orthogonal(vec![1.0, 2.0, 0.5], &[0.0, 3.0, 0.0]);
        assert_eq!(left, [1.0, 0.0, 0.5]);
        assert_eq!(orthogonal(vec![0.0, 2.0], &[0.0, 1.0]), [0.0, 2.0]);
    }
}
