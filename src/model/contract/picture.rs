//! How an input tensor encodes a picture.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ContractError;
use crate::tensor::{
    Colour, Datatype, Depth, Elements, Layout, Picture, PictureError, Preparation, Tensor, TensorError, grey, resize,
    rgb,
};

/// How far outside the range a value may lie before it is refused, as a share of the range: rounding of the client.
const RANGE_TOLERANCE: f32 = 1e-3;

/// How an input tensor encodes a picture.
///
/// A pixel `p` in [0, 1] travels as `(low + p * (high - low) - mean[c]) / std[c]`, `c` being the tensor's channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureSpec {
    /// Name of the tensor.
    pub name: String,
    /// Element type on the wire.
    pub datatype: Datatype,
    /// Order of the dimensions.
    pub layout: Layout,
    /// Order of the channels.
    pub colour: Colour,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values of black and white before `mean` and `std` are applied.
    pub range: [f32; 2],
    /// How finely clients grade pixels.
    #[serde(default, skip_serializing_if = "Depth::is_8_bit")]
    pub depth: Depth,
    /// Mean that the client subtracts, per channel of the tensor.
    pub mean: Vec<f32>,
    /// Standard deviation that the client divides by, per channel of the tensor.
    pub std: Vec<f32>,
    /// How the server makes this tensor of what clients send, where they send encoded pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoded: Option<EncodedSpec>,
}

/// The tensor of encoded pictures (JPEG, PNG, WebP) that clients send in the place of pixels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodedSpec {
    /// Its name.
    pub name: String,
    /// What the server does with a decoded picture.
    pub preparation: Preparation,
}

impl PictureSpec {
    /// Name of the tensor that clients send.
    pub fn sent_name(&self) -> &str {
        self.encoded.as_ref().map_or(&self.name, |encoded| &encoded.name)
    }

    /// What the server does with encoded pictures, where clients send such.
    pub fn preparation(&self) -> Option<Preparation> {
        self.encoded.as_ref().map(|encoded| encoded.preparation)
    }

    /// Dimensions of one item, in the tensor's layout.
    pub fn item_shape(&self) -> [usize; 3] {
        let channels = self.colour.channels();
        match self.layout {
            Layout::Nchw => [channels, self.height, self.width],
            Layout::Nhwc => [self.height, self.width, channels],
        }
    }

    /// Whether pixels can be computed with its numbers.
    pub fn is_finite(&self) -> bool {
        self.range.iter().chain(&self.mean).chain(&self.std).all(|number| number.is_finite())
    }

    /// Elements of one item.
    pub fn item_len(&self) -> usize {
        self.item_shape().iter().product()
    }

    /// Splits a batched tensor into pictures, normalisation undone. An item whose values are not as stated has no
    /// picture, and takes none from its neighbours.
    ///
    /// # Errors
    /// When shape or datatype are not as stated.
    pub fn decode(
        &self,
        shape: &[usize],
        elements: &Elements,
    ) -> Result<Vec<Result<Picture, ContractError>>, ContractError> {
        let name = || self.name.clone();
        if elements.datatype() != self.datatype {
            return Err(ContractError::Datatype { name: name(), expected: self.datatype, actual: elements.datatype() });
        }
        match shape.split_first() {
            Some((0, _)) => return Err(ContractError::EmptyBatch { name: name() }),
            Some((_, item)) if item == self.item_shape() => {}
            _ => {
                return Err(ContractError::Shape { name: name(), expected: self.item_shape(), actual: shape.to_vec() });
            }
        }
        let converted;
        let values = if let Elements::Fp32(values) = elements {
            values.as_slice()
        } else {
            converted = elements.to_f32().unwrap_or_default();
            &converted
        };
        Ok(values.chunks_exact(self.item_len()).map(|item| self.decode_item(item)).collect())
    }

