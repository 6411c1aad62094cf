//! Noise that only its seed foresees.

use std::f32::consts::TAU;
use std::ops::RangeInclusive;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::Squeezer;
use crate::tensor::Picture;

/// `noise(SIGMA,SEED)`: normally distributed noise with a standard deviation of SIGMA levels of 255.
///
/// The same picture always has the same noise, so that it is always judged alike; whoever does not know SEED can neither
/// foresee it nor learn it from another picture's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    sigma: f32,
    seed: u64,
}

impl Noise {
    /// What `sigma` may be, in levels of 255.
    pub const SIGMA: RangeInclusive<f32> = 0.1..=100.0;
    /// What `seed` may be.
    pub const SEED: RangeInclusive<u64> = 0..=u64::MAX;

    /// A squeezer that adds noise of `sigma`, within [`Self::SIGMA`].
    pub(super) fn new(sigma: f32, seed: u64) -> Self {
        Self { sigma, seed }
    }

    /// Random numbers that depend on the seed, and on every pixel.
    fn random(self, picture: &Picture) -> ChaCha8Rng {
        let mut digest = Sha256::new();
        for number in [self.seed, picture.channels() as u64, picture.height() as u64, picture.width() as u64] {
            digest.update(number.to_le_bytes());
        }
        digest.update(bytemuck::cast_slice::<f32, u8>(picture.pixels()));
        ChaCha8Rng::from_seed(digest.finalize().into())
    }
}

impl Squeezer for Noise {
    fn name(&self) -> String {
        format!("noise({},{})", self.sigma, self.seed)
    }

    fn squeeze(&self, picture: &Picture) -> Picture {
        let mut random = self.random(picture);
        let sigma = self.sigma / 255.0;
        let mut noisy = picture.pixels().to_vec();
        for pixels in noisy.chunks_mut(2) {
            for (pixel, normal) in pixels.iter_mut().zip(two_normals(&mut random)) {
                *pixel = (*pixel + sigma * normal).clamp(0.0, 1.0);
            }
        }
        picture.with_pixels(noisy)
    }
}

/// Two independent numbers of the standard normal distribution (Box, Muller 1958).
fn two_normals(random: &mut ChaCha8Rng) -> [f32; 2] {
    // From 0 to below 1; its complement has a logarithm.
    let radius = (-2.0 * (1.0 - random.random::<f32>()).ln()).sqrt();
    let (sine, cosine) = (TAU * random.random::<f32>()).sin_cos();
    [radius * cosine, radius * sine]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_noise_is_normal_with_its_sigma() {
        let grey = Picture::new(1, 100, 200, vec![0.5; 20_000]).unwrap();
        let noisy = Noise::new(20.0, 7).squeeze(&grey);
        let normals: Vec<f64> = noisy.pixels().iter().map(|pixel| f64::from(pixel - 0.5) * 255.0 / 20.0).collect();
        let moment = |power| normals.iter().map(|normal| normal.powi(power)).sum::<f64>() / normals.len() as f64;
        // Standard errors are 0.007, 0.010, 0.027 and 0.069.
        for (power, expected, most) in [(1, 0.0, 0.03), (2, 1.0, 0.04), (3, 0.0, 0.12), (4, 3.0, 0.3)] {
            assert!((moment(power) - expected).abs() < most, "moment {power} is {}", moment(power));
        }
    }
}
