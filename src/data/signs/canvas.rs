//! A picture in the making.

use super::painter::{Painter, Rgb};
use crate::tensor::{Picture, PictureError};

/// Red, green and blue of every pixel, row by row; they may leave [0, 1] until the picture is developed.
pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<Rgb>,
}

impl Canvas {
    /// A canvas by the colour at each place: a unit is the short side, `(0, 0)` the corner at the top left.
    pub(super) fn from_fn((width, height): (usize, usize), mut colour: impl FnMut(f32, f32) -> Rgb) -> Self {
        let short = width.min(height) as f32;
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let pixels = places.map(|(x, y)| colour((x as f32 + 0.5) / short, (y as f32 + 0.5) / short)).collect();
        Self { width, height, pixels }
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Pixels of the short side.
    pub(super) fn short_side(&self) -> f32 {
        self.width.min(self.height) as f32
    }

    /// Nothing yet, to be painted in units of the short side and then [laid over](Canvas::lay_over).
    pub(super) fn overlay(&self) -> Painter {
        Painter::new(self.size(), (0.0, 0.0), self.short_side())
    }

    /// Lays a painting of the same size over what is there.
    pub(super) fn lay_over(&mut self, painting: &Painter) {
        debug_assert_eq!(painting.size(), self.size());
        for (pixel, [red, green, blue, cover]) in self.pixels.iter_mut().zip(painting.pixels()) {
            let below = pixel.map(|value| value * (1.0 - cover));
            *pixel = [below[0] + red, below[1] + green, below[2] + blue];
        }
    }

    /// Changes every pixel by its place, in units of the short side.
    pub(super) fn change(&mut self, mut change: impl FnMut(f32, f32, Rgb) -> Rgb) {
        let short = self.short_side();
        for (y, row) in self.pixels.chunks_exact_mut(self.width).enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                *pixel = change((x as f32 + 0.5) / short, (y as f32 + 0.5) / short, *pixel);
            }
        }
    }

    /// The finished picture, rounded to 8 bits as in a file.
    pub(super) fn develop(&self) -> Result<Picture, PictureError> {
        let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
        let bytes: Vec<u8> = self.pixels.iter().flatten().map(|&value| byte(value)).collect();
        Picture::from_interleaved_u8(3, self.height, self.width, &bytes)
    }
}

/// A colour between two.
pub(super) fn mix(from: Rgb, to: Rgb, share: f32) -> Rgb {
    [0, 1, 2].map(|channel| from[channel] + (to[channel] - from[channel]) * share)
}

/// A colour made lighter or darker.
pub(super) fn scaled(colour: Rgb, factor: f32) -> Rgb {
    colour.map(|value| value * factor)
}