    /// Reads one item's values (length [`PictureSpec::item_len`]) as a picture.
    ///
    /// # Errors
    /// When a value is not finite or out of range.
    pub fn decode_item(&self, values: &[f32]) -> Result<Picture, ContractError> {
        let channels = self.colour.channels();
        let area = self.height * self.width;
        let [low, high] = self.range;
        let scale = 1.0 / (high - low);
        let mut pixels = Vec::with_capacity(values.len());
        for plane in 0..channels {
            let channel = self.tensor_channel(plane);
            let (mean, std) = (self.mean[channel], self.std[channel]);
            let undo = move |value: f32| (value * std + mean - low) * scale;
            match self.layout {
                Layout::Nchw => pixels.extend(values[channel * area..(channel + 1) * area].iter().map(|&v| undo(v))),
                Layout::Nhwc => pixels.extend(values.iter().skip(channel).step_by(channels).map(|&v| undo(v))),
            }
        }
        self.check_range(&pixels)?;
        for pixel in &mut pixels {
            *pixel = pixel.clamp(0.0, 1.0);
        }
        Ok(Picture::new(channels, self.height, self.width, pixels)?.with_depth(self.depth))
    }

    fn check_range(&self, pixels: &[f32]) -> Result<(), ContractError> {
        let allowed = -RANGE_TOLERANCE..=1.0 + RANGE_TOLERANCE;
        // All are looked at, since that goes many at a time; whose fault it is matters only where there is one.
        if pixels.iter().fold(true, |all, pixel| all & allowed.contains(pixel)) {
            return Ok(());
        }
        let pixel = pixels.iter().copied().find(|pixel| !allowed.contains(pixel)).unwrap_or(f32::NAN);
        let [low, high] = self.range;
        let value = low + pixel * (high - low);
        let name = self.name.clone();
        Err(if value.is_finite() {
            ContractError::OutOfRange { name, value, low, high }
        } else {
            ContractError::NotFinite { name }
        })
    }

    /// A black picture of this input's size and number of channels.
    pub fn black(&self) -> Arc<Picture> {
        let pixels = vec![0.0; self.item_len()];
        let picture = Picture::new(self.colour.channels(), self.height, self.width, pixels);
        Arc::new(picture.unwrap_or_else(|error| unreachable!("an input has pixels: {error}")).with_depth(self.depth))
    }

