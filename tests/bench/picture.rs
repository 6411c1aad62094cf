//! The picture that squeezers are measured on, and a classifier's input for it.

use portcullis::model::PictureSpec;
use portcullis::tensor::{Colour, Datatype, Layout, Picture};

/// Three planes of waves with a little noise, in 8 bits: the picture that `squeezers.py` makes too.
pub fn waves(side: usize) -> Picture {
    let pixel = |index: usize| {
        let (x, y) = ((index % side) as f64, (index / side) as f64);
        let noise = f64::from((index as u32).wrapping_mul(2_654_435_761)) / f64::from(u32::MAX) - 0.5;
        let pixel = 0.5 + 0.4 * (x / 6.0).sin() * (y / 8.0).cos() + 0.1 * noise;
        (255.0 * pixel).round() as f32 / 255.0
    };
    Picture::new(3, side, side, (0..3 * side * side).map(pixel).collect()).expect("three planes")
}

/// An input as that of the ResNet-20 in ../shared, of the picture's size.
pub fn input(picture: &Picture) -> PictureSpec {
    PictureSpec {
        name: "input".into(),
        datatype: Datatype::Fp32,
        layout: Layout::Nchw,
        colour: Colour::Rgb,
        height: picture.height(),
        width: picture.width(),
        range: [0.0, 1.0],
        depth: picture.depth(),
        mean: vec![0.485, 0.456, 0.406],
        std: vec![0.229, 0.224, 0.225],
        encoded: None,
    }
}
