//! Items in messages. Encoded pictures are read as strictly as an attacker deserves, and written for an upstream.
//!
//! Whatever two decoders may read differently would be examined as one picture and classified as another. So a picture
//! is refused where that is cheap to notice: broken, cut short, moving, transparent, of 16 bits or of unusual colours.

mod jpeg;
mod png;
mod webp;

use std::sync::Arc;

use bytes::Bytes;

use crate::detect::Reason;
use crate::model::{InputSpec, TokenizerError};
use crate::tensor::{Elements, Item, Picture, PictureError, Tensor, TensorError, Tokens, luma, to_8_bit, to_u8};

/// Pixels in a row or column; kernels for longer ones would take more memory than the picture.
const LONGEST_SIDE: usize = 65_535;

/// Why bytes are no picture that every decoder reads alike.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("it is no JPEG, PNG or WebP file")]
    Unknown,
    #[error("{height}x{width} is more than may be inspected: {most} pixels, {LONGEST_SIDE} a side")]
    TooLarge { height: usize, width: usize, most: usize },
    #[error("it {0}, which decoders read differently")]
    Ambiguous(&'static str),
    #[error("it is broken: {0}")]
    Broken(String),
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

impl CodecError {
    fn broken(reason: impl std::fmt::Display) -> Self {
        Self::Broken(reason.to_string())
    }

    /// The reason under which it is counted.
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::TooLarge { .. } => Reason::TooLarge,
            Self::Unknown | Self::Ambiguous(_) | Self::Broken(_) => Reason::Picture,
            Self::Tokenizer(_) => Reason::Text,
        }
    }
}

impl From<PictureError> for CodecError {
    fn from(error: PictureError) -> Self {
        Self::broken(error)
    }
}

/// A decoded picture in its own size: 8 bits, interleaved, one channel or three.
struct Raster {
    height: usize,
    width: usize,
    channels: usize,
    pixels: Vec<u8>,
}

impl Raster {
    /// With one channel or three, as asked.
    fn with_channels(self, channels: usize) -> Self {
        let pixels = match (self.channels, channels) {
            (3, 1) => self.pixels.chunks_exact(3).map(grey).collect(),
            (1, 3) => self.pixels.iter().map(|&value| [value; 3]).collect::<Vec<_>>().into_flattened(),
            _ => return self,
        };
        Self { channels, pixels, ..self }
    }
}

fn grey(pixel: &[u8]) -> u8 {
    let [red, green, blue] = [0, 1, 2].map(|channel| f32::from(pixel[channel]) / 255.0);
    to_u8(luma([red, green, blue]))
}

/// Height and width, if no side is too long and there are no more than `most` pixels.
fn checked(height: usize, width: usize, most: usize) -> Result<(usize, usize), CodecError> {
    match height.checked_mul(width) {
        Some(0) => Err(CodecError::Broken("it has no pixels".to_owned())),
        Some(area) if area <= most && height.max(width) <= LONGEST_SIDE => Ok((height, width)),
        _ => Err(CodecError::TooLarge { height, width, most }),
    }
}

/// Pixels without their alpha channel, the last of `channels`.
fn opaque(mut pixels: Vec<u8>, channels: usize) -> Result<Vec<u8>, CodecError> {
    if pixels.chunks_exact(channels).any(|pixel| pixel[channels - 1] != u8::MAX) {
        return Err(CodecError::Ambiguous("is transparent"));
    }
    let colours = channels - 1;
    let area = pixels.len() / channels;
    for at in 0..area {
        pixels.copy_within(at * channels..at * channels + colours, at * colours);
    }
    pixels.truncate(area * colours);
    Ok(pixels)
}

/// Decodes one file and makes of it what the server makes of it for its model. Its size is checked before memory is
/// taken for pixels, of which there may be `most`.
///
/// # Errors
/// When it is no such file, too large, or not the same to every decoder.
pub(crate) fn decode(file: &[u8], input: &InputSpec, most: usize) -> Result<Picture, CodecError> {
    let input = input.pictures().map_err(|_| CodecError::Unknown)?;
    let encoded = input.encoded.as_ref().ok_or(CodecError::Unknown)?;
    let raster = match file {
        [0xff, 0xd8, 0xff, ..] => jpeg::decode(file, most),
        [0x89, b'P', b'N', b'G', ..] => png::decode(file, most),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => webp::decode(file, most),
        _ => Err(CodecError::Unknown),
    }?;
    let Raster { height, width, channels, pixels } = raster.with_channels(input.colour.channels());
    Ok(encoded.preparation.prepare(&pixels, (height, width, channels), (input.height, input.width))?)
}

/// An item on its way to a server: as it is, as tokens, or as an element of `BYTES`, such as a PNG file of which the server
/// makes that picture again.
pub(crate) enum Packed {
    Picture(Arc<Picture>),
    Tokens(Tokens),
    Element(Bytes),
}

/// Packs a text, or a picture of this input's size; pixels of a file have 8 bits.
///
/// # Errors
/// When it is too large for a file, or has no tokens.
pub(crate) fn pack(item: Item, input: &InputSpec) -> Result<Packed, CodecError> {
    if let InputSpec::Tokens(spec) = input
        && spec.text.is_none()
    {
        return Ok(Packed::Tokens(spec.tokens(&item)?));
    }
    let encoded = input.pictures().ok().and_then(|spec| spec.encoded.as_ref());
    match (item, encoded) {
        (Item::Text(text), _) => Ok(Packed::Element(Bytes::copy_from_slice(text.as_bytes()))),
        (Item::Tokens(sent), _) => Ok(Packed::Element(Bytes::copy_from_slice(sent.text.as_bytes()))),
        (Item::Picture(picture), None) => Ok(Packed::Picture(picture)),
        (Item::Picture(picture), Some(encoded)) => {
            png::encode(&encoded.preparation.undone(&to_8_bit(&picture))).map(|file| Packed::Element(file.into()))
        }
    }
}

/// The tensors that a client sends of a batch of packed items; `in_rows` for servers that want each file in a row of its
/// own.
///
/// # Errors
/// When the input takes no numbers.
pub(crate) fn batch(packed: &[Packed], input: &InputSpec, in_rows: bool) -> Result<Vec<Tensor>, TensorError> {
    let (mut pictures, mut tokens, mut elements) = (Vec::new(), Vec::new(), Vec::new());
    for packed in packed {
        match packed {
            Packed::Picture(picture) => pictures.push(picture.as_ref()),
            Packed::Tokens(row) => tokens.push(row),
            Packed::Element(element) => elements.push(element.clone()),
        }
    }
    match input {
        InputSpec::Text(spec) => Ok(vec![spec.batch(elements)?]),
        InputSpec::Tokens(spec) if spec.text.is_none() => spec.batch(&tokens),
        InputSpec::Picture(spec) if spec.encoded.is_none() => Ok(vec![spec.batch(pictures)?]),
        InputSpec::Picture(_) | InputSpec::Tokens(_) => {
            let shape = if in_rows { vec![packed.len(), 1] } else { vec![packed.len()] };
            Ok(vec![Tensor::new(input.sent_name(), shape, Elements::Bytes(elements))?])
        }
    }
}

#[cfg(test)]
mod tests;
