//! Changes that are no attack: what a sentinel must learn to let pass.

use rand::{Rng, RngExt};

use crate::tensor::{Picture, quantised};

/// The share of blemishes that cover a part; the rest are noise.
const COVERED_SHARE: f32 = 0.25;
/// Sides of what covers, as shares of the picture's.
const SIDES: [f32; 2] = [0.15, 0.4];

/// The picture with a piece of another one on it, or with noise of `strength`.
pub(super) fn blemished(picture: &Picture, other: &Picture, strength: f32, random: &mut impl Rng) -> Picture {
    if random.random::<f32>() < COVERED_SHARE {
        covered(picture, other, random)
    } else {
        noisy(picture, strength, random)
    }
}

/// Each value up or down by `strength`, or by up to half as much again.
fn noisy(picture: &Picture, strength: f32, random: &mut impl Rng) -> Picture {
    let is_even = random.random::<bool>();
    let mut noise = || {
        let drawn: f32 = random.random_range(-1.0..=1.0);
        strength * if is_even { drawn.signum() } else { 1.5 * drawn }
    };
    let moved = picture.pixels().iter().map(|pixel| (pixel + noise()).clamp(0.0, 1.0)).collect();
    quantised(&picture.with_pixels(moved))
}

/// A rectangle of `other`, which is of the same shape, from anywhere to anywhere.
fn covered(picture: &Picture, other: &Picture, random: &mut impl Rng) -> Picture {
    let (height, width) = (picture.height(), picture.width());
    let mut side = |whole: usize| ((random.random_range(SIDES[0]..=SIDES[1]) * whole as f32) as usize).clamp(1, whole);
    let (rows, columns) = (side(height), side(width));
    let mut corner = || (random.random_range(0..=height - rows), random.random_range(0..=width - columns));
    let ((from_top, from_left), (top, left)) = (corner(), corner());
    let mut pixels = picture.pixels().to_vec();
    for (plane, piece) in pixels.chunks_exact_mut(height * width).zip(other.planes()) {
        for row in 0..rows {
            let (to, from) = ((top + row) * width + left, (from_top + row) * width + from_left);
            plane[to..to + columns].copy_from_slice(&piece[from..from + columns]);
        }
    }
    picture.with_pixels(pixels)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_blemish_stays_within_its_bounds() {
        let picture = Picture::new(3, 20, 30, vec![0.2; 1800]).unwrap();
        let other = Picture::new(3, 20, 30, vec![0.8; 1800]).unwrap();
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..100 {
            let covered = covered(&picture, &other, &mut random);
            let changed = covered.pixels().iter().filter(|&&pixel| pixel == 0.8).count() / 3;
            assert!((3 * 4..=8 * 12).contains(&changed), "{changed}");
            let noisy = noisy(&picture, 0.05, &mut random);
            assert!(noisy.pixels().iter().all(|pixel| (pixel - 0.2).abs() < 0.05 * 1.5 + 1.0 / 255.0));
        }
    }
}
