//! The detector: blur, photons that are counted, gains that are not quite alike, 16 bits.

use crate::data::synthetic::Dice;
use crate::tensor::{Depth, Picture, PictureError};

/// Counts of 16 bits.
const LARGEST: f32 = 65_535.0;
/// What an empty belt reads: room is left for the noise.
const OPEN: f32 = 60_000.0;

/// One scanner on one day.
pub(super) struct Detector {
    /// Share of a pixel's light that each of its four neighbours gets.
    spread: f32,
    /// Photons of a spectrum that reach a pixel when nothing is in the way.
    photons: f32,
    /// Spread of the gains of the line's elements, which leave stripes along the belt.
    stripes: f32,
}

impl Detector {
    pub(super) fn new(dice: &mut Dice) -> Self {
        Self {
            spread: dice.between(0.02, 0.09),
            photons: dice.between(30_000.0, 120_000.0),
            stripes: dice.between(0.0005, 0.002),
        }
    }

    /// The picture that the shares of light at each pixel give: two channels, low energies first, rounded to 16 bits.
    pub(super) fn read(
        &self,
        light: &[[f32; 2]],
        (width, height): (usize, usize),
        dice: &mut Dice,
    ) -> Result<Picture, PictureError> {
        let mut pixels = vec![0.0; 2 * width * height];
        for (channel, plane) in pixels.chunks_exact_mut(width * height).enumerate() {
            for (row, line) in plane.chunks_exact_mut(width).enumerate() {
                let gain = 1.0 + self.stripes * dice.bell();
                for (column, pixel) in line.iter_mut().enumerate() {
                    let at = |row: usize, column: usize| light[row * width + column][channel];
                    let beside = at(row, column.saturating_sub(1)) + at(row, (column + 1).min(width - 1));
                    let above = at(row.saturating_sub(1), column) + at((row + 1).min(height - 1), column);
                    let share = (1.0 - 4.0 * self.spread) * at(row, column) + self.spread * (beside + above);
                    *pixel = digitised(gain * self.counted(share, dice));
                }
            }
        }
        Ok(Picture::new(2, height, width, pixels)?.with_depth(Depth::SIXTEEN_BITS))
    }

    /// A share of light as so many photons tell it: their number varies by its square root (Poisson), that of the amplifier
    /// by a few more.
    fn counted(&self, share: f32, dice: &mut Dice) -> f32 {
        let expected = share * self.photons;
        (expected + dice.bell() * (expected + 25.0).sqrt()) / self.photons
    }
}

fn digitised(share: f32) -> f32 {
    (share * OPEN + 0.5).clamp(0.0, LARGEST).floor() / LARGEST
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Split;

    #[test]
    fn noise_is_that_of_counted_photons() {
        let mut dice = Dice::new(1, Split::Test, 0);
        let detector = Detector { spread: 0.05, photons: 40_000.0, stripes: 0.0 };
        for share in [1.0, 0.25, 0.01] {
            let picture = detector.read(&[[share, share]; 64 * 64], (64, 64), &mut dice).unwrap();
            let counts: Vec<f32> = picture.pixels().iter().map(|pixel| pixel * LARGEST / OPEN * 40_000.0).collect();
            let mean = counts.iter().sum::<f32>() / counts.len() as f32;
            let variance =
                counts.iter().map(|count| (count - mean) * (count - mean)).sum::<f32>() / counts.len() as f32;
            assert!((mean / (share * 40_000.0) - 1.0).abs() < 0.02, "{mean}");
            assert!((variance / (share * 40_000.0 + 25.0) - 1.0).abs() < 0.1, "{variance}");
        }
    }

    #[test]
    fn pixels_are_whole_counts_of_16_bits() {
        let mut dice = Dice::new(1, Split::Test, 1);
        let detector = Detector::new(&mut dice);
        let picture = detector.read(&[[0.3, 1.0]; 9 * 8], (9, 8), &mut dice).unwrap();
        assert_eq!((picture.channels(), picture.height(), picture.width()), (2, 8, 9));
        for pixel in picture.pixels() {
            let count = pixel * LARGEST;
            assert!((0.0..=1.0).contains(pixel) && (count - count.round()).abs() < 0.01, "{count}");
        }
    }
}
