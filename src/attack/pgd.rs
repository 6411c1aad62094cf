//! Projected gradient descent within the maximum norm (Madry et al. 2018).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::fgsm::sign;
use super::white_box::parted;
use super::{AttackError, Seed, WhiteBox};
use crate::tensor::{Picture, to_8_bit};

/// Small steps from a random start, never farther than `eps` from the benign picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pgd {
    /// Largest change of a pixel, pixels being in [0, 1].
    pub eps: f32,
    /// Change of a pixel in one step.
    pub step: f32,
    /// Number of steps.
    pub steps: usize,
    /// Seed of the random starts.
    pub seed: u64,
}

impl Pgd {
    /// One adversarial picture a seed. `watch` is called after each step.
    ///
    /// # Errors
    /// When the gradient can't be computed.
    pub fn attack(
        self,
        victim: &WhiteBox,
        seeds: &[Seed],
        mut watch: impl FnMut(),
    ) -> Result<Vec<Picture>, AttackError> {
        let (benign, goals) = parted(seeds);
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut start = |pixel: &f32| (pixel + random.random_range(-self.eps..=self.eps)).clamp(0.0, 1.0);
        let mut moved: Vec<Picture> = benign
            .iter()
            .map(|picture| picture.with_pixels(picture.pixels().iter().map(&mut start).collect()))
            .collect();
        for _ in 0..self.steps {
            let gradients = victim.ascent(&moved, &goals)?;
            for ((picture, gradient), benign) in moved.iter_mut().zip(gradients).zip(&benign) {
                let pixels = picture.pixels().iter().zip(gradient).zip(benign.pixels());
                let step = |((pixel, slope), benign): ((&f32, f32), &f32)| {
                    let inside = (pixel + self.step * sign(slope)).clamp(benign - self.eps, benign + self.eps);
                    inside.clamp(0.0, 1.0)
                };
                *picture = picture.with_pixels(pixels.map(step).collect());
            }
            watch();
        }
        Ok(moved.iter().map(to_8_bit).collect())
    }
}
