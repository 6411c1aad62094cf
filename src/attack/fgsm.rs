//! The fast gradient sign method (Goodfellow, Shlens, Szegedy 2015).

use super::white_box::parted;
use super::{AttackError, Seed, WhiteBox};
use crate::tensor::{Picture, to_8_bit};

/// One step as far as it may go, each pixel in the direction that helps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fgsm {
    /// Change of every pixel, pixels being in [0, 1].
    pub eps: f32,
}

impl Fgsm {
    /// One adversarial picture a seed.
    ///
    /// # Errors
    /// When the gradient can't be computed.
    pub fn attack(self, victim: &WhiteBox, seeds: &[Seed]) -> Result<Vec<Picture>, AttackError> {
        let (pictures, goals) = parted(seeds);
        let gradients = victim.ascent(&pictures, &goals)?;
        let moved = pictures.iter().zip(gradients).map(|(picture, gradient)| {
            let pixels = picture.pixels().iter().zip(gradient);
            let pixels = pixels.map(|(pixel, slope)| (pixel + self.eps * sign(slope)).clamp(0.0, 1.0));
            to_8_bit(&picture.with_pixels(pixels.collect()))
        });
        Ok(moved.collect())
    }
}

/// -1, 0 or 1.
pub(super) fn sign(slope: f32) -> f32 {
    if slope == 0.0 { 0.0 } else { slope.signum() }
}
