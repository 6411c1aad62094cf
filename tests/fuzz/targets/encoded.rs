//! Encoded pictures that clients send.

use portcullis::gateway::fuzzing;
use portcullis::model::{EncodedSpec, InputSpec, PictureSpec};
use portcullis::tensor::{Colour, Datatype, Depth, Filter, Fit, Layout, Picture, Preparation};

use super::memory;

/// Most pixels of a picture.
const MOST: usize = 1 << 14;
/// Bytes of memory to a pixel, with all copies of it.
const PIXEL: usize = 64;
/// Bytes of memory to any file: tables and windows of decoders; one of WebP takes the 16 MiB that a part of it claims, once.
const FILE: usize = 20 << 20;

/// The first byte says how the server prepares the picture whose file the rest is.
pub fn fuzz(input: &[u8]) -> bool {
    let Some((&how, file)) = input.split_first() else { return false };
    let spec = spec(how);
    let taken = InputSpec::from(spec.clone());
    let (picture, peak) = memory::peak(|| fuzzing::decoded(file, &taken, MOST));
    assert!(peak <= FILE + PIXEL * MOST, "a file of {} bytes took {peak}", file.len());
    let Some(picture) = picture else { return false };
    check(&picture, &spec);
    let packed = fuzzing::packed(picture.clone(), &taken).expect("what was sent can be sent on");
    let again = fuzzing::decoded(&packed, &taken, MOST).expect("what is sent on can be read");
    assert_eq!(again, picture, "the server sees what was examined");
    true
}

fn check(picture: &Picture, spec: &PictureSpec) {
    assert_eq!((picture.height(), picture.width()), (spec.height, spec.width));
    assert_eq!(picture.channels(), spec.colour.channels());
    assert!(picture.pixels().iter().all(|pixel| (0.0..=1.0).contains(pixel)));
}

fn spec(how: u8) -> PictureSpec {
    let at = |shift: u8| usize::from(how >> shift);
    let preparation = Preparation {
        resize: [Fit::Stretch, Fit::Crop, Fit::Pad, Fit::Crop][at(0) % 4],
        short_side: (how % 4 == 1).then_some(10),
        filter: [Filter::Bilinear, Filter::Nearest, Filter::Area, Filter::Bicubic, Filter::Lanczos][at(2) % 8 % 5],
        antialias: how & 0x20 == 0,
    };
    let colour = if how & 0x40 == 0 { Colour::Rgb } else { Colour::Grey };
    PictureSpec {
        name: "x".into(),
        datatype: Datatype::Fp32,
        layout: Layout::Nchw,
        colour,
        height: 6,
        width: 8,
        range: [0.0, 1.0],
        depth: Depth::EIGHT_BITS,
        mean: vec![0.0; colour.channels()],
        std: vec![1.0; colour.channels()],
        encoded: Some(EncodedSpec { name: "files".into(), preparation }),
    }
}
