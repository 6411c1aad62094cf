//! Encoded pictures on disk: JPEG, PNG, WebP, PNM and TIFF.

use std::io::{BufRead, Cursor, Seek};

use image::{ColorType, DynamicImage, ImageDecoder, ImageReader};

use super::options::Options;
use crate::tensor::{Depth, Picture, PictureError};

/// More pixels than any camera's; a file that claims more is not worth its memory.
const MOST_PIXELS: u64 = 64 << 20;

/// Why bytes are no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(String);

impl DecodeError {
    fn because(reason: impl std::fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

/// Decodes a picture, its size checked first: grey stays one channel, anything else becomes red, green and blue; 16 bits
/// stay 16, floats of TIFF become so.
pub(super) fn decode(source: impl BufRead + Seek) -> Result<Picture, DecodeError> {
    let reader = ImageReader::new(source).with_guessed_format().map_err(DecodeError::because)?;
    let decoder = reader.into_decoder().map_err(DecodeError::because)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        let allowed = MOST_PIXELS >> 20;
        return Err(DecodeError(format!("{width}x{height} is more than the {allowed} megapixels allowed")));
    }
    let image = DynamicImage::from_decoder(decoder).map_err(DecodeError::because)?;
    of(image, height as usize, width as usize).map_err(DecodeError::because)
}

fn of(image: DynamicImage, height: usize, width: usize) -> Result<Picture, PictureError> {
    let bytes = |channels, bytes: Vec<u8>| Picture::from_interleaved_u8(channels, height, width, &bytes);
    let levels = |channels, levels: Vec<u16>| {
        Picture::from_interleaved_levels(channels, height, width, &levels, Depth::SIXTEEN_BITS)
    };
    match image.color() {
        ColorType::L16 | ColorType::La16 => levels(1, image.into_luma16().into_raw()),
        ColorType::Rgb16 | ColorType::Rgba16 | ColorType::Rgb32F | ColorType::Rgba32F => {
            levels(3, image.into_rgb16().into_raw())
        }
        colour if colour.has_color() => bytes(3, image.into_rgb8().into_raw()),
        _ => bytes(1, image.into_luma8().into_raw()),
    }
}

/// Decodes the bytes of a JPEG, PNG, WebP, PNM or TIFF file, and brings the picture to the size, colours and depth of the
/// options, as [`Dataset`](super::Dataset) does with the pictures of a folder.
///
/// # Errors
/// When the bytes are no such picture, or one that is too large.
pub fn decode_picture(bytes: &[u8], options: &Options) -> Result<Picture, DecodeError> {
    options.applied(decode(Cursor::new(bytes))?).map_err(DecodeError::because)
}
