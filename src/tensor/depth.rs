//! How finely pixels are graded.

use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

/// How finely a pixel is graded: the whole number that white is where black is 0. 255 for 8 bits, 4095 for 12 bits, 65535
/// for 16 bits, and for anything finer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Depth(NonZeroU16);

impl Depth {
    /// 256 levels.
    pub const EIGHT_BITS: Self = Self(NonZeroU16::MIN.saturating_add(254));
    /// 65536 levels, the most.
    pub const SIXTEEN_BITS: Self = Self(NonZeroU16::MAX);

    /// From black to white, bytes that are whole numbers span less.
    pub(crate) const WIDER_THAN_BYTES: f32 = 256.0;

    /// As many levels as whole numbers of 1 to 16 bits.
    pub fn of_bits(bits: u32) -> Self {
        let unused = u16::BITS - bits.clamp(1, u16::BITS);
        Self(NonZeroU16::new(u16::MAX >> unused).unwrap_or(NonZeroU16::MIN))
    }

    /// A level for each whole number from black to white, which differ by `span`; 65536 at most.
    pub fn of_span(span: f32) -> Self {
        Self(NonZeroU16::new(span.round() as u16).unwrap_or(NonZeroU16::MIN))
    }

    /// A level for each whole number of a range; numbers that are not whole are graded as 8 bits unless they range further.
    pub fn of_range([low, high]: [f32; 2], are_whole: bool) -> Self {
        if are_whole || high - low > Self::WIDER_THAN_BYTES { Self::of_span(high - low) } else { Self::EIGHT_BITS }
    }

    /// How many levels there are.
    pub fn levels(self) -> u32 {
        u32::from(self.white()) + 1
    }

    /// The level of white.
    pub fn white(self) -> u16 {
        self.0.get()
    }

    /// Whether bytes hold its pixels.
    pub fn is_8_bit(&self) -> bool {
        *self == Self::EIGHT_BITS
    }

    /// The level of a pixel in [0, 1], rounded half to even as NumPy's `rint` does.
    pub fn level(self, pixel: f32) -> u16 {
        let white = f32::from(self.white());
        (pixel * white).round_ties_even().clamp(0.0, white) as u16
    }

    /// The pixel in [0, 1] at this level.
    pub fn pixel(self, level: u16) -> f32 {
        f32::from(level) / f32::from(self.white())
    }
}

impl Default for Depth {
    fn default() -> Self {
        Self::EIGHT_BITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_is_the_largest_number_of_so_many_bits() {
        for (bits, white) in [(0, 1), (1, 1), (8, 255), (12, 4095), (16, 65_535), (24, 65_535)] {
            assert_eq!(Depth::of_bits(bits).white(), white);
        }
        for (span, white) in [(0.2, 1), (255.0, 255), (4095.0, 4095), (1e9, 65_535), (f32::NAN, 1)] {
            assert_eq!(Depth::of_span(span).white(), white);
        }
        assert_eq!((Depth::of_bits(8), Depth::of_bits(16)), (Depth::EIGHT_BITS, Depth::SIXTEEN_BITS));
    }

    #[test]
    fn every_level_is_its_pixels() {
        for depth in [8, 12, 16].map(Depth::of_bits) {
            assert!((0..=depth.white()).all(|level| depth.level(depth.pixel(level)) == level), "{depth:?}");
            assert_eq!([-0.5, 1.5].map(|pixel| depth.level(pixel)), [0, depth.white()]);
        }
    }
}
