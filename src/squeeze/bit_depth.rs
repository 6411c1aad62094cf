//! Fewer bits per pixel value.

use std::ops::RangeInclusive;

use super::Squeezer;
use crate::tensor::Picture;

/// `bit_depth(BITS)`: `rint(x * (2^BITS - 1)) / (2^BITS - 1)`, halves rounded to even; `x` in [0, 1] is a pixel's place
/// between black and white, whatever the depth of the picture. As many bits as the picture has change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BitDepth {
    bits: u32,
}

impl BitDepth {
    /// What `bits` may be.
    pub const BITS: RangeInclusive<u32> = 1..=16;

    /// A squeezer to `bits` bits a channel, within [`Self::BITS`].
    pub(super) fn new(bits: u32) -> Self {
        Self { bits }
    }
}

impl Squeezer for BitDepth {
    fn name(&self) -> String {
        format!("bit_depth({})", self.bits)
    }

    fn squeeze(&self, picture: &Picture) -> Picture {
        let levels = ((1 << self.bits) - 1) as f32;
        picture.with_pixels(round_to(levels, picture.pixels()))
    }
}

/// Each value as the nearest of `0, 1/levels, ..., 1`.
#[multiversion::multiversion(targets = "simd")]
fn round_to(levels: f32, values: &[f32]) -> Vec<f32> {
    values.iter().map(|&value| (value * levels).round_ties_even() / levels).collect()
}
