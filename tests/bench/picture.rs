//! The picture that squeezers are measured on.

use portcullis::tensor::Picture;

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
