//! PNG: still, opaque, of up to 8 bits.

use std::io::Cursor;

use image::codecs::png::{CompressionType, FilterType, PngDecoder, PngEncoder};
use image::{ColorType, ExtendedColorType, ImageDecoder, ImageEncoder, Limits};

use super::{CodecError, Raster, checked, opaque};
use crate::tensor::Picture;

/// Memory that a decoder may take beside the pixels, in bytes: for colour profiles and texts that it unpacks.
const ASIDE: u64 = 4 << 20;
/// Bytes of the widest row's pixels, 16-bit red, green, blue and alpha.
const WIDEST_PIXEL: u64 = 8;

pub(super) fn decode(file: &[u8], most: usize) -> Result<Raster, CodecError> {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(ASIDE.saturating_add(WIDEST_PIXEL.saturating_mul(most as u64)));
    let decoder = PngDecoder::with_limits(Cursor::new(file), limits).map_err(CodecError::broken)?;
    let (width, height) = decoder.dimensions();
    let (height, width) = checked(height as usize, width as usize, most)?;
    if decoder.is_apng().map_err(CodecError::broken)? {
        return Err(CodecError::Ambiguous("moves"));
    }
    let channels: usize = match decoder.color_type() {
        ColorType::L8 => 1,
        ColorType::La8 => 2,
        ColorType::Rgb8 => 3,
        ColorType::Rgba8 => 4,
        _ => return Err(CodecError::Ambiguous("has more than 8 bits")),
    };
    let mut pixels = vec![0; height * width * channels];
    decoder.read_image(&mut pixels).map_err(CodecError::broken)?;
    match channels {
        2 | 4 => Ok(Raster { height, width, channels: channels - 1, pixels: opaque(pixels, channels)? }),
        _ => Ok(Raster { height, width, channels, pixels }),
    }
}

pub(super) fn encode(picture: &Picture) -> Result<Vec<u8>, CodecError> {
    let side = |side: usize| u32::try_from(side).map_err(CodecError::broken);
    let colour = if picture.channels() == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let mut file = Vec::new();
    PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Adaptive)
        .write_image(&picture.to_interleaved_u8(), side(picture.width())?, side(picture.height())?, colour)
        .map_err(CodecError::broken)?;
    Ok(file)
}
