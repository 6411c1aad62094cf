//! What is squeezed in benchmarks, and by what.

/// Each kind of squeezer, as it is used.
pub const SQUEEZERS: [&str; 13] = [
    "bit_depth(5)",
    "median(2,2)",
    "median(3,3)",
    "nlm(11,3,4)",
    "nlm(13,3,2)",
    "bilateral(9,50,3)",
    "crop(0.9)",
    "gaussian(1)",
    "jpeg(75)",
    "noise(8,1)",
    "resize(0.5)",
    "tv(0.05)",
    "wavelet(8)",
];

/// Three planes of waves with a little noise, in 8 bits: the picture that `squeezers.py` makes too.
pub fn pixels(side: usize) -> Vec<f32> {
    let pixel = |index: usize| {
        let (x, y) = ((index % side) as f64, (index / side) as f64);
        let noise = f64::from((index as u32).wrapping_mul(2_654_435_761)) / f64::from(u32::MAX) - 0.5;
        let pixel = 0.5 + 0.4 * (x / 6.0).sin() * (y / 8.0).cos() + 0.1 * noise;
        (255.0 * pixel).round() as f32 / 255.0
    };
    (0..3 * side * side).map(pixel).collect()
}
