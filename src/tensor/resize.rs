//! Size and colour of pictures, as the common Python pipelines (PIL) change them.

use std::borrow::Cow;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::depth::Depth;
use super::picture::{Picture, PictureError};
use super::pseudo_colour::operators_colours;

/// ITU-R BT.601 luma weights of red, green and blue, as PIL's `convert("L")` uses them.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// The whole picture stretched to `height x width`, bilinear; a smaller size averages over what each pixel covers
/// (antialiased, as PIL's `BILINEAR`).
///
/// # Errors
/// When a side is zero or does not fit in 32 bits.
pub fn resize(picture: &Picture, height: usize, width: usize) -> Result<Picture, PictureError> {
    if (picture.height(), picture.width()) == (height, width) {
        return Ok(picture.clone());
    }
    let mut pixels = vec![0.0_f32; checked_len(picture.channels(), height, width)?];
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    let mut resizer = Resizer::new();
    for (source, target) in picture.planes().zip(pixels.chunks_exact_mut(height * width)) {
        resize_plane(&mut resizer, &options, (picture.height(), picture.width(), source), (height, width, target))
            .map_err(|reason| PictureError::Resize { height, width, reason })?;
    }
    for pixel in &mut pixels {
        *pixel = pixel.clamp(0.0, 1.0);
    }
    Ok(Picture::new(picture.channels(), height, width, pixels)?.with_depth(picture.depth()))
}

fn checked_len(channels: usize, height: usize, width: usize) -> Result<usize, PictureError> {
    let len = channels.checked_mul(height).and_then(|area| area.checked_mul(width));
    match len {
        Some(0) => Err(PictureError::Empty),
        Some(len) if len <= isize::MAX as usize / size_of::<f32>() => Ok(len),
        _ => Err(PictureError::Resize { height, width, reason: "the picture would not fit in memory".to_owned() }),
    }
}

fn resize_plane(
    resizer: &mut Resizer,
    options: &ResizeOptions,
    (height, width, source): (usize, usize, &[f32]),
    (new_height, new_width, target): (usize, usize, &mut [f32]),
) -> Result<(), String> {
    let side = |side: usize| u32::try_from(side).map_err(|error| error.to_string());
    let source = ImageRef::new(side(width)?, side(height)?, bytemuck::cast_slice(source), PixelType::F32)
        .map_err(|error| error.to_string())?;
    let target = bytemuck::cast_slice_mut(target);
    let mut target = Image::from_slice_u8(side(new_width)?, side(new_height)?, target, PixelType::F32)
        .map_err(|error| error.to_string())?;
    resizer.resize(&source, &mut target, options).map_err(|error| error.to_string())
}

/// The largest centred part with the aspect ratio of `height x width`, stretched to that size.
///
/// For a square size this is the centre crop of the short side; an odd remainder leaves one more row below, one more
/// column to the right.
///
/// # Errors
/// When a side is zero or does not fit in 32 bits.
pub fn crop_and_resize(picture: &Picture, height: usize, width: usize) -> Result<Picture, PictureError> {
    checked_len(picture.channels(), height, width)?;
    let (crop_height, crop_width) = largest_part((picture.height(), picture.width()), (height, width));
    resize(&centre(picture, crop_height, crop_width)?, height, width)
}

/// Height and width of the largest part of a picture that has the aspect ratio of another size.
pub(super) fn largest_part((old_height, old_width): (usize, usize), (height, width): (usize, usize)) -> (usize, usize) {
    let share = |side: usize, numerator: usize, denominator: usize| {
        let exact = side as u128 * numerator as u128 / denominator.max(1) as u128;
        usize::try_from(exact).unwrap_or(usize::MAX).max(1)
    };
    (share(old_width, height, width).min(old_height), share(old_height, width, height).min(old_width))
}

