//! Non-local means: each pixel becomes the mean of the pixels near it, weighted by how alike their surroundings are
//! (Buades, Coll, Morel: "A non-local algorithm for image denoising", CVPR 2005).

use std::ops::RangeInclusive;

use super::{Squeezer, lab};
use crate::tensor::Picture;

/// Weights below this part of the largest are zero.
const NEGLIGIBLE: f64 = 0.001;

/// `nlm(SEARCH,BLOCK,STRENGTH)`: OpenCV's `fastNlMeansDenoising` on pixels rounded to 8 bits.
///
/// A picture of three channels is denoised as OpenCV's `fastNlMeansDenoisingColored` does (`h = hColor = STRENGTH`),
/// red being taken for blue as in the code of Xu, Evans and Qi; otherwise each channel on its own.
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

    fn coloured(&self, [blue, green, red]: [Vec<u8>; 3], width: usize) -> [Vec<u8>; 3] {
        let (mut l, mut a, mut b) = (blue, green, red);
        for ((l, a), b) in l.iter_mut().zip(&mut a).zip(&mut b) {
            [*l, *a, *b] = lab::from_bgr([*l, *a, *b]);
        }
        let [mut l] = self.denoise([l], width);
        let [mut a, mut b] = self.denoise([a, b], width);
        for ((l, a), b) in l.iter_mut().zip(&mut a).zip(&mut b) {
            [*l, *a, *b] = lab::to_bgr([*l, *a, *b]);
        }
        [l, a, b]
    }

    /// Denoises `C` planes whose distances count together.
    fn denoise<const C: usize>(&self, planes: [Vec<u8>; C], width: usize) -> [Vec<u8>; C] {
        let height = planes[0].len() / width;
        let (search, block) = (self.search / 2, self.block / 2);
        let border = search + block;
        let stride = width + 2 * border;
        let extended = planes.map(|plane| extend(&plane, width, border));
        let weights = self.weights(C);
        let shift = block_shift(self.block);
        let mut denoised = [(); C].map(|()| Vec::with_capacity(width * height));
        for y in border..border + height {
            for x in border..border + width {
                let (mut sums, mut total) = ([0u32; C], 0);
                for other_y in y - search..=y + search {
                    for other_x in x - search..=x + search {
                        let mut distance = 0;
                        for plane in &extended {
                            for row in 0..self.block {
                                let here = (y + row - block) * stride + x - block;
                                let there = (other_y + row - block) * stride + other_x - block;
                                let pairs =
                                    plane[here..here + self.block].iter().zip(&plane[there..there + self.block]);
                                distance += pairs.map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2)).sum::<u32>();
                            }
                        }
                        let weight = weights.get((distance >> shift) as usize).copied().unwrap_or(0);
                        total += weight;
                        for (sum, plane) in sums.iter_mut().zip(&extended) {
                            *sum += weight * u32::from(plane[other_y * stride + other_x]);
                        }
                    }
                }
                for (plane, sum) in denoised.iter_mut().zip(sums) {
                    plane.push(((sum + total / 2) / total) as u8);
                }
            }
        }
        denoised
    }

    /// Weights by distance; zero from the end on. A distance is the sum of squares over a block and `channels`, shifted
    /// right by [`block_shift`].
    fn weights(&self, channels: usize) -> Vec<u32> {
        let whole = f64::from(i32::MAX as u32 / (self.search * self.search * 255) as u32);
        let step = f64::from(1u32 << block_shift(self.block)) / (self.block * self.block) as f64;
        let scale = f64::from(self.strength * self.strength * channels as f32);
        (0u32..)
            .map(|distance| (whole * (-f64::from(distance) * step / scale).exp()).round_ties_even())
            .take_while(|&weight| weight >= NEGLIGIBLE * whole)
            .map(|weight| weight as u32)
            .collect()
    }
}

impl Squeezer for NonLocalMeans {
    fn name(&self) -> String {
        format!("nlm({},{},{})", self.search, self.block, self.strength)
    }

    fn squeeze(&self, picture: &Picture) -> Picture {
        let width = picture.width();
        let planes: Vec<Vec<u8>> = picture.planes().map(to_bytes).collect();
        let planes = match <[Vec<u8>; 3]>::try_from(planes) {
            Ok(coloured) => self.coloured(coloured, width).into(),
            Err(planes) => planes.into_iter().map(|plane| self.grey(plane, width)).collect::<Vec<_>>(),
        };
        picture.with_pixels(planes.iter().flatten().map(|&value| f32::from(value) / 255.0).collect())
    }
}

fn to_bytes(plane: &[f32]) -> Vec<u8> {
    plane.iter().map(|value| (value * 255.0).round_ties_even() as u8).collect()
}

/// The power of two by which a block's sum is divided: its area, rounded up.
fn block_shift(block: usize) -> u32 {
    (block * block).next_power_of_two().ilog2()
}

/// The plane with `border` pixels more on each side, reflected about the outermost pixels: `c b | a b c | b a`.
fn extend(plane: &[u8], width: usize, border: usize) -> Vec<u8> {
    let height = plane.len() / width;
    let columns: Vec<usize> = (0..width + 2 * border).map(|x| reflect(x, border, width)).collect();
    let rows = (0..height + 2 * border).map(|y| reflect(y, border, height) * width);
    rows.flat_map(|row| columns.iter().map(move |column| plane[row + column])).collect()
}

/// Where position `extended` of a line with `border` more on each side comes from on the line `0..length`.
fn reflect(extended: usize, border: usize, length: usize) -> usize {
    let period = (2 * (length - 1)).max(1);
    let within = (extended as isize - border as isize).rem_euclid(period as isize) as usize;
    within.min(period - within)
}
