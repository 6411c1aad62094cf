use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder};
use proptest::prelude::*;

use super::*;
use crate::model::{EncodedSpec, PictureSpec, TextSpec};
use crate::tensor::{Colour, Datatype, Depth, Filter, Fit, Layout, Preparation};

const HEIGHT: usize = 16;
const WIDTH: usize = 24;
const MOST: usize = 1 << 20;

/// A file that `tests/support/pictures/make.py` made.
macro_rules! made {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/pictures/", $name)).as_slice()
    };
}

fn input(height: usize, width: usize, colour: Colour) -> InputSpec {
    let preparation = Preparation { resize: Fit::Stretch, short_side: None, filter: Filter::Bilinear, antialias: true };
    prepared(height, width, colour, preparation)
}

fn prepared(height: usize, width: usize, colour: Colour, preparation: Preparation) -> InputSpec {
    let spec = PictureSpec {
        name: "pixels".into(),
        datatype: Datatype::Fp32,
        layout: Layout::Nchw,
        colour,
        height,
        width,
        range: [0.0, 1.0],
        depth: Depth::EIGHT_BITS,
        mean: vec![0.0; 3],
        std: vec![1.0; 3],
        encoded: Some(EncodedSpec { name: "file".into(), preparation }),
    };
    spec.into()
}

/// The input whose size is the picture's own.
fn own() -> InputSpec {
    input(HEIGHT, WIDTH, Colour::Rgb)
}

fn read(file: &[u8]) -> Result<Picture, CodecError> {
    decode(file, &own(), MOST)
}

/// The picture in all files.
fn pixels() -> Vec<u8> {
    let pixel = |at: usize| [40 + 8 * (at % WIDTH), 30 + 12 * (at / WIDTH), 128];
    (0..HEIGHT * WIDTH).flat_map(pixel).map(|value| value as u8).collect()
}

fn written(colour: ExtendedColorType, pixels: &[u8], write: impl Fn(&mut Vec<u8>, (u32, u32), &[u8])) -> Vec<u8> {
    assert_eq!(pixels.len() as u64 * 8, (HEIGHT * WIDTH) as u64 * u64::from(colour.bits_per_pixel()));
    let mut file = Vec::new();
    write(&mut file, (WIDTH as u32, HEIGHT as u32), pixels);
    file
}

fn png_file(colour: ExtendedColorType, pixels: &[u8]) -> Vec<u8> {
    written(colour, pixels, |file, (width, height), pixels| {
        image::codecs::png::PngEncoder::new(file).write_image(pixels, width, height, colour).unwrap();
    })
}

fn webp(colour: ExtendedColorType, pixels: &[u8]) -> Vec<u8> {
    written(colour, pixels, |file, (width, height), pixels| {
        WebPEncoder::new_lossless(file).write_image(pixels, width, height, colour).unwrap();
    })
}

fn jpeg(colour: ExtendedColorType, pixels: &[u8]) -> Vec<u8> {
    written(colour, pixels, |file, (width, height), pixels| {
        JpegEncoder::new_with_quality(file, 97).write_image(pixels, width, height, colour).unwrap();
    })
}

/// The same picture in every kind of file that is read, each with the largest difference of a pixel, in 8-bit steps.
fn files() -> Vec<(&'static str, Vec<u8>, u8)> {
    let rgb = ExtendedColorType::Rgb8;
    let opaque: Vec<u8> = pixels().chunks_exact(3).flat_map(|pixel| [pixel, &[255]].concat()).collect();
    vec![
        ("PNG", png_file(rgb, &pixels()), 0),
        ("PNG, opaque", png_file(ExtendedColorType::Rgba8, &opaque), 0),
        ("WebP, lossless", webp(rgb, &pixels()), 0),
        ("WebP, lossless, opaque", webp(ExtendedColorType::Rgba8, &opaque), 0),
        ("WebP, lossy", made!("lossy.webp").to_vec(), 12),
        ("JPEG", jpeg(rgb, &pixels()), 6),
        ("JPEG with restarts", made!("baseline.jpg").to_vec(), 12),
        ("JPEG, progressive", made!("progressive.jpg").to_vec(), 6),
    ]
}

