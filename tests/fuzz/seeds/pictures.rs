//! Encoded pictures.

use std::io::Write;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::Seed;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Colour types of PNG.
const GREY: u8 = 0;
const PALETTE: u8 = 3;
const WITH_ALPHA: u8 = 6;

/// Pictures of every format, colour and depth.
pub fn all() -> Vec<Seed> {
    let levels: Vec<u8> = (0..6 * 5 * 6).map(|at| (at * 37 % 256) as u8).collect();
    let png = |colour, bytes: usize| {
        let mut file = Vec::new();
        PngEncoder::new(&mut file).write_image(&levels[..30 * bytes], 6, 5, colour).expect("a picture of 6x5");
        file
    };
    let jpeg = |colour, bytes: usize, quality| {
        let mut file = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut file, quality);
        encoder.encode(&levels[..30 * bytes], 6, 5, colour).expect("a picture of 6x5");
        file
    };
    vec![
        ("grey.png", png(ExtendedColorType::L8, 1)),
        ("grey_alpha.png", png(ExtendedColorType::La8, 2)),
        ("rgb.png", png(ExtendedColorType::Rgb8, 3)),
        ("deep.png", png(ExtendedColorType::Rgb16, 6)),
        ("bits.png", by_hand(4, 3, 1, GREY, false)),
        ("palette.png", by_hand(4, 3, 2, PALETTE, false)),
        ("interlaced.png", by_hand(5, 4, 8, WITH_ALPHA, true)),
        ("endless.png", by_hand(1 << 20, 1 << 20, 8, GREY, false)),
        ("grey.jpg", jpeg(ExtendedColorType::L8, 1, 90)),
        ("rgb.jpg", jpeg(ExtendedColorType::Rgb8, 3, 50)),
        ("bits.pbm", b"P1\n# a comment\n4 2\n0 1 0 1\n1 0 1 0\n".to_vec()),
        ("grey.pgm", b"P5 2 2 255\n\x00\x40\x80\xff".to_vec()),
        ("rgb.ppm", b"P3\n2 1\n65535\n0 65535 7 1 2 3\n".to_vec()),
        ("any.pam", b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\nabcdefgh".to_vec()),
    ]
}

/// Files of clients, each prepared in a way of its own.
pub fn encoded() -> Vec<Seed> {
    let files: [(&str, &[u8]); 9] = [
        ("baseline.jpg", include_bytes!("../../support/pictures/baseline.jpg")),
        ("cmyk.jpg", include_bytes!("../../support/pictures/cmyk.jpg")),
        ("progressive.jpg", include_bytes!("../../support/pictures/progressive.jpg")),
        ("unusual.jpg", include_bytes!("../../support/pictures/rgb.jpg")),
        ("lossy.webp", include_bytes!("../../support/pictures/lossy.webp")),
        ("lossless.webp", include_bytes!("../../support/pictures/transparent.webp")),
        ("moving.webp", include_bytes!("../../support/pictures/moving.webp")),
        ("moving.png", include_bytes!("../../support/pictures/moving.png")),
        ("opaque.webp", &webp()),
    ];
    let own = all().into_iter().filter(|(name, _)| !name.contains(".p") || name.ends_with(".png"));
    let files = files.into_iter().map(|(name, file)| (name, file.to_vec())).chain(own);
    files.zip(0_u8..).map(|((name, file), at)| (name, [&[at.wrapping_mul(37)], file.as_slice()].concat())).collect()
}

/// A PNG file of two by two pixels.
pub fn smallest() -> Vec<u8> {
    by_hand(2, 2, 8, GREY, false)
}

fn webp() -> Vec<u8> {
    let mut file = Vec::new();
    let pixels = [9, 99, 199, 9, 99, 199, 0, 0, 0];
    WebPEncoder::new_lossless(&mut file).encode(&pixels, 3, 1, ExtendedColorType::Rgb8).expect("a picture of 3x1");
    file
}

/// A PNG file that the encoder here does not write: its pixels are black, and no more than 128 bytes of them are there.
fn by_hand(width: u32, height: u32, depth: u8, colour: u8, interlaced: bool) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([depth, colour, 0, 0, interlaced.into()]);
    let mut pixels = ZlibEncoder::new(Vec::new(), Compression::fast());
    pixels.write_all(&[0; 128]).expect("memory takes everything");
    let pixels = pixels.finish().expect("memory takes everything");
    let palette =
        (colour == PALETTE).then(|| [chunk(b"PLTE", &[0, 9, 99, 255, 0, 0, 7, 7, 7]), chunk(b"tRNS", &[128])].concat());
    [SIGNATURE, &chunk(b"IHDR", &header), &palette.unwrap_or_default(), &chunk(b"IDAT", &pixels), &chunk(b"IEND", b"")]
        .concat()
}

fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let named = [kind, content].concat();
    let mut crc = Crc::new();
    crc.update(&named);
    [&(content.len() as u32).to_be_bytes()[..], &named, &crc.sum().to_be_bytes()].concat()
}