/// The centred `height x width` of a picture that is at least as large.
pub(crate) fn centre(picture: &Picture, height: usize, width: usize) -> Result<Picture, PictureError> {
    let top = (picture.height() - height) / 2;
    let left = (picture.width() - width) / 2;
    let mut pixels = Vec::with_capacity(picture.channels() * height * width);
    for plane in picture.planes() {
        let rows = plane.chunks_exact(picture.width()).skip(top).take(height);
        rows.for_each(|row| pixels.extend_from_slice(&row[left..left + width]));
    }
    Ok(Picture::new(picture.channels(), height, width, pixels)?.with_depth(picture.depth()))
}

/// One channel: the ITU-R BT.601 luma of red, green and blue. A picture of another number of channels comes back as it
/// is.
pub fn grey(picture: &Picture) -> Picture {
    let planes: Vec<_> = picture.planes().collect();
    let &[red, green, blue] = planes.as_slice() else {
        return picture.clone();
    };
    let luma = red.iter().zip(green).zip(blue).map(|((&r, &g), &b)| luma([r, g, b])).collect();
    picture.with_planes(1, luma)
}

/// The ITU-R BT.601 luma of one pixel's red, green and blue.
pub(crate) fn luma([red, green, blue]: [f32; 3]) -> f32 {
    LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
}

/// Three channels: a grey plane three times over. A picture of another number of channels comes back as it is.
pub fn rgb(picture: &Picture) -> Picture {
    match picture.channels() {
        1 => picture.with_planes(3, picture.pixels().repeat(3)),
        _ => picture.clone(),
    }
}

/// As people are shown it: grey or red, green and blue. Two channels are taken for the transmission at low and at high
/// energies and get the colours that operators of X-ray scanners know; of more than three the first three are shown.
pub fn shown(picture: &Picture) -> Cow<'_, Picture> {
    let planes: Vec<_> = picture.planes().collect();
    match planes.as_slice() {
        [_] | [_, _, _] => Cow::Borrowed(picture),
        [low, high] => Cow::Owned(picture.with_planes(3, operators_colours(low, high))),
        planes => Cow::Owned(picture.with_planes(3, planes[..3].concat())),
    }
}

/// A change on grey as people are shown it. Of two channels the first one is red, the second blue, and green what they have
/// in common: it is no material.
pub fn shown_change(change: &Picture) -> Cow<'_, Picture> {
    let planes: Vec<_> = change.planes().collect();
    let &[first, second] = planes.as_slice() else { return shown(change) };
    let common: Vec<f32> = first.iter().zip(second).map(|(first, second)| (first + second) / 2.0).collect();
    Cow::Owned(change.with_planes(3, [first, common.as_slice(), second].concat()))
}

/// Rounded to its depth, as a picture is that was stored in a file or sent as whole numbers.
pub fn quantised(picture: &Picture) -> Picture {
    rounded(picture, picture.depth())
}

/// Rounded to 8 bits, whatever its depth.
pub fn to_8_bit(picture: &Picture) -> Picture {
    rounded(picture, Depth::EIGHT_BITS)
}

