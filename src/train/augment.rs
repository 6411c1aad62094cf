//! Small changes of a picture that leave its class alone: moved, turned, scaled, mirrored, lit otherwise.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// How far a training picture may differ from the one on disk. Zero everywhere leaves it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Augment {
    /// Largest shift, as a share of the side.
    pub shift: f32,
    /// Largest rotation, in degrees.
    pub rotate: f32,
    /// Largest change of size, as a share.
    pub scale: f32,
    /// Largest change of brightness and of contrast, as a share of the range.
    pub light: f32,
    /// Mirrors every other picture. Not for what has a left and a right, such as signs and letters.
    pub mirror: bool,
    /// Share of the pictures that are blended with another of their batch (mixup, Zhang et al. 2018).
    pub mix: f32,
}

impl Default for Augment {
    fn default() -> Self {
        Self { shift: 0.1, rotate: 8.0, scale: 0.1, light: 0.15, mirror: false, mix: 0.0 }
    }
}

impl Augment {
    /// Leaves pictures as they are.
    pub const NONE: Self = Self { shift: 0.0, rotate: 0.0, scale: 0.0, light: 0.0, mirror: false, mix: 0.0 };

    /// Changes planar pixels in [0, 1] (`channels x height x width`).
    pub(super) fn apply(&self, pixels: &[f32], [height, width]: [usize; 2], random: &mut impl Rng) -> Vec<f32> {
        let view = View::draw(self, random);
        let (contrast, brightness) = (1.0 + within(self.light, random), within(self.light, random));
        let lit = |pixel: f32| ((pixel - 0.5) * contrast + 0.5 + brightness).clamp(0.0, 1.0);
        pixels.chunks_exact(height * width).flat_map(|plane| view.of(plane, [height, width])).map(lit).collect()
    }
}

/// A number between minus and plus `most`.
fn within(most: f32, random: &mut impl Rng) -> f32 {
    random.random_range(-most..=most)
}

/// Where a changed picture's pixels come from: an affine map about the centre.
struct View {
    matrix: [[f32; 2]; 2],
    /// Shares of the sides: down, right.
    shift: [f32; 2],
}

impl View {
    fn draw(augment: &Augment, random: &mut impl Rng) -> Self {
        let angle = within(augment.rotate, random).to_radians();
        let zoom = 1.0 + within(augment.scale, random);
        let mirror = if augment.mirror && random.random() { -1.0 } else { 1.0 };
        let (sine, cosine) = angle.sin_cos();
        Self {
            matrix: [[zoom * cosine, zoom * sine * mirror], [-zoom * sine, zoom * cosine * mirror]],
            shift: [within(augment.shift, random), within(augment.shift, random)],
        }
    }

    fn of(&self, plane: &[f32], [height, width]: [usize; 2]) -> Vec<f32> {
        let centre = [(height as f32 - 1.0) / 2.0, (width as f32 - 1.0) / 2.0];
        let origin = [centre[0] + self.shift[0] * height as f32, centre[1] + self.shift[1] * width as f32];
        let mut seen = Vec::with_capacity(plane.len());
        for row in 0..height {
            let down = row as f32 - centre[0];
            for column in 0..width {
                let right = column as f32 - centre[1];
                let y = origin[0] + self.matrix[0][0] * down + self.matrix[0][1] * right;
                let x = origin[1] + self.matrix[1][0] * down + self.matrix[1][1] * right;
                seen.push(between(plane, [height, width], y, x));
            }
        }
        seen
    }
}

/// The bilinear value at a place, mirrored at the edges.
fn between(plane: &[f32], [height, width]: [usize; 2], y: f32, x: f32) -> f32 {
    let (top, left) = (y.floor(), x.floor());
    let (down, right) = (y - top, x - left);
    let (top, left) = (top as isize, left as isize);
    let at = |row: isize, column: isize| plane[reflected(row, height) * width + reflected(column, width)];
    let across = |row: isize| at(row, left) * (1.0 - right) + at(row, left + 1) * right;
    across(top) * (1.0 - down) + across(top + 1) * down
}

/// An index beyond an edge, counted back from it.
fn reflected(index: isize, side: usize) -> usize {
    let last = side as isize - 1;
    let period = (2 * last).max(1);
    let folded = index.rem_euclid(period);
    folded.min(period - folded).clamp(0, last) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    proptest! {
        #[test]
        fn pixels_stay_in_range_and_number(
            pixels in prop::collection::vec(0.0_f32..=1.0, 2 * 5 * 7),
            seed: u64,
            mirror: bool,
        ) {
            let augment = Augment { shift: 0.4, rotate: 90.0, scale: 0.5, light: 0.5, mirror, mix: 0.0 };
            let changed = augment.apply(&pixels, [5, 7], &mut ChaCha8Rng::seed_from_u64(seed));
            prop_assert_eq!(changed.len(), pixels.len());
            prop_assert!(changed.iter().all(|pixel| (0.0..=1.0).contains(pixel)));
        }

        #[test]
        fn no_change_asked_is_none_made(pixels in prop::collection::vec(0.0_f32..=1.0, 12), seed: u64) {
            let same = Augment::NONE.apply(&pixels, [3, 4], &mut ChaCha8Rng::seed_from_u64(seed));
            for (a, b) in same.iter().zip(&pixels) {
                prop_assert!((a - b).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn mirroring_swaps_left_and_right() {
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let mirror = Augment { mirror: true, ..Augment::NONE };
        let seen: Vec<Vec<f32>> = (0..20).map(|_| mirror.apply(&[0.0, 1.0], [1, 2], &mut random)).collect();
        assert!(seen.contains(&vec![0.0, 1.0]) && seen.contains(&vec![1.0, 0.0]));
    }
}
