//! Total-variation denoising.

use std::ops::RangeInclusive;

use multiversion::multiversion;

use super::Squeezer;
use crate::tensor::Picture;

/// Where the energy changes by less than this part of the first, the iteration ends.
const NEGLIGIBLE: f32 = 2e-4;
/// Iterations at most.
const MOST: usize = 200;
/// The step of the dual field; the iteration converges up to 1/4.
const STEP: f32 = 0.25;

/// `tv(WEIGHT)`: near the picture, but of little total variation (Rudin, Osher, Fatemi 1992); a larger WEIGHT leaves less.
///
/// By the projection of Chambolle ("An algorithm for total variation minimization and applications", 2004), channel by
/// channel, as scikit-image's `denoise_tv_chambolle(weight=WEIGHT, eps=2e-4, max_num_iter=200, channel_axis=-1)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TotalVariation {
    weight: f32,
}

impl TotalVariation {
    /// What `weight` may be.
    pub const WEIGHT: RangeInclusive<f32> = 0.001..=10.0;

    /// A squeezer of such a `weight`, within [`Self::WEIGHT`].
    pub(super) fn new(weight: f32) -> Self {
        Self { weight }
    }
}

impl Squeezer for TotalVariation {
    fn name(&self) -> String {
        format!("tv({})", self.weight)
    }

    fn squeeze(&self, picture: &Picture) -> Picture {
        let mut denoised = vec![0.0; picture.pixels().len()];
        for (plane, denoised) in picture.planes().zip(denoised.chunks_exact_mut(picture.height() * picture.width())) {
            denoise(plane, picture.width(), self.weight, denoised);
        }
        for pixel in &mut denoised {
            *pixel = pixel.clamp(0.0, 1.0);
        }
        picture.with_pixels(denoised)
    }
}

fn denoise(plane: &[f32], width: usize, weight: f32, denoised: &mut [f32]) {
    let mut dual = Dual::new(plane.len() / width, width);
    let mut energies = vec![0.0; width];
    let (mut first, mut previous) = (None, f32::INFINITY);
    for _ in 0..MOST {
        energies.fill(0.0);
        descend(plane, &dual, denoised, &mut energies);
        ascend(&mut dual, denoised, weight, &mut energies);
        let energy: f32 = energies.iter().sum();
        let change = (previous - energy).abs();
        // Of a flat picture, and of one that holds no numbers, nothing changes.
        let goes_on = change > 0.0 && change >= NEGLIGIBLE * *first.get_or_insert(energy);
        if !goes_on {
            return;
        }
        previous = energy;
    }
}

/// A vector for each pixel, of length at most 1, with zeros around where its divergence looks beyond the picture.
struct Dual {
    width: usize,
    /// A row of zeros, then the rows.
    down: Vec<f32>,
    /// Each row after one zero.
    right: Vec<f32>,
}

impl Dual {
    fn new(height: usize, width: usize) -> Self {
        Self { width, down: vec![0.0; (height + 1) * width], right: vec![0.0; height * (width + 1)] }
    }
}

/// The plane plus the divergence of the dual field, whose squares are added to the energy of each column.
#[multiversion(targets = "simd")]
fn descend(plane: &[f32], dual: &Dual, denoised: &mut [f32], energies: &mut [f32]) {
    let width = dual.width;
    let rows = plane.chunks_exact(width).zip(denoised.chunks_exact_mut(width));
    for (y, (plane, denoised)) in rows.enumerate() {
        let (above, own) = dual.down[y * width..].split_at(width);
        let left = &dual.right[y * (width + 1)..];
        let vertical = above.iter().zip(own).map(|(above, own)| above - own);
        let horizontal = left.iter().zip(&left[1..]).map(|(left, own)| left - own);
        let targets = denoised.iter_mut().zip(plane).zip(&mut *energies);
        for (((denoised, pixel), energy), (vertical, horizontal)) in targets.zip(vertical.zip(horizontal)) {
            let divergence = vertical + horizontal;
            *denoised = pixel + divergence;
            *energy += divergence * divergence;
        }
    }
}

/// A step of the dual field along the gradient, which is zero across the picture's edge, and back to length 1 at most; the
/// gradient's length is added to the energy of each column.
#[multiversion(targets = "simd")]
fn ascend(dual: &mut Dual, denoised: &[f32], weight: f32, energies: &mut [f32]) {
    let width = dual.width;
    let mut next = vec![0.0; width];
    let fields = dual.down[width..].chunks_exact_mut(width).zip(dual.right.chunks_exact_mut(width + 1));
    for (y, (down, right)) in fields.enumerate() {
        let row = &denoised[y * width..][..width];
        let below = denoised[y * width..].chunks_exact(width).nth(1).unwrap_or(row);
        next[..width - 1].copy_from_slice(&row[1..]);
        next[width - 1] = row[width - 1];
        let gradients = row.iter().zip(below).zip(&next).map(|((own, below), next)| (below - own, next - own));
        let targets = down.iter_mut().zip(&mut right[1..]).zip(&mut *energies);
        for (((down, right), energy), (vertical, horizontal)) in targets.zip(gradients) {
            let norm = (vertical * vertical + horizontal * horizontal).sqrt();
            *energy += weight * norm;
            let shrink = 1.0 / (1.0 + STEP / weight * norm);
            *down = (*down - STEP * vertical) * shrink;
            *right = (*right - STEP * horizontal) * shrink;
        }
    }
}
