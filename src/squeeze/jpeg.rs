//! Compressed with losses.

use std::io::Cursor;
use std::ops::RangeInclusive;

use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::{ExtendedColorType, ImageDecoder};

use super::Squeezer;
use crate::tensor::{Picture, to_8_bit};

/// `jpeg(QUALITY)`: rounded to 8 bits, written as baseline JPEG without subsampling, and read again.
///
/// QUALITY scales the quantisation tables of ITU-T T.81 Annex K as libjpeg does. Three channels are red, green and blue;
/// of any other number each is compressed as grey. Finer pictures lose their lower bits, as JPEG has 8. JPEG holds no side above 65535; such a picture is only rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jpeg {
    quality: u8,
}

impl Jpeg {
    /// What `quality` may be.
    pub const QUALITY: RangeInclusive<u8> = 1..=100;

    /// A squeezer with such a `quality`, within [`Self::QUALITY`].
    pub(super) fn new(quality: u8) -> Self {
        Self { quality }
    }

    /// A picture of one channel or three.
    fn compress(self, picture: &Picture) -> Picture {
        self.there_and_back(picture).unwrap_or_else(|| to_8_bit(picture))
    }

    fn there_and_back(self, picture: &Picture) -> Option<Picture> {
        let (channels, height, width) = (picture.channels(), picture.height(), picture.width());
        let colour = if channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
        let [short_height, short_width] = [u16::try_from(height).ok()?, u16::try_from(width).ok()?];
        let mut bytes = picture.to_interleaved_u8();
        let mut file = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut file, self.quality);
        encoder.encode(&bytes, short_width.into(), short_height.into(), colour).ok()?;
        JpegDecoder::new(Cursor::new(file)).ok()?.read_image(&mut bytes).ok()?;
        Some(Picture::from_interleaved_u8(channels, height, width, &bytes).ok()?.with_depth(picture.depth()))
    }
}

impl Squeezer for Jpeg {
    fn name(&self) -> String {
        format!("jpeg({})", self.quality)
    }

    fn squeeze(&self, picture: &Picture) -> Picture {
        if matches!(picture.channels(), 1 | 3) {
            return self.compress(picture);
        }
        let greys = picture.planes().map(|plane| self.compress(&picture.with_planes(1, plane.to_vec())));
        picture.with_pixels(greys.flat_map(|grey| grey.pixels().to_vec()).collect())
    }
}
