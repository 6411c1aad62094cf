//! Gaussian blur.

use std::ops::RangeInclusive;

use multiversion::multiversion;

use super::Squeezer;
use super::border::reflect;
use crate::tensor::Picture;

/// Where the bell is cut off, in sigmas.
const REACH: f64 = 4.0;

/// `gaussian(SIGMA)`: each pixel becomes the mean of its surroundings, weighted by a bell with a standard deviation of
/// SIGMA pixels, channel by channel.
///
/// As SciPy's `gaussian_filter(mode="reflect", truncate=4)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gaussian {
    sigma: f32,
}

impl Gaussian {
    /// What `sigma` may be, in pixels.
    pub const SIGMA: RangeInclusive<f32> = 0.1..=20.0;

    /// A squeezer with a bell of `sigma` pixels, within [`Self::SIGMA`].
    pub(super) fn new(sigma: f32) -> Self {
        Self { sigma }
    }

    /// The weights of a line of pixels, its middle being the pixel itself; they add up to 1.
    fn weights(self) -> Vec<f32> {
        let sigma = f64::from(self.sigma);
        let radius = (REACH * sigma).round() as i32;
        let bell: Vec<f64> = (-radius..=radius).map(|x| (-0.5 * (f64::from(x) / sigma).powi(2)).exp()).collect();
        let sum: f64 = bell.iter().sum();
        bell.iter().map(|weight| (weight / sum) as f32).collect()
    }
}

impl Squeezer for Gaussian {
    fn name(&self) -> String {
        format!("gaussian({})", self.sigma)
    }

    fn squeeze(&self, picture: &Picture) -> Picture {
        let (width, weights) = (picture.width(), self.weights());
        let mut blurred = vec![0.0; picture.pixels().len()];
        for (plane, blurred) in picture.planes().zip(blurred.chunks_exact_mut(picture.height() * width)) {
            blur(plane, width, &weights, blurred);
        }
        picture.with_pixels(blurred)
    }
}

/// Row by row: down the columns into a row with borders, then along that row. `blurred` holds zeros.
#[multiversion(targets = "simd")]
fn blur(plane: &[f32], width: usize, weights: &[f32], blurred: &mut [f32]) {
    let (height, radius) = (plane.len() / width, weights.len() / 2);
    let mut row = vec![0.0; width + 2 * radius];
    for (y, blurred) in blurred.chunks_exact_mut(width).enumerate() {
        let middle = &mut row[radius..][..width];
        middle.fill(0.0);
        for (offset, &weight) in weights.iter().enumerate() {
            add(middle, &plane[reflect(y + offset, radius, height) * width..], weight);
        }
        for x in (0..radius).chain(radius + width..row.len()) {
            row[x] = row[radius + reflect(x, radius, width)];
        }
        for (offset, &weight) in weights.iter().enumerate() {
            add(blurred, &row[offset..], weight);
        }
        for pixel in blurred {
            *pixel = pixel.clamp(0.0, 1.0);
        }
    }
}

/// Adds `weight` times a row, which may be longer, to the sums.
#[inline(always)]
fn add(sums: &mut [f32], row: &[f32], weight: f32) {
    for (sum, pixel) in sums.iter_mut().zip(row) {
        *sum += weight * pixel;
    }
}
