//! Random numbers that are the same on every machine and in every release.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::data::Split;

/// One picture's own random numbers: a function of the set's seed, the half and the picture's index.
///
/// ChaCha counts instead of remembering, so no picture depends on those before it. Only additions, multiplications,
/// divisions and square roots follow, which IEEE 754 defines to the last bit; sine, power and logarithm differ between
/// systems.
pub(in crate::data) struct Dice(ChaCha8Rng);

impl Dice {
    /// The numbers of picture `index`; the halves have different keys, so they never share a picture.
    pub(in crate::data) fn new(seed: u64, half: Split, index: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8] = match half {
            Split::Train => 0,
            Split::Test => 1,
        };
        let mut stream = ChaCha8Rng::from_seed(key);
        stream.set_stream(index);
        Self(stream)
    }

    /// Uniform in [0, 1).
    pub(in crate::data) fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / 16_777_216.0
    }

    /// Uniform in [low, high).
    pub(in crate::data) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform in [-reach, reach).
    pub(in crate::data) fn around_zero(&mut self, reach: f32) -> f32 {
        self.between(-reach, reach)
    }

    /// True in `share` of all throws.
    pub(in crate::data) fn chance(&mut self, share: f32) -> bool {
        self.unit() < share
    }

    /// Uniform in `low..=high`.
    pub(in crate::data) fn count(&mut self, low: usize, high: usize) -> usize {
        let span = (high - low) as u64 + 1;
        low + ((u64::from(self.0.next_u32()) * span) >> 32) as usize
    }

    /// One of several things.
    pub(in crate::data) fn pick<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.count(0, things.len() - 1)]
    }

    /// Nearly normal with mean 0 and standard deviation 1: four uniform bytes added up (Irwin and Hall).
    pub(in crate::data) fn bell(&mut self) -> f32 {
        let sum: i32 = self.0.next_u32().to_le_bytes().into_iter().map(i32::from).sum();
        (sum - 510) as f32 / 147.8
    }

    /// Cosine and sine of an angle of up to `degrees` either way, at most 60.
    pub(in crate::data) fn turn(&mut self, degrees: f32) -> (f32, f32) {
        // For t = tan(angle / 2) both are rational; up to 30 degrees the tangent is close to the angle itself.
        let t = self.around_zero(degrees / 114.6);
        let square = t * t;
        ((1.0 - square) / (1.0 + square), 2.0 * t / (1.0 + square))
    }

    /// A direction out of the full circle, of length 1.
    pub(in crate::data) fn heading(&mut self) -> (f32, f32) {
        loop {
            let (x, y) = (self.around_zero(1.0), self.around_zero(1.0));
            let square = x * x + y * y;
            if (0.01..=1.0).contains(&square) {
                let length = square.sqrt();
                return (x / length, y / length);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_has_numbers_of_its_own() {
        let first = |seed, half, index| Dice::new(seed, half, index).unit();
        let base = first(1, Split::Train, 0);
        assert_eq!(first(1, Split::Train, 0), base);
        assert_ne!(first(2, Split::Train, 0), base);
        assert_ne!(first(1, Split::Test, 0), base);
        assert_ne!(first(1, Split::Train, 1), base);
    }

    #[test]
    fn throws_have_the_stated_moments() {
        let mut dice = Dice::new(7, Split::Test, 3);
        let throws: Vec<f32> = (0..20_000).map(|_| dice.bell()).collect();
        let mean = throws.iter().sum::<f32>() / 20_000.0;
        let variance = throws.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / 20_000.0;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
        let counts = (0..300).fold([0; 3], |mut counts, _| {
            counts[dice.count(0, 2)] += 1;
            counts
        });
        assert!(counts.iter().all(|&count| count > 60), "{counts:?}");
    }

    #[test]
    fn directions_have_length_one() {
        let mut dice = Dice::new(7, Split::Test, 4);
        for _ in 0..100 {
            for (x, y) in [dice.turn(60.0), dice.heading()] {
                assert!((x * x + y * y - 1.0).abs() < 1e-5);
            }
        }
    }
}
