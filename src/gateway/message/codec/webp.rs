//! WebP: one still, opaque picture.

use std::io::Cursor;

use image::ImageDecoder;
use image::codecs::webp::WebPDecoder;

use super::{CodecError, Raster, checked, opaque};

/// Bytes before the first chunk: `RIFF`, a length, `WEBP`.
const HEADER: usize = 12;
/// Bytes before what a chunk holds: its name and its length.
const CHUNK_HEADER: usize = 8;

/// Height and width.
type Size = (usize, usize);

/// What a container says of its picture.
#[derive(Default)]
struct Container {
    canvas: Option<Size>,
    /// Whether the canvas is said to be transparent.
    says_alpha: bool,
    has_alpha: bool,
    picture: Option<Size>,
}

pub(super) fn decode(file: &[u8], most: usize) -> Result<Raster, CodecError> {
    let file = riff(file).ok_or_else(cut_short)?;
    let container = container(file)?;
    let (height, width) = container.picture.ok_or_else(cut_short)?;
    let (height, width) = checked(height, width, most)?;
    if container.canvas.is_some_and(|canvas| canvas != (height, width)) {
        return Err(CodecError::Ambiguous("has two sizes"));
    }
    if container.canvas.is_some() && container.has_alpha && !container.says_alpha {
        return Err(CodecError::Ambiguous("is transparent and denies it"));
    }
    let decoder = WebPDecoder::new(Cursor::new(file)).map_err(CodecError::broken)?;
    if decoder.dimensions() != (width as u32, height as u32) {
        return Err(CodecError::Ambiguous("has two sizes"));
    }
    let channels: usize = decoder.color_type().bytes_per_pixel().into();
    let mut pixels = vec![0; height * width * channels];
    decoder.read_image(&mut pixels).map_err(CodecError::broken)?;
    let pixels = if channels == 4 { opaque(pixels, channels)? } else { pixels };
    Ok(Raster { height, width, channels: 3, pixels })
}

/// The container alone, without what may follow it.
fn riff(file: &[u8]) -> Option<&[u8]> {
    let length = u32::from_le_bytes(*file.get(4..)?.first_chunk()?);
    file.get(..CHUNK_HEADER.checked_add(length as usize)?).filter(|file| file.len() >= HEADER)
}

/// Walks through the chunks: there must be one picture, and no second one for other decoders to choose.
fn container(file: &[u8]) -> Result<Container, CodecError> {
    let mut found = Container::default();
    let mut rest = &file[HEADER..];
    while !rest.is_empty() {
        let (name, data) = chunk(rest).ok_or_else(cut_short)?;
        let picture = match name {
            b"VP8X" if found.canvas.is_none() && found.picture.is_none() => {
                let (says_alpha, canvas) = canvas(data).ok_or_else(cut_short)?;
                (found.says_alpha, found.canvas) = (says_alpha, Some(canvas));
                None
            }
            b"VP8X" => return Err(CodecError::Ambiguous("has two sizes")),
            b"ANIM" | b"ANMF" => return Err(CodecError::Ambiguous("moves")),
            b"ALPH" => {
                found.has_alpha = true;
                None
            }
            b"VP8 " => Some(lossy(data).ok_or_else(cut_short)?),
            b"VP8L" => {
                let (has_alpha, size) = lossless(data).ok_or_else(cut_short)?;
                found.has_alpha |= has_alpha;
                Some(size)
            }
            _ => None,
        };
        if picture.is_some() && found.picture.is_some() {
            return Err(CodecError::Ambiguous("holds two pictures"));
        }
        found.picture = found.picture.or(picture);
        // Chunks have an even length; a last one may be without its padding.
        let length = CHUNK_HEADER + data.len();
        rest = rest.get(length + length % 2..).unwrap_or_default();
    }
    Ok(found)
}

fn cut_short() -> CodecError {
    CodecError::broken("it is cut short")
}

fn chunk(bytes: &[u8]) -> Option<(&[u8; 4], &[u8])> {
    let (name, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    Some((name, rest.get(..u32::from_le_bytes(*length) as usize)?))
}

/// Whether the canvas is said to be transparent, and its size.
fn canvas(data: &[u8]) -> Option<(bool, Size)> {
    let &[flags, _, _, _, a, b, c, d, e, f] = data.first_chunk()?;
    let side = |low, middle, high| u32::from_le_bytes([low, middle, high, 0]) as usize + 1;
    Some((flags & 0x10 != 0, (side(d, e, f), side(a, b, c))))
}

fn lossy(data: &[u8]) -> Option<Size> {
    let &[_, _, _, 0x9d, 0x01, 0x2a, a, b, c, d] = data.first_chunk()? else { return None };
    let side = |low, high| usize::from(u16::from_le_bytes([low, high]) & 0x3fff);
    Some((side(c, d), side(a, b)))
}

/// Whether it is said to be transparent, and its size.
fn lossless(data: &[u8]) -> Option<(bool, Size)> {
    let &[0x2f, a, b, c, d] = data.first_chunk()? else { return None };
    let bits = u32::from_le_bytes([a, b, c, d]);
    let side = |bits: u32| (bits & 0x3fff) as usize + 1;
    Some((bits >> 28 & 1 == 1, (side(bits >> 14), side(bits))))
}
