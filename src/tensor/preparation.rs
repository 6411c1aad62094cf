//! How a server makes its model's input of a decoded picture, done here the same way.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use serde::{Deserialize, Serialize};

use super::picture::{Picture, PictureError};
use super::resize::largest_part;

/// What becomes of the aspect ratio of a picture that is brought to another size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// It is lost: height and width are scaled each for itself.
    Stretch,
    /// It is kept, and what sticks out is cut off on both sides.
    Crop,
    /// It is kept, and what is missing is black on both sides.
    Pad,
}

/// The kernel that new pixels are weighed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Filter {
    /// The nearest pixel alone.
    Nearest,
    /// The mean of what a new pixel covers.
    Area,
    /// Linear in both directions.
    Bilinear,
    /// Catmull and Rom's cubic, as PIL's.
    Bicubic,
    /// Lanczos' with three lobes.
    Lanczos,
}

/// From a decoded picture of any size to the model's. All arithmetic is on 8 bits, as in the libraries of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    /// What becomes of the aspect ratio.
    pub resize: Fit,
    /// The length in pixels to which [`Fit::Crop`] scales the shorter side before it cuts; no more than is cut where it
    /// is not given.
    pub short_side: Option<usize>,
    /// The kernel.
    pub filter: Filter,
    /// Whether the kernel grows as a picture shrinks, as in PIL; OpenCV's does not.
    pub antialias: bool,
}

/// A part of a picture: its upper left corner and its size, in pixels and fractions of them.
#[derive(Clone, Copy)]
struct Part {
    top: f64,
    left: f64,
    height: f64,
    width: f64,
}

impl Preparation {
    /// Makes a `height x width` picture of interleaved 8-bit pixels; `shape` is their height, width and channels.
    ///
    /// # Errors
    /// When a side is zero or does not fit in 32 bits, or `pixels` is not as long as `shape` says.
    pub fn prepare(
        &self,
        pixels: &[u8],
        shape: (usize, usize, usize),
        (height, width): (usize, usize),
    ) -> Result<Picture, PictureError> {
        let (old_height, old_width, channels) = shape;
        let whole = Part { top: 0.0, left: 0.0, height: old_height as f64, width: old_width as f64 };
        match self.resize {
            Fit::Stretch => self.scale(pixels, shape, whole, (height, width)),
            Fit::Crop => {
                self.scale(pixels, shape, self.middle((old_height, old_width), (height, width)), (height, width))
            }
            Fit::Pad => {
                let (inner_height, inner_width) = largest_inside((old_height, old_width), (height, width));
                let inner = self.scale(pixels, shape, whole, (inner_height, inner_width))?;
                let top_left = ((height - inner_height) / 2, (width - inner_width) / 2);
                let black = Picture::new(channels, height, width, vec![0.0; channels * height * width])?;
                Ok(on_top(&black, &inner, top_left))
            }
        }
    }

    /// The picture on a larger one, of which these steps make the picture again: what a server has to be sent whose
    /// shorter side is longer than what it cuts out.
    pub fn undone(&self, picture: &Picture) -> Picture {
        let Some(side) = self.short_side.filter(|_| self.resize == Fit::Crop) else { return picture.clone() };
        let (height, width) = (side.max(picture.height()), side.max(picture.width()));
        let top_left = (margin(height, picture.height()), margin(width, picture.width()));
        let black = vec![0.0; picture.channels() * height * width];
        Picture::new(picture.channels(), height, width, black)
            .map_or_else(|_| picture.clone(), |black| on_top(&black, picture, top_left))
    }

    /// What of a picture [`Fit::Crop`] keeps.
    fn middle(&self, (old_height, old_width): (usize, usize), (height, width): (usize, usize)) -> Part {
        let Some(side) = self.short_side else {
            let (part_height, part_width) = largest_part((old_height, old_width), (height, width));
            let (top, left) = ((old_height - part_height) / 2, (old_width - part_width) / 2);
            return Part { top: top as f64, left: left as f64, height: part_height as f64, width: part_width as f64 };
        };
        let shorter = old_height.min(old_width).max(1);
        // Whole pixels, as if the scaled picture had been made; it would be as long as an attacker likes.
        let scaled = |old: usize| (side as u128 * old as u128 / shorter as u128) as f64;
        let along = |old: usize, new: usize| {
            let unit = old as f64 / scaled(old);
            let before = ((scaled(old) - new as f64) / 2.0).round_ties_even();
            // Rounding must not reach beyond the picture.
            (before * unit, (new as f64 * unit).min(old as f64 - before * unit))
        };
        let ((top, part_height), (left, part_width)) = (along(old_height, height), along(old_width, width));
        Part { top, left, height: part_height, width: part_width }
    }

