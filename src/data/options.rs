//! What to read of data, and what to make of each picture.

use super::dataset::{Format, Split};
use super::numpy::Values;
use crate::model::PictureSpec;
use crate::tensor::{Colour, Depth, Picture, PictureError, Preparation, crop_and_resize, grey, quantised, rgb};

/// What to read and what to make of it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Options {
    /// The format; guessed where it is not given.
    pub format: Option<Format>,
    /// The half to read; the test half where it is not given and there is one.
    pub split: Option<Split>,
    /// `(height, width)` to bring every picture to, by a centre crop and bilinear resizing, rounded to its depth as by
    /// the library of a client; pictures keep their own size where it is not given.
    pub size: Option<(usize, usize)>,
    /// What a server makes of encoded pictures for its model, done instead of the crop where there is a `size`.
    pub preparation: Option<Preparation>,
    /// Grey, or three channels (a [`Picture`] is always red first), or channels without colours, of which the data must
    /// have as many; as stored where it is not given.
    pub colour: Option<Colour>,
    /// The depth to which every picture is rounded, if it has another; as stored where it is not given.
    pub depth: Option<Depth>,
    /// What numbers mean in arrays of the model's own values; where it is not given floats range from 0 to 1, and unsigned
    /// integers over all of their type.
    pub values: Option<Values>,
}

impl Options {
    /// To read pictures as a model takes them.
    pub fn of(input: &PictureSpec) -> Self {
        Self {
            size: Some((input.height, input.width)),
            preparation: input.preparation(),
            colour: Some(input.colour),
            depth: Some(input.depth),
            values: Values::of(input),
            ..Self::default()
        }
    }

    /// The picture in the wanted colours, size and depth.
    ///
    /// # Errors
    /// When it has another number of channels without colours, or can't be resized.
    pub(super) fn applied(&self, picture: Picture) -> Result<Picture, PictureError> {
        let picture = coloured(picture, self.colour)?;
        let depth = self.depth.unwrap_or(picture.depth());
        let is_graded = picture.depth() == depth;
        let mut picture = picture.with_depth(depth);
        if let Some(size) = self.size {
            picture = fitted(picture, size, self.preparation)?;
        }
        Ok(if is_graded { picture } else { quantised(&picture) })
    }
}

fn coloured(picture: Picture, colour: Option<Colour>) -> Result<Picture, PictureError> {
    let Some(colour) = colour else { return Ok(picture) };
    let coloured = match colour {
        Colour::Grey => grey(&picture),
        Colour::Rgb | Colour::Bgr => rgb(&picture),
        Colour::Channels(_) => picture,
    };
    let (actual, expected) = (coloured.channels(), colour.channels());
    if actual == expected { Ok(coloured) } else { Err(PictureError::Channels { actual, expected }) }
}

/// The picture in the size `height, width`: prepared as by a server, or cropped and scaled as by a client's library.
fn fitted(
    picture: Picture,
    (height, width): (usize, usize),
    preparation: Option<Preparation>,
) -> Result<Picture, PictureError> {
    if let Some(preparation) = preparation {
        let shape = (picture.height(), picture.width(), picture.channels());
        return preparation.prepare(&picture.to_interleaved_u8(), shape, (height, width));
    }
    if (picture.height(), picture.width()) == (height, width) {
        return Ok(picture);
    }
    Ok(quantised(&crop_and_resize(&picture, height, width)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_rounded_to_the_wanted_depth_once() {
        let deep = Picture::from_interleaved_levels(1, 1, 2, &[0x1234, 0xffff], Depth::SIXTEEN_BITS).unwrap();
        let options = Options { depth: Some(Depth::EIGHT_BITS), ..Options::default() };
        let bytes = options.applied(deep.clone()).unwrap();
        assert_eq!((bytes.depth(), bytes.to_interleaved_u8()), (Depth::EIGHT_BITS, vec![0x12, 0xff]));
        assert_eq!(bytes, quantised(&bytes));
        let twelve = Options { depth: Some(Depth::of_bits(12)), size: Some((2, 4)), ..Options::default() };
        let larger = twelve.applied(deep).unwrap();
        assert_eq!((larger.depth().white(), larger.width()), (4095, 4));
        assert_eq!(larger, quantised(&larger));
    }

    #[test]
    fn channels_without_colours_are_never_made_up() {
        let dual = || Picture::new(2, 1, 1, vec![0.5; 2]).unwrap();
        let of = |colour| Options { colour: Some(colour), ..Options::default() };
        assert_eq!(of(Colour::Channels(2)).applied(dual()), Ok(dual()));
        for colour in [Colour::Grey, Colour::Rgb, Colour::Channels(4)] {
            let error = of(colour).applied(dual()).unwrap_err().to_string();
            assert_eq!(error, format!("a picture has 2 channels, not {}", colour.channels()));
        }
    }
}
