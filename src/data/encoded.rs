//! Encoded pictures on disk: JPEG, PNG, WebP and PNM.

use std::io::{BufRead, Cursor, Seek};

use image::{DynamicImage, ImageDecoder, ImageReader};

use super::dataset::fitted;
use crate::tensor::{Picture, Preparation};

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

/// Decodes a picture, its size checked first: grey stays one channel, anything else becomes red, green and blue.
pub(super) fn decode(source: impl BufRead + Seek) -> Result<Picture, DecodeError> {
    let reader = ImageReader::new(source).with_guessed_format().map_err(DecodeError::because)?;
    let decoder = reader.into_decoder().map_err(DecodeError::because)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        let allowed = MOST_PIXELS >> 20;
        return Err(DecodeError(format!("{width}x{height} is more than the {allowed} megapixels allowed")));
    }
    let image = DynamicImage::from_decoder(decoder).map_err(DecodeError::because)?;
    let (channels, bytes) = match image.color().has_color() {
        true => (3, image.into_rgb8().into_raw()),
        false => (1, image.into_luma8().into_raw()),
    };
    Picture::from_interleaved_u8(channels, height as usize, width as usize, &bytes).map_err(DecodeError::because)
}

/// Decodes the bytes of a JPEG, PNG, WebP or PNM file; with `size` (`height, width`) cropped to its aspect ratio in the
/// centre and scaled, or prepared as by a server, as [`Dataset`](super::Dataset) does with the pictures of a folder.
///
/// # Errors
/// When the bytes are no such picture, or one that is too large.
pub fn decode_picture(
    bytes: &[u8],
    size: Option<(usize, usize)>,
    preparation: Option<Preparation>,
) -> Result<Picture, DecodeError> {
    let picture = decode(Cursor::new(bytes))?;
    match size {
        Some(size) => fitted(picture, size, preparation).map_err(DecodeError::because),
        None => Ok(picture),
    }
}
