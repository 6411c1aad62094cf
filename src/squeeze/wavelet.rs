//! Shrinkage of wavelet coefficients.

use std::ops::RangeInclusive;

use super::Squeezer;
use crate::tensor::Picture;

/// `wavelet(SIGMA)`: without the details that noise of SIGMA, in levels of 255, could have made.
///
/// VisuShrink (Donoho, Johnstone: "Ideal spatial adaptation by wavelet shrinkage", Biometrika 1994), channel by channel:
/// every detail of the orthonormal Haar transform comes nearer to zero by `SIGMA sqrt(2 ln N)`, N being a channel's
/// pixels. As many levels as the shorter side can be halved; a last row or column without another is doubled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wavelet {
    sigma: f32,
}

impl Wavelet {
    /// What `sigma` may be, in levels of 255.
    pub const SIGMA: RangeInclusive<f32> = 0.1..=100.0;

    /// A squeezer for noise of `sigma`, within [`Self::SIGMA`].
    pub(super) fn new(sigma: f32) -> Self {
        Self { sigma }
    }
}

impl Squeezer for Wavelet {
    fn name(&self) -> String {
        format!("wavelet({})", self.sigma)
    }

    fn squeeze(&self, picture: &Picture) -> Picture {
        let area = picture.height() * picture.width();
        let levels = picture.height().min(picture.width()).ilog2();
        let threshold = self.sigma / 255.0 * (2.0 * (area as f32).ln()).sqrt();
        let mut shrunk = picture.pixels().to_vec();
        for plane in shrunk.chunks_exact_mut(area) {
            shrink(plane, picture.width(), threshold, levels);
        }
        for pixel in &mut shrunk {
            *pixel = pixel.clamp(0.0, 1.0);
        }
        picture.with_pixels(shrunk)
    }
}

/// Shrinks the details of each two by two, after those of the plane half as large that has the rest.
fn shrink(plane: &mut [f32], width: usize, threshold: f32, levels: u32) {
    if levels == 0 {
        return;
    }
    let half = width.div_ceil(2);
    let mut coarse = Vec::with_capacity(half * (plane.len() / width).div_ceil(2));
    for rows in plane.chunks(2 * width) {
        coarse.extend((0..half).map(|x| Block::at(rows, width, 2 * x).mean()));
    }
    shrink(&mut coarse, half, threshold, levels - 1);
    for (rows, coarse) in plane.chunks_mut(2 * width).zip(coarse.chunks_exact(half)) {
        for (x, &mean) in (0..width).step_by(2).zip(coarse) {
            Block::at(rows, width, x).shrunk(mean, threshold).put(rows, width, x);
        }
    }
}

/// Two by two pixels, row by row.
struct Block([f32; 4]);

impl Block {
    /// The block from column `x` on of one or two rows; what is beyond them is what is next to it.
    #[inline(always)]
    fn at(rows: &[f32], width: usize, x: usize) -> Self {
        let next = (x + 1).min(width - 1);
        let below = rows.len() - width;
        Self([rows[x], rows[next], rows[below + x], rows[below + next]])
    }

    #[inline(always)]
    fn put(self, rows: &mut [f32], width: usize, x: usize) {
        let next = (x + 1).min(width - 1);
        let below = rows.len() - width;
        for (position, pixel) in [x, next, below + x, below + next].into_iter().zip(self.0) {
            rows[position] = pixel;
        }
    }

    /// Twice the mean: what is no detail.
    #[inline(always)]
    fn mean(&self) -> f32 {
        let Self([a, b, c, d]) = self;
        (a + b + c + d) / 2.0
    }

    /// The block with another mean, and with details that are nearer to zero.
    #[inline(always)]
    fn shrunk(self, mean: f32, threshold: f32) -> Self {
        let Self([a, b, c, d]) = self;
        let soft = |detail: f32| detail - detail.clamp(-threshold, threshold);
        let (across, down, diagonal) =
            (soft((a - b + c - d) / 2.0), soft((a + b - c - d) / 2.0), soft((a - b - c + d) / 2.0));
        let (above, below) = ((mean + down) / 2.0, (mean - down) / 2.0);
        let (upper, lower) = ((across + diagonal) / 2.0, (across - diagonal) / 2.0);
        Self([above + upper, above - upper, below + lower, below - lower])
    }
}