#[test]
fn one_picture_is_the_same_from_every_kind_of_file() {
    for (kind, file, most) in files() {
        let picture = read(&file).unwrap_or_else(|error| panic!("{kind}: {error}"));
        let differences = picture.to_interleaved_u8().into_iter().zip(pixels()).map(|(a, b)| a.abs_diff(b));
        let largest = differences.max().unwrap();
        assert!(largest <= most, "{kind} is off by {largest}");
    }
}

#[test]
fn a_picture_is_brought_to_the_models_size_and_colours() {
    let file = png_file(ExtendedColorType::Rgb8, &pixels());
    let grey = decode(&file, &input(8, 6, Colour::Grey), MOST).unwrap();
    assert_eq!((grey.channels(), grey.height(), grey.width()), (1, 8, 6));
    let flat = png_file(ExtendedColorType::L8, &[51; HEIGHT * WIDTH]);
    assert_eq!(decode(&flat, &input(2, 2, Colour::Bgr), MOST).unwrap().pixels(), [0.2; 12]);
    let flat = jpeg(ExtendedColorType::L8, &[51; HEIGHT * WIDTH]);
    assert_eq!(decode(&flat, &input(2, 2, Colour::Grey), MOST).unwrap().pixels(), [0.2; 4]);
}

#[test]
fn what_decoders_read_differently_is_refused() {
    let glass: Vec<u8> = pixels().chunks_exact(3).flat_map(|pixel| [pixel, &[254]].concat()).collect();
    let container = made!("transparent.webp");
    // The container's flag of transparency.
    let denied = [&container[..20], &[container[20] & !0x10], &container[21..]].concat();
    for (what, file) in [
        ("a transparent PNG", png_file(ExtendedColorType::Rgba8, &glass)),
        ("a transparent WebP", webp(ExtendedColorType::Rgba8, &glass)),
        ("a transparent lossy WebP", container.to_vec()),
        ("a WebP that denies it", denied),
        ("16 bits", png_file(ExtendedColorType::L16, &[7; 2 * HEIGHT * WIDTH])),
        ("an animated PNG", made!("moving.png").to_vec()),
        ("an animated WebP", made!("moving.webp").to_vec()),
        ("JPEG without YCbCr", made!("rgb.jpg").to_vec()),
        ("JPEG for printers", made!("cmyk.jpg").to_vec()),
    ] {
        let error = read(&file).expect_err(what);
        assert!(matches!(error, CodecError::Ambiguous(_)), "{what}: {error}");
        assert_eq!(error.reason(), Reason::Picture);
    }
}

#[test]
fn other_kinds_of_files_are_none() {
    let mut bitmap = b"P6 1 1 255 rgb".to_vec();
    bitmap.resize(100, 0);
    for file in [&b""[..], b"GIF89a", b"RIFF", b"RIFF\x04\0\0\0WAVE", &bitmap, &[0; 64]] {
        assert_eq!(read(file), Err(CodecError::Unknown));
    }
}

#[test]
fn a_bomb_is_refused_by_its_header() {
    let side = u16::MAX.to_be_bytes();
    let mut png = png_file(ExtendedColorType::Rgb8, &pixels());
    png[16..24].copy_from_slice(&[[0, 0], side, [0, 0], side].concat());
    let crc = crc32(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&crc);
    let mut jpeg = jpeg(ExtendedColorType::Rgb8, &pixels());
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[side, side].concat());
    let mut webp = webp(ExtendedColorType::Rgb8, &pixels());
    let header = webp.windows(4).position(|name| name == b"VP8L").unwrap() + 9;
    webp[header..header + 4].copy_from_slice(&0x0fff_ffff_u32.to_le_bytes());
    for (file, side) in [(png, 65_535), (jpeg, 65_535), (webp, 16_384)] {
        assert_eq!(read(&file), Err(CodecError::TooLarge { height: side, width: side, most: MOST }));
    }
    let long = black_png(1, LONGEST_SIDE + 1);
    assert!(matches!(read(&long), Err(CodecError::TooLarge { .. })));
    assert!(read(&black_png(1, LONGEST_SIDE)).is_ok());
    let enough = decode(&png_file(ExtendedColorType::Rgb8, &pixels()), &own(), HEIGHT * WIDTH);
    assert!(enough.is_ok());
    let error = decode(&png_file(ExtendedColorType::Rgb8, &pixels()), &own(), HEIGHT * WIDTH - 1).unwrap_err();
    assert_eq!(error.reason(), Reason::TooLarge);
}

