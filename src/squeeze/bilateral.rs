//! The mean of near pixels of like colour.

use std::f32::consts::LOG2_E;
use std::ops::RangeInclusive;

use multiversion::multiversion;

use super::Squeezer;
use super::border::mirrored;
use super::exp2::exp2;
use crate::tensor::Picture;

/// `bilateral(DIAMETER,COLOUR,SPACE)`: each pixel becomes the mean of those around it, weighted by how near they are and
/// how alike (Tomasi, Manduchi: "Bilateral filtering for gray and color images", ICCV 1998).
///
/// As OpenCV's `bilateralFilter(d=DIAMETER, sigmaColor=COLOUR/255, sigmaSpace=SPACE)` on floats: SPACE in pixels, COLOUR
/// in levels of 255. Differences of colour add up over three channels; any other number is filtered channel by channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bilateral {
    diameter: usize,
    colour: f32,
    space: f32,
}

/// A pixel of the round window.
struct Tap {
    /// From the window's upper left corner.
    row: usize,
    column: usize,
    /// How much its distance lowers its weight, as a power of two.
    lowered: f32,
}

impl Bilateral {
    /// What `diameter` may be, in pixels, if odd.
    pub const DIAMETER: RangeInclusive<usize> = 3..=31;
    /// What `colour` may be, in levels of 255.
    pub const COLOUR: RangeInclusive<f32> = 0.1..=1000.0;
    /// What `space` may be, in pixels.
    pub const SPACE: RangeInclusive<f32> = 0.1..=1000.0;

    /// A squeezer with a window of `diameter`, odd, and such standard deviations in colour and space.
    pub(super) fn new(diameter: usize, colour: f32, space: f32) -> Self {
        Self { diameter, colour, space }
    }

    fn taps(self) -> Vec<Tap> {
        let radius = self.diameter / 2;
        let window = (0..self.diameter).flat_map(|row| (0..self.diameter).map(move |column| (row, column)));
        let taps = window.filter_map(|(row, column)| {
            let squared = row.abs_diff(radius).pow(2) + column.abs_diff(radius).pow(2);
            let lowered = squared as f32 * steepness(self.space);
            (squared <= radius * radius).then_some(Tap { row, column, lowered })
        });
        taps.collect()
    }
}

impl Squeezer for Bilateral {
    fn name(&self) -> String {
        format!("bilateral({},{},{})", self.diameter, self.colour, self.space)
    }

    fn squeeze(&self, picture: &Picture) -> Picture {
        let (width, radius) = (picture.width(), self.diameter / 2);
        let (taps, steepness) = (self.taps(), steepness(self.colour / 255.0));
        let together = if picture.channels() == 3 { 3 } else { 1 };
        let mut filtered = vec![0.0; picture.pixels().len()];
        let planes: Vec<Vec<f32>> = picture.planes().map(|plane| mirrored(plane, width, radius)).collect();
        let targets = filtered.chunks_exact_mut(together * picture.height() * width);
        for (planes, filtered) in planes.chunks_exact(together).zip(targets) {
            filter(planes, (width, radius), &taps, steepness, filtered);
        }
        picture.with_pixels(filtered)
    }
}

/// What a squared difference lowers the binary logarithm of a bell with a standard deviation of `sigma` by.
fn steepness(sigma: f32) -> f32 {
    -0.5 * LOG2_E / (sigma * sigma)
}

/// Filters planes with borders of `radius`, whose differences count together. `filtered` holds zeros.
#[multiversion(targets = "simd")]
fn filter(planes: &[Vec<f32>], (width, radius): (usize, usize), taps: &[Tap], steepness: f32, filtered: &mut [f32]) {
    let (stride, area) = (width + 2 * radius, filtered.len() / planes.len());
    let mut weights = vec![0.0; width];
    let mut sums = vec![0.0; width];
    for y in 0..area / width {
        sums.fill(0.0);
        for &Tap { row, column, lowered } in taps {
            weights.fill(0.0);
            for plane in planes {
                let (own, other) = (&plane[(y + radius) * stride + radius..], &plane[(y + row) * stride + column..]);
                for ((difference, own), other) in weights.iter_mut().zip(own).zip(other) {
                    *difference += (own - other).abs();
                }
            }
            for (sum, weight) in sums.iter_mut().zip(&mut weights) {
                *weight = exp2(*weight * *weight * steepness + lowered);
                *sum += *weight;
            }
            for (plane, filtered) in planes.iter().zip(filtered.chunks_exact_mut(area)) {
                let other = &plane[(y + row) * stride + column..];
                for ((pixel, weight), other) in filtered[y * width..].iter_mut().zip(&weights).zip(other) {
                    *pixel += weight * other;
                }
            }
        }
        for filtered in filtered.chunks_exact_mut(area) {
            for (pixel, sum) in filtered[y * width..].iter_mut().zip(&sums) {
                *pixel = (*pixel / sum).clamp(0.0, 1.0);
            }
        }
    }
}