fn rounded(picture: &Picture, depth: Depth) -> Picture {
    picture.with_pixels(picture.pixels().iter().map(|&value| depth.pixel(depth.level(value))).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `(37 y + 53 x + 11 x y) mod 256`, the picture that the numbers from PIL below were made of.
    fn pattern(height: usize, width: usize) -> Picture {
        let value = |index: usize| (index / width, index % width);
        let bytes: Vec<u8> = (0..height * width)
            .map(value)
            .map(|(y, x)| u8::try_from((37 * y + 53 * x + 11 * x * y) % 256).unwrap())
            .collect();
        Picture::from_interleaved_u8(1, height, width, &bytes).unwrap()
    }

    fn assert_close(picture: &Picture, expected: &[u8]) {
        for (ours, &theirs) in picture.to_interleaved_u8().into_iter().zip(expected) {
            assert!(ours.abs_diff(theirs) <= 1, "{ours} is not PIL's {theirs}");
        }
    }

    #[test]
    fn a_centre_crop_made_smaller_is_pils() {
        let expected = [134, 126, 112, 143, 138, 117, 117, 135, 132, 134, 120, 107, 112, 113, 97, 82];
        assert_close(&crop_and_resize(&pattern(9, 12), 4, 4).unwrap(), &expected);
    }

    #[test]
    fn a_picture_made_larger_is_pils() {
        let expected = [
            0, 21, 53, 85, 106, 15, 38, 72, 107, 130, 37, 63, 101, 139, 165, 59, 88, 130, 172, 200, 74, 104, 149, 194,
            224,
        ];
        assert_close(&resize(&pattern(3, 3), 5, 5).unwrap(), &expected);
    }

    #[test]
    fn a_crop_keeps_the_middle_and_the_aspect_ratio() {
        let columns = Picture::new(1, 1, 5, vec![0.0, 0.1, 0.2, 0.3, 0.4]).unwrap();
        assert_eq!(crop_and_resize(&columns, 1, 3).unwrap().pixels(), [0.1, 0.2, 0.3]);
        assert_eq!(crop_and_resize(&columns, 1, 1).unwrap().pixels(), [0.2]);
    }

    #[test]
    fn grey_is_luma_and_rgb_repeats_it() {
        let red = Picture::new(3, 1, 1, vec![1.0, 0.0, 0.0]).unwrap();
        assert_eq!(grey(&red).pixels(), [0.299]);
        assert_eq!(rgb(&grey(&red)).pixels(), [0.299; 3]);
        assert_eq!(rgb(&red), red);
    }

    #[test]
    fn any_number_of_channels_can_be_shown() {
        let dual = Picture::new(2, 1, 1, vec![0.2, 0.6]).unwrap();
        assert_eq!((shown(&dual).channels(), shown_change(&dual).pixels()), (3, [0.2, 0.4, 0.6].as_slice()));
        let many = Picture::new(5, 1, 1, vec![0.1, 0.2, 0.3, 0.4, 0.5]).unwrap();
        assert_eq!(shown(&many).pixels(), [0.1, 0.2, 0.3]);
        let grey = Picture::new(1, 1, 1, vec![0.7]).unwrap();
        assert_eq!(*shown(&grey), grey);
    }

    #[test]
    fn a_picture_is_rounded_to_its_own_depth_which_resizing_keeps() {
        let deep = Picture::new(1, 1, 2, vec![0.3, 1.2]).unwrap().with_depth(Depth::of_bits(12));
        assert_eq!(quantised(&deep).pixels(), [1228.0 / 4095.0, 1.0]);
        assert_eq!(crop_and_resize(&deep, 3, 3).unwrap().depth(), deep.depth());
        let eight = pattern(3, 3);
        assert_eq!((quantised(&eight), to_8_bit(&eight)), (eight.clone(), eight));
    }

    #[test]
    fn impossible_sizes_are_refused_before_memory_is_taken() {
        assert_eq!(resize(&pattern(3, 3), 0, 3), Err(PictureError::Empty));
        assert!(resize(&pattern(3, 3), usize::MAX, 2).is_err());
        assert!(crop_and_resize(&pattern(3, 3), 1 << 40, 1 << 40).is_err());
    }

    proptest! {
        #[test]
        fn a_resized_flat_picture_stays_flat(height in 1_usize..40, width in 1_usize..40, value in 0.0_f32..=1.0) {
            let flat = Picture::new(3, 7, 11, vec![value; 231]).unwrap();
            let resized = crop_and_resize(&flat, height, width).unwrap();
            prop_assert_eq!((resized.channels(), resized.height(), resized.width()), (3, height, width));
            prop_assert!(resized.pixels().iter().all(|pixel| (pixel - value).abs() < 1e-5));
        }
    }
}