/// A black PNG file of this size.
fn black_png(height: usize, width: usize) -> Vec<u8> {
    png::encode(&Picture::new(1, height, width, vec![0.0; height * width]).unwrap()).unwrap()
}

/// The checksum of a chunk of PNG.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[test]
fn a_canvas_of_another_size_than_its_picture_is_refused() {
    let mut file = made!("transparent.webp").to_vec();
    file[24] -= 1;
    assert_eq!(read(&file), Err(CodecError::Ambiguous("has two sizes")));
}

#[test]
fn a_file_that_is_cut_short_is_refused_or_has_lost_nothing() {
    for (kind, file, _) in files() {
        let whole = read(&file).unwrap();
        for length in 0..file.len() {
            if let Ok(picture) = read(&file[..length]) {
                assert_eq!(picture, whole, "{kind}, cut to {length} of {} bytes", file.len());
            }
        }
    }
}

#[test]
fn what_follows_a_picture_changes_nothing() {
    for (kind, file, _) in files() {
        let longer = [&file[..], &file[..], b"PK\x03\x04"].concat();
        assert_eq!(read(&longer), read(&file), "{kind}");
    }
}

#[test]
fn a_copy_that_is_packed_is_what_the_server_makes_of_it() {
    let picture = Arc::new(Picture::from_interleaved_u8(3, HEIGHT, WIDTH, &pixels()).unwrap());
    for preparation in [
        Preparation { resize: Fit::Stretch, short_side: None, filter: Filter::Bilinear, antialias: false },
        Preparation { resize: Fit::Crop, short_side: Some(33), filter: Filter::Lanczos, antialias: true },
        Preparation { resize: Fit::Pad, short_side: None, filter: Filter::Area, antialias: true },
    ] {
        let input = prepared(HEIGHT, WIDTH, Colour::Rgb, preparation);
        let Packed::Element(file) = pack(picture.clone().into(), &input).unwrap() else { panic!("a file") };
        assert!(file.starts_with(b"\x89PNG"));
        assert_eq!(decode(&file, &input, MOST).as_ref(), Ok(picture.as_ref()), "{preparation:?}");
    }
}

#[test]
fn a_batch_is_a_list_or_a_column_of_files() {
    let picture = Arc::new(Picture::from_interleaved_u8(3, HEIGHT, WIDTH, &pixels()).unwrap());
    let packed = || pack(picture.clone().into(), &own()).unwrap();
    for (in_rows, shape) in [(false, vec![2]), (true, vec![2, 1])] {
        let tensor = batch(&[packed(), packed()], &own(), in_rows).unwrap().swap_remove(0);
        assert_eq!((tensor.name.as_str(), tensor.shape, tensor.elements.datatype()), ("file", shape, Datatype::Bytes));
    }
}

#[test]
fn a_batch_of_texts_has_the_models_shape_whatever_the_server_says_of_files() {
    let packed = ["free", ""].map(|text| pack(text.to_owned().into(), &own()).unwrap());
    for (in_rows, shape) in [(true, vec![2, 1]), (false, vec![2])] {
        let spec = TextSpec { name: "text".into(), in_rows }.into();
        let tensor = batch(&packed, &spec, !in_rows).unwrap().swap_remove(0);
        let texts = [Bytes::from_static(b"free"), Bytes::new()];
        assert_eq!(
            (tensor.name.as_str(), tensor.shape, tensor.elements),
            ("text", shape, Elements::Bytes(texts.into()))
        );
    }
}

proptest! {
    #[test]
    fn no_bytes_panic_the_decoders(kind in 0_usize..8, flips in prop::collection::vec((any::<u16>(), any::<u8>()), 1..8)) {
        let mut file = files().swap_remove(kind).1;
        for (at, value) in flips {
            let at = usize::from(at) % file.len();
            file[at] = value;
        }
        let _ = read(&file);
    }

    #[test]
    fn no_chunks_panic_the_walk_through_a_container(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        for magic in [&b"\xff\xd8\xff"[..], b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBPVP8X"] {
            let _ = read(&[magic, &bytes].concat());
        }
    }
}