    fn scale(
        &self,
        pixels: &[u8],
        (old_height, old_width, channels): (usize, usize, usize),
        part: Part,
        (height, width): (usize, usize),
    ) -> Result<Picture, PictureError> {
        let failed = |reason: String| PictureError::Resize { height, width, reason };
        let side = |side: usize| u32::try_from(side).map_err(|error| failed(error.to_string()));
        let kind = if channels == 1 { PixelType::U8 } else { PixelType::U8x3 };
        let source = ImageRef::new(side(old_width)?, side(old_height)?, pixels, kind);
        let source = source.map_err(|error| failed(error.to_string()))?;
        let mut target = Image::new(side(width)?, side(height)?, kind);
        let options =
            ResizeOptions::new().resize_alg(self.algorithm()).crop(part.left, part.top, part.width, part.height);
        Resizer::new().resize(&source, &mut target, &options).map_err(|error| failed(error.to_string()))?;
        Picture::from_interleaved_u8(channels, height, width, target.buffer())
    }

    fn algorithm(&self) -> ResizeAlg {
        let kernel = match self.filter {
            Filter::Nearest => return ResizeAlg::Nearest,
            Filter::Area => FilterType::Box,
            Filter::Bilinear => FilterType::Bilinear,
            Filter::Bicubic => FilterType::CatmullRom,
            Filter::Lanczos => FilterType::Lanczos3,
        };
        if self.antialias { ResizeAlg::Convolution(kernel) } else { ResizeAlg::Interpolation(kernel) }
    }
}

/// Where the middle `part` of `whole` pixels begins, as PyTorch's centre crop rounds.
fn margin(whole: usize, part: usize) -> usize {
    ((whole - part) as f64 / 2.0).round_ties_even() as usize
}

/// The largest size of the same aspect ratio that fits into `height x width`.
fn largest_inside((old_height, old_width): (usize, usize), (height, width): (usize, usize)) -> (usize, usize) {
    let scale = (height as f64 / old_height as f64).min(width as f64 / old_width as f64);
    let side = |old: usize, most: usize| ((old as f64 * scale).round() as usize).clamp(1, most.max(1));
    (side(old_height, height), side(old_width, width))
}

