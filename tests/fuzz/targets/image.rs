//! Encoded pictures.

use std::io::Cursor;

use image::ImageReader;
use portcullis::data::{Options, decode_picture};
use portcullis::tensor::Picture;

use super::memory;

/// Height and width that every picture is brought to.
const SIZE: (usize, usize) = (8, 12);
/// Pictures with more pixels are not decoded at all.
const MOST_PIXELS: u64 = 64 << 20;
/// Those with more are, but it takes too long here.
const MANY_PIXELS: u64 = 1 << 18;
/// Bytes of memory to a pixel: twelve as numbers, twice that while their list grows, eight as they are stored, copies.
const PIXEL: u64 = 64;
/// Bytes of memory to any file: tables and windows of decoders; one of WebP takes the 16 MiB that a part of it claims, once.
const FILE: u64 = 20 << 20;

/// The bytes are a picture's.
pub fn fuzz(input: &[u8]) -> bool {
    let reader = ImageReader::new(Cursor::new(input)).with_guessed_format().expect("memory can be read");
    let pixels = reader.into_dimensions().map_or(0, |(width, height)| u64::from(width) * u64::from(height));
    if (MANY_PIXELS..=MOST_PIXELS).contains(&pixels) {
        return false;
    }
    let fitted = Options { size: Some(SIZE), ..Options::default() };
    let (picture, peak) = memory::peak(|| decode_picture(input, &Options::default()));
    let allowed = if pixels > MOST_PIXELS { FILE } else { FILE + PIXEL * pixels };
    assert!(peak as u64 <= allowed, "{pixels} pixels took {peak} bytes");
    let Ok(picture) = picture else {
        assert!(decode_picture(input, &fitted).is_err(), "a broken picture has no size");
        return false;
    };
    check(&picture);
    let fitted = decode_picture(input, &fitted).expect("any picture can be resized");
    check(&fitted);
    assert_eq!((fitted.height(), fitted.width(), fitted.channels()), (SIZE.0, SIZE.1, picture.channels()));
    true
}

fn check(picture: &Picture) {
    assert!(matches!(picture.channels(), 1 | 3));
    assert!(picture.pixels().iter().all(|pixel| (0.0..=1.0).contains(pixel)));
}
