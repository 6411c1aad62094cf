//! Few values turned far, as by JSMA (Papernot et al. 2016), but many at a time and without weighing pairs.

use crate::attack::{Attack, AttackError, Loss, Seed, WhiteBox, pictures};
use crate::tensor::{Picture, quantised};

/// Turns, step by step, the values by which the gradient promises most, none twice, until the goal is reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sparse {
    /// Values that are turned in a step, as a share of all; at least one.
    pub share: f32,
    /// The most steps.
    pub steps: usize,
    /// How far a value is turned, as a share of the way to black or white.
    pub reach: f32,
}

impl Attack for Sparse {
    fn rounds(&self) -> usize {
        self.steps
    }

    fn run(&self, victim: &WhiteBox, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Picture>, AttackError> {
        let mut made = pictures(seeds);
        let mut left: Vec<usize> = (0..seeds.len()).collect();
        for _ in 0..self.steps {
            let tried: Vec<Picture> = left.iter().map(|&at| made[at].clone()).collect();
            let losses: Vec<Loss> = left.iter().map(|&at| Loss::Margin(seeds[at].goal)).collect();
            let mut goes_on = Vec::new();
            for (&at, found) in left.iter().zip(victim.gradients(&tried, &losses)?) {
                if !seeds[at].goal.is_reached_by(&found.logits) {
                    made[at] = self.turned(&seeds[at].picture, &made[at], &found.pixels);
                    goes_on.push(at);
                }
            }
            left = goes_on;
            watch();
            if left.is_empty() {
                break;
            }
        }
        Ok(made.iter().map(quantised).collect())
    }
}

impl Sparse {
    /// The picture after one more step up the slopes.
    fn turned(&self, benign: &Picture, picture: &Picture, slopes: &[f32]) -> Picture {
        let mut pixels = picture.pixels().to_vec();
        let end = |at: usize| if slopes[at] > 0.0 { 1.0 } else { 0.0 };
        let promise = |at: usize| slopes[at] * (end(at) - benign.pixels()[at]);
        let mut free: Vec<usize> = (0..pixels.len()).filter(|&at| pixels[at] == benign.pixels()[at]).collect();
        let count = ((self.share * pixels.len() as f32) as usize).max(1);
        if count < free.len() {
            free.select_nth_unstable_by(count, |&a, &b| promise(b).total_cmp(&promise(a)).then(a.cmp(&b)));
            free.truncate(count);
        }
        free.into_iter().for_each(|at| pixels[at] += self.reach * (end(at) - pixels[at]));
        picture.with_pixels(pixels)
    }
}
