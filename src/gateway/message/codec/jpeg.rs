//! JPEG: grey or YCbCr, whole, in one frame.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{CodecError, Raster, checked};

/// Second bytes of markers.
const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;
const ADOBE: u8 = 0xee;
/// How Adobe's segment says YCbCr.
const ADOBE_YCBCR: u8 = 1;

/// What a file says of its frame.
struct Frame {
    height: usize,
    width: usize,
    /// The names of the components.
    components: Vec<u8>,
}

pub(super) fn decode(file: &[u8], most: usize) -> Result<Raster, CodecError> {
    let (frame, length) = frame(file)?;
    let (height, width) = checked(frame.height, frame.width, most)?;
    let (space, channels) = match frame.components.len() {
        1 => (ColorSpace::Luma, 1),
        _ => (ColorSpace::RGB, 3),
    };
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_height(height)
        .set_max_width(width)
        .jpeg_set_out_colorspace(space);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&file[..length]), options);
    let pixels = decoder.decode().map_err(CodecError::broken)?;
    if pixels.len() != height * width * channels {
        return Err(CodecError::Ambiguous("has unusual colours"));
    }
    Ok(Raster { height, width, channels, pixels })
}

/// The one frame of a file, and how long the file is up to its end marker; cameras append things.
fn frame(file: &[u8]) -> Result<(Frame, usize), CodecError> {
    let mut rest = file.strip_prefix(&[0xff, START_OF_IMAGE]).ok_or(CodecError::Unknown)?;
    let (mut frame, mut scanned, mut is_ycbcr) = (None, false, true);
    loop {
        let (marker, after) = marker(rest).ok_or_else(cut_short)?;
        rest = after;
        match marker {
            END_OF_IMAGE => break,
            START_OF_IMAGE => return Err(CodecError::broken("a picture begins inside another")),
            _ => {}
        }
        let segment = segment(rest).ok_or_else(cut_short)?;
        rest = &rest[2 + segment.len()..];
        match marker {
            // Baseline, extended and progressive, by Huffman's code.
            0xc0..=0xc2 => {
                let parsed = parse(segment).ok_or_else(cut_short)?;
                if frame.replace(parsed).is_some() {
                    return Err(CodecError::Ambiguous("has two frames"));
                }
            }
            ADOBE if segment.starts_with(b"Adobe") => {
                is_ycbcr &= segment.get(11) == Some(&ADOBE_YCBCR);
            }
            START_OF_SCAN => {
                scanned = true;
                rest = after_scan(rest).ok_or_else(cut_short)?;
            }
            // Tables, restarts, what applications add, comments.
            0xc4 | 0xdb | 0xdd | 0xe0..=0xef | 0xfe => {}
            // Lossless, hierarchical or by an arithmetic code; a height that comes later; reserved.
            _ => return Err(CodecError::Ambiguous("has unusual segments")),
        }
    }
    let frame = frame.filter(|_| scanned).ok_or_else(cut_short)?;
    match frame.components[..] {
        [_] => {}
        // By these names some decoders know red, green and blue.
        [a, b, c] if is_ycbcr && [a, b, c] != *b"RGB" => {}
        _ => return Err(CodecError::Ambiguous("has unusual colours")),
    }
    Ok((frame, file.len() - rest.len()))
}

fn cut_short() -> CodecError {
    CodecError::broken("it is cut short")
}

/// The marker at the beginning, and what follows it.
fn marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let fill = bytes.iter().take_while(|&&byte| byte == 0xff).count();
    let (&marker, rest) = bytes.get(fill..).filter(|_| fill > 0)?.split_first()?;
    Some((marker, rest))
}

/// What a segment holds behind its length.
fn segment(bytes: &[u8]) -> Option<&[u8]> {
    let length = u16::from_be_bytes(*bytes.first_chunk()?);
    bytes.get(2..usize::from(length))
}

/// What follows compressed data: the next marker but those that restart the decoder.
fn after_scan(bytes: &[u8]) -> Option<&[u8]> {
    let ends = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff);
    bytes.windows(2).position(ends).map(|at| &bytes[at..])
}

fn parse(segment: &[u8]) -> Option<Frame> {
    let &[_, a, b, c, d, count] = segment.first_chunk()?;
    let components = segment[6..].chunks_exact(3).map(|component| component[0]).collect::<Vec<_>>();
    (components.len() == usize::from(count)).then(|| Frame {
        height: u16::from_be_bytes([a, b]).into(),
        width: u16::from_be_bytes([c, d]).into(),
        components,
    })
}