    /// The picture in this input's size and number of channels.
    ///
    /// # Errors
    /// When the picture can't be resized.
    pub fn fit<'a>(&self, picture: &'a Picture) -> Result<Cow<'a, Picture>, PictureError> {
        let mut fitted = Cow::Borrowed(picture);
        if (picture.height(), picture.width()) != (self.height, self.width) {
            fitted = Cow::Owned(resize(picture, self.height, self.width)?);
        }
        Ok(match (self.colour.channels(), fitted.channels()) {
            (1, 3) => Cow::Owned(grey(&fitted)),
            (3, 1) => Cow::Owned(rgb(&fitted)),
            _ => fitted,
        })
    }

    /// Writes a picture of this size and number of channels as one item's values: the inverse of
    /// [`PictureSpec::decode_item`].
    pub fn encode(&self, picture: &Picture) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.item_len());
        self.append(picture, &mut values);
        values
    }

    fn append(&self, picture: &Picture, values: &mut Vec<f32>) {
        let (channels, start) = (self.colour.channels(), values.len());
        let [low, high] = self.range;
        let planes: Vec<&[f32]> = picture.planes().collect();
        for channel in 0..channels {
            let plane = planes[self.tensor_channel(channel)];
            let (mean, std) = (self.mean[channel], self.std[channel]);
            let apply = move |&pixel: &f32| (low + pixel * (high - low) - mean) / std;
            match self.layout {
                Layout::Nchw => values.extend(plane.iter().map(apply)),
                Layout::Nhwc => {
                    values.resize(start + self.item_len(), 0.0);
                    let own = values[start..].chunks_exact_mut(channels).zip(plane.iter().map(apply));
                    own.for_each(|(values, value)| values[channel] = value);
                }
            }
        }
    }

    /// The input tensor of a batch of pictures, each of this size and number of channels.
    ///
    /// # Errors
    /// When the input takes no numbers.
    pub fn batch<'a>(&self, pictures: impl IntoIterator<Item = &'a Picture>) -> Result<Tensor, TensorError> {
        let pictures = pictures.into_iter();
        let mut values = Vec::with_capacity(pictures.size_hint().0 * self.item_len());
        let mut items = 0;
        for picture in pictures {
            self.append(picture, &mut values);
            items += 1;
        }
        let elements = Elements::from_f32(self.datatype, values)?;
        Tensor::new(&self.name, std::iter::once(items).chain(self.item_shape()).collect(), elements)
    }

    /// The gradient by a picture's pixels (planar, in [0, 1]) of something whose gradient by one item's values is given:
    /// the chain rule through [`PictureSpec::encode`].
    pub fn by_pixels(&self, gradient: &[f32]) -> Vec<f32> {
        let (channels, area) = (self.colour.channels(), self.height * self.width);
        let [low, high] = self.range;
        let mut slopes = Vec::with_capacity(gradient.len());
        for plane in 0..channels {
            let channel = self.tensor_channel(plane);
            let slope = (high - low) / self.std[channel];
            let by_slope = move |value: &f32| value * slope;
            match self.layout {
                Layout::Nchw => slopes.extend(gradient[channel * area..][..area].iter().map(by_slope)),
                Layout::Nhwc => slopes.extend(gradient.iter().skip(channel).step_by(channels).map(by_slope)),
            }
        }
        slopes
    }

    /// Where a picture's plane lies among the tensor's channels, and the other way round.
    fn tensor_channel(&self, plane: usize) -> usize {
        match self.colour {
            Colour::Bgr => 2 - plane,
            Colour::Rgb | Colour::Grey | Colour::Channels(_) => plane,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tensor::quantised;

    fn squeezenet(layout: Layout, colour: Colour) -> PictureSpec {
        PictureSpec {
            name: "data_0".into(),
            datatype: Datatype::Fp32,
            layout,
            colour,
            height: 2,
            width: 3,
            range: [0.0, 255.0],
            depth: Depth::EIGHT_BITS,
            mean: vec![103.94, 116.78, 123.68],
            std: vec![1.0; 3],
            encoded: None,
        }
    }

    proptest! {
        #[test]
        fn encoding_undoes_decoding(
            pixels in prop::collection::vec(0.0_f32..=1.0, 18),
            layout in prop::sample::select(vec![Layout::Nchw, Layout::Nhwc]),
            colour in prop::sample::select(vec![Colour::Rgb, Colour::Bgr]),
        ) {
            let spec = squeezenet(layout, colour);
            let picture = Picture::new(3, 2, 3, pixels).unwrap();
            let decoded = spec.decode_item(&spec.encode(&picture)).unwrap();
            for (a, b) in decoded.pixels().iter().zip(picture.pixels()) {
                prop_assert!((a - b).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn a_batch_holds_its_pictures_one_after_the_other() {
        for layout in [Layout::Nchw, Layout::Nhwc] {
            let spec = squeezenet(layout, Colour::Bgr);
            let [one, other] = [0.0, 0.5].map(|first: f32| {
                let pixels = (0..18_u8).map(|at| first + f32::from(at) / 36.0).collect();
                Picture::new(3, 2, 3, pixels).unwrap()
            });
            let apart = [spec.encode(&one), spec.encode(&other)].concat();
            assert_eq!(spec.batch([&one, &other]).unwrap().elements, Elements::Fp32(apart));
        }
    }

    #[test]
    fn a_gradient_by_pixels_tells_how_values_change() {
        for (layout, colour) in [(Layout::Nchw, Colour::Bgr), (Layout::Nhwc, Colour::Rgb)] {
            let spec = PictureSpec { std: vec![2.0, 4.0, 8.0], ..squeezenet(layout, colour) };
            let gradient: Vec<f32> = (0..18).map(|value| value as f32).collect();
            let worth = |picture: &Picture| spec.encode(picture).iter().zip(&gradient).map(|(v, g)| v * g).sum::<f32>();
            let black = Picture::new(3, 2, 3, vec![0.0; 18]).unwrap();
            for (pixel, &slope) in spec.by_pixels(&gradient).iter().enumerate() {
                let mut pixels = vec![0.0; 18];
                pixels[pixel] = 1.0;
                let moved = Picture::new(3, 2, 3, pixels).unwrap();
                assert!((worth(&moved) - worth(&black) - slope).abs() < 0.1, "{layout:?}, pixel {pixel}");
            }
        }
    }

    #[test]
    fn whole_numbers_of_every_type_and_depth_come_back_as_they_were() {
        for (datatype, range, levels) in [
            (Datatype::Uint16, [0.0, 65_535.0], [0, 1, 257, 40_000, 65_534, 65_535]),
            (Datatype::Uint16, [0.0, 4095.0], [0, 1, 2, 1000, 4094, 4095]),
            (Datatype::Int16, [-1024.0, 3071.0], [-1024, -1023, -1, 0, 1, 3071]),
            (Datatype::Int8, [-128.0, 127.0], [-128, -127, -1, 0, 1, 127]),
        ] {
            let depth = Depth::of_span(range[1] - range[0]);
            let (height, width, colour) = (1, 3, Colour::Channels(2));
            let (mean, std) = (vec![0.0; 2], vec![1.0; 2]);
            let spec = PictureSpec {
                datatype,
                range,
                depth,
                height,
                width,
                colour,
                mean,
                std,
                ..squeezenet(Layout::Nhwc, colour)
            };
            let sent = Elements::from_f32(datatype, levels.map(|level| level as f32).to_vec()).unwrap();
            let picture = spec.decode(&[1, 1, 3, 2], &sent).unwrap().remove(0).unwrap();
            assert_eq!((picture.channels(), picture.depth()), (2, depth));
            assert_eq!(spec.batch([&picture]).unwrap().elements, sent);
            assert_eq!(spec.batch([&quantised(&picture)]).unwrap().elements, sent);
        }
    }

    #[test]
    fn blue_comes_first_in_bgr() {
        let spec = squeezenet(Layout::Nchw, Colour::Bgr);
        let mut pixels = vec![0.0; 18];
        pixels[..6].fill(1.0);
        let values = spec.encode(&Picture::new(3, 2, 3, pixels).unwrap());
        assert_eq!(values[0], -103.94);
        assert_eq!(values[12], 255.0 - 123.68);
    }

    #[test]
    fn hostile_values_are_named() {
        let spec = squeezenet(Layout::Nchw, Colour::Rgb);
        let with = |value| {
            let mut values = vec![0.0; 18];
            values[7] = value;
            values.extend([0.0; 18]);
            let mut items = spec.decode(&[2, 3, 2, 3], &Elements::Fp32(values)).unwrap();
            assert!(items.pop().unwrap().is_ok(), "its neighbour is untouched");
            items.pop().unwrap().unwrap_err()
        };
        assert!(matches!(with(f32::NAN), ContractError::NotFinite { .. }));
        assert!(matches!(with(f32::INFINITY), ContractError::NotFinite { .. }));
        assert!(matches!(with(900.0), ContractError::OutOfRange { .. }));
        let wrong = spec.decode(&[1, 2, 3, 3], &Elements::Fp32(vec![0.0; 18])).unwrap_err();
        assert_eq!(wrong.to_string(), "input 'data_0' has shape [1, 2, 3, 3], expected [N, 3, 2, 3]");
        assert!(matches!(spec.decode(&[0, 3, 2, 3], &Elements::Fp32(vec![])), Err(ContractError::EmptyBatch { .. })));
    }
}
