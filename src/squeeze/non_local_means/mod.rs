//! Non-local means: each pixel becomes the mean of the pixels near it, weighted by how alike their surroundings are
//! (Buades, Coll, Morel: "A non-local algorithm for image denoising", CVPR 2005).

use std::ops::RangeInclusive;

use multiversion::multiversion;

mod deep;
mod distance;
mod frame;
mod lab;
mod means;
mod weights;

use self::weights::Weights;
use super::Squeezer;
use crate::tensor::{Depth, Picture};

/// Weights below this part of the largest are zero.
const NEGLIGIBLE: f64 = 0.001;

/// `nlm(SEARCH,BLOCK,STRENGTH)`: OpenCV's `fastNlMeansDenoising` on pixels rounded to 8 bits. STRENGTH is in levels of 255,
/// whatever the depth of the picture.
///
/// A picture of three channels is denoised as OpenCV's `fastNlMeansDenoisingColored` does (`h = hColor = STRENGTH`),
/// red being taken for blue as in the code of Xu, Evans and Qi; otherwise each channel on its own.
///
/// Pictures of more than 8 bits are not rounded: the same means are computed in single precision, with distances cut to
/// whole squares of 8-bit levels as OpenCV's are. Of three such channels the distances add up, without L*a*b*.
#[derive(Debug, Clone, PartialEq)]
pub struct NonLocalMeans {
    search: usize,
    block: usize,
    strength: f32,
}

impl NonLocalMeans {
    /// What `search` may be, if odd.
    pub const SEARCH: RangeInclusive<usize> = 3..=35;
    /// What `block` may be, if odd.
    pub const BLOCK: RangeInclusive<usize> = 1..=15;
    /// What `strength` may be.
    pub const STRENGTH: RangeInclusive<f32> = 0.1..=100.0;

    /// A squeezer with search windows and blocks of such sides, both odd, and such a strength.
    pub(super) fn new(search: usize, block: usize, strength: f32) -> Self {
        Self { search, block, strength }
    }

    fn grey(&self, plane: Vec<u8>, width: usize) -> Vec<u8> {
        let [denoised] = self.denoise([plane], width);
        denoised
    }

    fn coloured(&self, mut planes: [Vec<u8>; 3], width: usize) -> [Vec<u8>; 3] {
        lab::from_bgr(&mut planes);
        let [l, a, b] = planes;
        let ([l], [a, b]) = (self.denoise([l], width), self.denoise([a, b], width));
        planes = [l, a, b];
        lab::to_bgr(&mut planes);
        planes
    }

    /// Denoises `C` planes whose distances count together.
    fn denoise<const C: usize>(&self, planes: [Vec<u8>; C], width: usize) -> [Vec<u8>; C] {
        means::denoise(planes.each_ref().map(Vec::as_slice), width, (self.search, self.block), &self.weights(C))
    }

    /// Weights by distance: OpenCV's whole numbers, so large that all of them times 255 add up to 31 bits.
    fn weights(&self, channels: usize) -> Weights {
        let shift = (self.block * self.block).next_power_of_two().ilog2();
        let largest = f64::from(i32::MAX / (self.search * self.search * 255) as i32);
        let step = f64::from(1u32 << shift) / (self.block * self.block) as f64;
        let scale = f64::from(self.strength * self.strength * channels as f32);
        let weights =
            (0u32..).map(|distance| (largest * (-f64::from(distance) * step / scale).exp()).round_ties_even());
        let weights = weights.take_while(|&weight| weight >= NEGLIGIBLE * largest).map(|weight| weight as u32);
        Weights::new(shift, weights.chain([0]).collect())
    }
}

impl Squeezer for NonLocalMeans {
    fn name(&self) -> String {
        format!("nlm({},{},{})", self.search, self.block, self.strength)
    }

    fn squeeze(&self, picture: &Picture) -> Picture {
        let width = picture.width();
        if picture.depth().white() > Depth::EIGHT_BITS.white() {
            return deep::denoise(self, picture);
        }
        let planes: Vec<Vec<u8>> = picture.planes().map(to_bytes).collect();
        let planes = match <[Vec<u8>; 3]>::try_from(planes) {
            Ok(coloured) => self.coloured(coloured, width).into(),
            Err(planes) => planes.into_iter().map(|plane| self.grey(plane, width)).collect::<Vec<_>>(),
        };
        let mut pixels = Vec::with_capacity(picture.pixels().len());
        planes.iter().for_each(|plane| append(plane, &mut pixels));
        picture.with_pixels(pixels)
    }
}

#[multiversion(targets = "simd")]
fn to_bytes(plane: &[f32]) -> Vec<u8> {
    plane.iter().map(|value| (value * 255.0).round_ties_even() as u8).collect()
}

/// Appends bytes as pixels in [0, 1].
#[multiversion(targets = "simd")]
fn append(plane: &[u8], pixels: &mut Vec<f32>) {
    pixels.extend(plane.iter().map(|&value| f32::from(value) / 255.0));
}
