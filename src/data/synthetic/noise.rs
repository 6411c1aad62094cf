//! Smooth noise, of which clouds, leaves, stains and folds are made.

use super::dice::Dice;

/// Side of the lattice of [`Noise`].
const LATTICE: usize = 16;

/// 0 below `low`, 1 above `high`, smooth between.
pub(in crate::data) fn smooth_step(low: f32, high: f32, value: f32) -> f32 {
    let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

/// Smooth random values over the plane (Perlin's value noise), repeating after [`LATTICE`] units.
pub(in crate::data) struct Noise([f32; LATTICE * LATTICE]);

impl Noise {
    /// A random lattice.
    pub(in crate::data) fn new(dice: &mut Dice) -> Self {
        Self(std::array::from_fn(|_| dice.unit()))
    }

    /// The random value of the cell around a place, from 0 to 1.
    pub(in crate::data) fn cell(&self, column: i32, row: i32) -> f32 {
        let wrapped = |index: i32| index.rem_euclid(LATTICE as i32) as usize;
        self.0[wrapped(row) * LATTICE + wrapped(column)]
    }

    /// The value at a place, from 0 to 1.
    pub(in crate::data) fn at(&self, x: f32, y: f32) -> f32 {
        let below = |value: f32| value as i32 - i32::from(value < 0.0);
        let (column, row) = (below(x), below(y));
        let (across, down) = (smooth_step(0.0, 1.0, x - column as f32), smooth_step(0.0, 1.0, y - row as f32));
        let line = |row| {
            let first = self.cell(column, row);
            first + (self.cell(column + 1, row) - first) * across
        };
        let upper = line(row);
        upper + (line(row + 1) - upper) * down
    }

    /// Three octaves, each twice as fine and half as strong as the one before; from 0 to 1.
    pub(in crate::data) fn fractal(&self, x: f32, y: f32) -> f32 {
        let octaves = [(1.0, 4.0), (2.0, 2.0), (4.0, 1.0)];
        let sum: f32 = octaves.into_iter().map(|(scale, weight)| weight * self.at(scale * x + weight, scale * y)).sum();
        sum / 7.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Split;

    #[test]
    fn noise_is_smooth_and_stays_in_its_range() {
        let noise = Noise::new(&mut Dice::new(1, Split::Test, 0));
        for step in 0..2000 {
            let (x, y) = (step as f32 * 0.013 - 9.0, step as f32 * 0.007 - 5.0);
            let (here, there) = (noise.fractal(x, y), noise.fractal(x + 0.001, y));
            assert!((0.0..=1.0).contains(&here) && (here - there).abs() < 0.01);
        }
    }
}
