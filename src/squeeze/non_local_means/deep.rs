//! The means of pixels that bytes don't hold: as they are, in single precision.

use std::f32::consts::LOG2_E;

use multiversion::multiversion;

use super::{NEGLIGIBLE, NonLocalMeans};
use crate::squeeze::border::mirrored;
use crate::squeeze::exp2::exp2;
use crate::tensor::Picture;

/// Whole numbers in single precision are not rounded down to the next.
const ROUNDING: f32 = 1e-3;

/// Denoises three channels together and any other number one by one.
pub(super) fn denoise(settings: &NonLocalMeans, picture: &Picture) -> Picture {
    let together = if picture.channels() == 3 { 3 } else { 1 };
    let (width, (search, block)) = (picture.width(), (settings.search / 2, settings.block / 2));
    let frame = Frame { height: picture.height(), width, search, block, stride: width + 2 * (search + block) };
    let planes: Vec<Vec<f32>> = picture.planes().map(|plane| mirrored(plane, width, search + block)).collect();
    let mut denoised = vec![0.0; picture.pixels().len()];
    let targets = denoised.chunks_exact_mut(together * picture.height() * width);
    for (planes, denoised) in planes.chunks_exact(together).zip(targets) {
        average(frame, planes, &Fall::of(settings, together), denoised);
    }
    picture.with_pixels(denoised)
}

/// Sizes in pixels: half of the windows' sides, and a row with its borders.
#[derive(Clone, Copy)]
struct Frame {
    height: usize,
    width: usize,
    search: usize,
    block: usize,
    stride: usize,
}

/// How weights fall with distance.
struct Fall {
    /// From a sum of squares over a block to steps.
    steps: f32,
    /// What a step lowers the binary logarithm of a weight by.
    steepness: f32,
}

impl Fall {
    /// The steps are OpenCV's: distances in squares of 8-bit levels, over the power of two above a block's pixels.
    fn of(settings: &NonLocalMeans, channels: usize) -> Self {
        let pixels = settings.block * settings.block;
        let power = pixels.next_power_of_two() as f32;
        let scale = settings.strength * settings.strength * channels as f32;
        Self { steps: 255.0 * 255.0 / power, steepness: -LOG2_E * power / (pixels as f32 * scale) }
    }

    #[inline(always)]
    fn weight(&self, squares: f32) -> f32 {
        let weight = exp2((squares * self.steps + ROUNDING).floor() * self.steepness);
        if weight < NEGLIGIBLE as f32 { 0.0 } else { weight }
    }
}

/// The weighted means of planes with borders, whose distances count together. `means` holds zeros.
#[multiversion(targets = "simd")]
fn average(frame: Frame, planes: &[Vec<f32>], fall: &Fall, means: &mut [f32]) {
    let Frame { height, width, search, block, stride } = frame;
    let (side, reach) = (2 * block + 1, width + 2 * block);
    let mut squares = vec![0.0_f32; reach * (height + 2 * block)];
    let mut columns = vec![0.0_f32; reach];
    let mut weights = vec![0.0_f32; width];
    let mut totals = vec![0.0_f32; height * width];
    for (dy, dx) in (0..=2 * search).flat_map(|dy| (0..=2 * search).map(move |dx| (dy, dx))) {
        for (y, squares) in squares.chunks_exact_mut(reach).enumerate() {
            squares.fill(0.0);
            for plane in planes {
                let (own, other) = (&plane[(y + search) * stride + search..], &plane[(y + dy) * stride + dx..]);
                for ((square, own), other) in squares.iter_mut().zip(own).zip(other) {
                    *square += (own - other) * (own - other);
                }
            }
        }
        for (y, totals) in totals.chunks_exact_mut(width).enumerate() {
            columns.fill(0.0);
            for row in squares[y * reach..][..side * reach].chunks_exact(reach) {
                add(&mut columns, row);
            }
            weights.fill(0.0);
            for column in 0..side {
                add(&mut weights, &columns[column..]);
            }
            for (weight, total) in weights.iter_mut().zip(totals) {
                *weight = fall.weight(*weight);
                *total += *weight;
            }
            for (plane, means) in planes.iter().zip(means.chunks_exact_mut(height * width)) {
                let other = &plane[(y + block + dy) * stride + block + dx..];
                for ((mean, weight), other) in means[y * width..].iter_mut().zip(&weights).zip(other) {
                    *mean += weight * other;
                }
            }
        }
    }
    for means in means.chunks_exact_mut(height * width) {
        for (mean, total) in means.iter_mut().zip(&totals) {
            *mean = (*mean / total).clamp(0.0, 1.0);
        }
    }
}

/// Adds a row, which may be longer, to the sums.
#[inline(always)]
fn add(sums: &mut [f32], row: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum += value;
    }
}
