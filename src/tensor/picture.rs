//! A picture as the squeezers see it: raw pixels in [0, 1], before any normalisation.

use super::depth::Depth;

/// Why a picture could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// The number of pixel values does not match the stated shape.
    #[error("{channels}x{height}x{width} needs {expected} pixel values, got {actual}")]
    Length {
        /// Stated number of channels.
        channels: usize,
        /// Stated height.
        height: usize,
        /// Stated width.
        width: usize,
        /// `channels * height * width`.
        expected: usize,
        /// Number of values given.
        actual: usize,
    },
    /// A picture has at least one channel, row and column.
    #[error("a picture must have at least one channel, row and column")]
    Empty,
    /// Nothing makes so many channels of those that there are.
    #[error("a picture has {actual} channels, not {expected}")]
    Channels {
        /// Channels that there are.
        actual: usize,
        /// Channels that were wanted.
        expected: usize,
    },
    /// The picture cannot be brought to another size.
    #[error("cannot resize to {height}x{width}: {reason}")]
    Resize {
        /// Wanted height.
        height: usize,
        /// Wanted width.
        width: usize,
        /// Why not.
        reason: String,
    },
}

/// Pixels in [0, 1], planar (`channels x height x width`), red first where there are three channels; and how finely they
/// are graded, which is what attackers and files can tell apart. Pixels need not lie on its levels.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    channels: usize,
    height: usize,
    width: usize,
    depth: Depth,
    pixels: Vec<f32>,
}

impl Picture {
    /// Takes planar pixels of length `channels * height * width`, graded in 8 bits.
    ///
    /// # Errors
    /// When a side is zero or the length does not match.
    pub fn new(channels: usize, height: usize, width: usize, pixels: Vec<f32>) -> Result<Self, PictureError> {
        let expected = channels.checked_mul(height).and_then(|area| area.checked_mul(width)).unwrap_or(usize::MAX);
        if expected == 0 {
            return Err(PictureError::Empty);
        }
        if pixels.len() != expected {
            return Err(PictureError::Length { channels, height, width, expected, actual: pixels.len() });
        }
        Ok(Self { channels, height, width, depth: Depth::EIGHT_BITS, pixels })
    }

    /// Takes interleaved 8-bit pixels (`height x width x channels`), 255 being 1.0.
    ///
    /// # Errors
    /// When a side is zero or the length does not match.
    pub fn from_interleaved_u8(
        channels: usize,
        height: usize,
        width: usize,
        pixels: &[u8],
    ) -> Result<Self, PictureError> {
        Self::of_interleaved([channels, height, width], pixels, |value| f32::from(value) / 255.0)
    }

    /// Takes interleaved levels (`height x width x channels`), of which `depth` tells the largest.
    ///
    /// # Errors
    /// When a side is zero or the length does not match.
    pub fn from_interleaved_levels(
        channels: usize,
        height: usize,
        width: usize,
        levels: &[u16],
        depth: Depth,
    ) -> Result<Self, PictureError> {
        let pixel = |level: u16| depth.pixel(level.min(depth.white()));
        Ok(Self::of_interleaved([channels, height, width], levels, pixel)?.with_depth(depth))
    }

    fn of_interleaved<T: Copy>(
        [channels, height, width]: [usize; 3],
        values: &[T],
        pixel: impl Fn(T) -> f32,
    ) -> Result<Self, PictureError> {
        let mut planar = Vec::with_capacity(values.len());
        for channel in 0..channels {
            planar.extend(values.iter().skip(channel).step_by(channels).map(|&value| pixel(value)));
        }
        Self::new(channels, height, width, planar)
    }

    /// The same pixels, said to be graded otherwise.
    #[must_use]
    pub fn with_depth(self, depth: Depth) -> Self {
        Self { depth, ..self }
    }

    /// The interleaved 8-bit form (`height x width x channels`), rounded and clamped to 0..=255.
    pub fn to_interleaved_u8(&self) -> Vec<u8> {
        self.interleaved(to_u8)
    }

    /// The interleaved levels of its depth (`height x width x channels`), rounded and clamped.
    pub fn to_interleaved_levels(&self) -> Vec<u16> {
        self.interleaved(|value| self.depth.level(value))
    }

    fn interleaved<T: Copy + Default>(&self, convert: impl Fn(f32) -> T) -> Vec<T> {
        let mut interleaved = vec![T::default(); self.pixels.len()];
        for (channel, plane) in self.planes().enumerate() {
            for (values, &value) in interleaved.chunks_exact_mut(self.channels).zip(plane) {
                values[channel] = convert(value);
            }
        }
        interleaved
    }

    /// The same shape with other pixels; `pixels` must be as long as the picture's own.
    pub(crate) fn with_pixels(&self, pixels: Vec<f32>) -> Self {
        debug_assert_eq!(pixels.len(), self.pixels.len());
        Self { pixels, ..*self }
    }

    /// The same height and width with other channels; `pixels` must be `channels * height * width` long.
    pub(crate) fn with_planes(&self, channels: usize, pixels: Vec<f32>) -> Self {
        debug_assert_eq!(pixels.len(), channels * self.height * self.width);
        Self { channels, pixels, ..*self }
    }

    /// Number of channels (1 grey, 3 red-green-blue, any other without colours).
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How finely its pixels are graded.
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// All pixels, planar.
    pub fn pixels(&self) -> &[f32] {
        &self.pixels
    }

    /// One channel after the other, each `height * width` long.
    pub fn planes(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.pixels.chunks_exact(self.height * self.width)
    }
}

/// A pixel in [0, 1] as 8 bits, rounded half to even as NumPy's `rint` does.
pub(crate) fn to_u8(value: f32) -> u8 {
    (value * 255.0).round_ties_even().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bit_pixels_survive_the_round_trip() {
        let bytes: Vec<u8> = (0..=255).chain(0..=43).collect();
        let picture = Picture::from_interleaved_u8(3, 10, 10, &bytes).unwrap();
        assert_eq!(picture.to_interleaved_u8(), bytes);
        assert_eq!(picture.planes().nth(1).unwrap()[0], 1.0 / 255.0);
    }

    #[test]
    fn levels_of_any_depth_survive_the_round_trip() {
        for depth in [Depth::of_bits(12), Depth::SIXTEEN_BITS] {
            let levels: Vec<u16> = (0..60).map(|level| level * (depth.white() / 59)).collect();
            let picture = Picture::from_interleaved_levels(2, 5, 6, &levels, depth).unwrap();
            assert_eq!((picture.to_interleaved_levels(), picture.depth()), (levels, depth));
        }
        let beyond = Picture::from_interleaved_levels(1, 1, 1, &[u16::MAX], Depth::of_bits(12)).unwrap();
        assert_eq!(beyond.pixels(), [1.0]);
    }

    #[test]
    fn a_wrong_length_is_refused_without_overflow() {
        assert!(matches!(Picture::new(3, 2, 2, vec![0.0; 11]), Err(PictureError::Length { expected: 12, .. })));
        assert!(Picture::new(usize::MAX, usize::MAX, 2, vec![]).is_err());
        assert_eq!(Picture::new(0, 2, 2, vec![]), Err(PictureError::Empty));
    }
}