/// The `lower` picture with the smaller `upper` one on it.
fn on_top(lower: &Picture, upper: &Picture, (top, left): (usize, usize)) -> Picture {
    let mut pixels = lower.pixels().to_vec();
    for (below, above) in pixels.chunks_exact_mut(lower.height() * lower.width()).zip(upper.planes()) {
        let rows = below.chunks_exact_mut(lower.width()).skip(top);
        for (below, above) in rows.zip(above.chunks_exact(upper.width())) {
            below[left..left + upper.width()].copy_from_slice(above);
        }
    }
    lower.with_pixels(pixels)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: Preparation =
        Preparation { resize: Fit::Stretch, short_side: None, filter: Filter::Bilinear, antialias: true };

    fn grey(height: usize, width: usize, value: impl Fn(usize, usize) -> usize) -> Vec<u8> {
        (0..height * width).map(|at| value(at / width, at % width) as u8).collect()
    }

    fn bytes(preparation: Preparation, pixels: &[u8], from: (usize, usize), to: (usize, usize)) -> Vec<u8> {
        preparation.prepare(pixels, (from.0, from.1, 1), to).unwrap().to_interleaved_u8()
    }

    #[test]
    fn the_aspect_ratio_is_lost_cut_or_filled_up() {
        // Columns of 0, 40, 80, 120.
        let columns = grey(2, 4, |_, x| 40 * x);
        let fit = |resize| bytes(Preparation { resize, ..PLAIN }, &columns, (2, 4), (2, 2));
        assert_eq!(fit(Fit::Crop), [40, 80, 40, 80]);
        assert_eq!(fit(Fit::Stretch)[..2], fit(Fit::Stretch)[2..]);
        assert!(fit(Fit::Stretch)[0] < 40 && fit(Fit::Stretch)[1] > 80);
        let tall = bytes(Preparation { resize: Fit::Pad, ..PLAIN }, &[200; 8], (2, 4), (4, 4));
        assert_eq!(tall, [[0; 4], [200; 4], [200; 4], [0; 4]].concat());
    }

    #[test]
    fn a_longer_short_side_keeps_the_middle_that_pytorch_keeps() {
        // Scaled to 4x8, then the middle 2x2: rows 1 and 2, columns 3 and 4.
        let pixels = grey(4, 8, |y, x| 10 * y + 20 * x);
        let crop = Preparation { resize: Fit::Crop, short_side: Some(4), ..PLAIN };
        assert_eq!(bytes(crop, &pixels, (4, 8), (2, 2)), [70, 90, 80, 100]);
        let one_long_row = vec![7; 1 << 20];
        assert_eq!(bytes(crop, &one_long_row, (1, 1 << 20), (2, 2)), [7; 4]);
    }

    /// `(37 y + 53 x + 11 x y) mod 256` in 9 rows of 12, of which PIL and OpenCV made the numbers below.
    fn assert_close(preparation: Preparation, to: (usize, usize), expected: &[u8]) {
        let pattern = grey(9, 12, |y, x| 37 * y + 53 * x + 11 * x * y);
        for (ours, &theirs) in bytes(preparation, &pattern, (9, 12), to).into_iter().zip(expected) {
            assert!(ours.abs_diff(theirs) <= 1, "{ours} is not {theirs} of {preparation:?}");
        }
    }

    #[test]
    fn kernels_are_pils_and_without_antialiasing_opencvs() {
        let of = |filter| Preparation { filter, ..PLAIN };
        let bicubic = [99, 126, 123, 131, 139, 115, 125, 138, 144, 136, 110, 147, 96, 115, 84, 99];
        assert_close(of(Filter::Bicubic), (4, 4), &bicubic);
        let lanczos = [99, 128, 118, 132, 141, 114, 128, 141, 144, 135, 108, 148, 94, 118, 80, 97];
        assert_close(of(Filter::Lanczos), (4, 4), &lanczos);
        assert_close(of(Filter::Area), (3, 4), &[101, 122, 115, 136, 131, 138, 116, 151, 105, 125, 88, 108]);
        let linear = [83, 103, 186, 110, 191, 189, 187, 185, 43, 115, 155, 227, 151, 41, 92, 78];
        assert_close(Preparation { antialias: false, ..PLAIN }, (4, 4), &linear);
    }

    #[test]
    fn a_scaled_and_cropped_picture_is_torchvisions() {
        let to = |side| Preparation { resize: Fit::Crop, short_side: Some(side), ..PLAIN };
        let smaller = [116, 122, 106, 127, 123, 102, 132, 115, 160, 134, 128, 103, 116, 106, 98, 87];
        assert_close(to(6), (4, 4), &smaller);
        let larger = [142, 52, 128, 167, 45, 128, 211, 93, 113, 189, 101, 140, 146, 110, 129, 93];
        assert_close(to(11), (4, 4), &larger);
    }

    #[test]
    fn kernels_differ_where_a_picture_shrinks() {
        let stripes = grey(1, 16, |_, x| if x % 4 == 1 { 255 } else { 0 });
        let with = |filter, antialias| bytes(Preparation { filter, antialias, ..PLAIN }, &stripes, (1, 16), (1, 4));
        assert!(with(Filter::Area, true).iter().all(|&pixel| pixel == 64));
        assert!(with(Filter::Bilinear, true).iter().all(|&pixel| (40..=90).contains(&pixel)));
        // Of four pixels it looks at the two in the middle, the white one among them.
        assert!(with(Filter::Bilinear, false).iter().all(|&pixel| pixel.abs_diff(128) <= 1));
        assert!(with(Filter::Nearest, true).iter().all(|&pixel| pixel == 0 || pixel == 255));
    }

    proptest! {
        #[test]
        fn what_a_server_is_sent_becomes_the_picture_again(
            (height, width) in (1_usize..12, 1_usize..12), more in 0_usize..5, seed: u8,
            resize in prop::sample::select(vec![Fit::Stretch, Fit::Crop, Fit::Pad]), antialias: bool,
        ) {
            let short_side = (resize == Fit::Crop).then(|| height.max(width) + more);
            let preparation = Preparation { resize, short_side, antialias, ..PLAIN };
            let pixels: Vec<u8> = (0..height * width * 3).map(|at| (at * 37 + usize::from(seed)) as u8).collect();
            let picture = Picture::from_interleaved_u8(3, height, width, &pixels).unwrap();
            let sent = preparation.undone(&picture);
            let shape = (sent.height(), sent.width(), 3);
            let back = preparation.prepare(&sent.to_interleaved_u8(), shape, (height, width)).unwrap();
            prop_assert_eq!(back, picture);
        }

        #[test]
        fn any_size_is_prepared_to_the_models(
            from in (1_usize..70, 1_usize..70), to in (1_usize..20, 1_usize..20), more in prop::option::of(0_usize..20),
            resize in prop::sample::select(vec![Fit::Stretch, Fit::Crop, Fit::Pad]), antialias: bool,
        ) {
            let short_side = more.map(|more| to.0.max(to.1) + more);
            let preparation = Preparation { resize, short_side, antialias, ..PLAIN };
            let picture = preparation.prepare(&vec![9; from.0 * from.1], (from.0, from.1, 1), to).unwrap();
            prop_assert_eq!((picture.height(), picture.width()), to);
        }
    }
}
