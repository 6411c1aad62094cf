//! What a network sees of a picture: its pixels, and for a sentinel what differs from their neighbours as well.

use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, TensorData, activation};
use serde::{Deserialize, Serialize};

/// What [`centred`] multiplies by.
pub(super) const CENTRED_SCALE: f32 = 4.0;
/// What [`centred`] subtracts.
pub(super) const CENTRED_SHIFT: f32 = 2.0;
/// What residuals are multiplied by before they are squashed: differences of a few grey levels are to count, those at
/// edges not much more.
pub(super) const RESIDUAL_GAIN: f32 = 2.0;
/// Side of the residuals' kernels.
pub(super) const SIDE: usize = 3;
/// Residuals of each channel.
pub(super) const RESIDUALS: usize = 4;
/// Filters that pictures hardly answer to and noise does, from the analysis of hidden messages (Fridrich, Kodovsky 2012):
/// each sums to zero, so that an even surface leaves nothing.
#[rustfmt::skip]
const KERNELS: [f32; RESIDUALS * SIDE * SIDE] = [
    -1.0,  2.0, -1.0,   2.0, -4.0,  2.0,  -1.0,  2.0, -1.0,
     0.0,  1.0,  0.0,   1.0, -4.0,  1.0,   0.0,  1.0,  0.0,
     0.0,  0.0,  0.0,   1.0, -2.0,  1.0,   0.0,  0.0,  0.0,
     0.0,  1.0,  0.0,   0.0, -2.0,  0.0,   0.0,  1.0,  0.0,
];

/// What a network sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Front {
    /// The pixels.
    Pixels,
    /// The pixels, and what is left of each when its surroundings are taken away. What an attack adds is faint beside the
    /// picture, but not beside the residual.
    Residuals,
}

impl Front {
    /// Maps that it makes of a picture of so many channels.
    pub(super) fn maps(self, channels: usize) -> usize {
        match self {
            Self::Pixels => channels,
            Self::Residuals => channels * (1 + RESIDUALS),
        }
    }

    /// The maps of pixels in [0, 1] (`batch x channels x height x width`).
    pub(super) fn of(self, pixels: Tensor<4>) -> Tensor<4> {
        let centred = centred(pixels);
        if self == Self::Pixels {
            return centred;
        }
        let [_, channels, ..] = centred.dims();
        let shape = [channels * RESIDUALS, 1, SIDE, SIDE];
        let kernels = Tensor::from_data(TensorData::new(kernels(channels), shape), &centred.device());
        let options = ConvOptions::new([1; 2], [SIDE / 2; 2], [1; 2], channels);
        let residuals = activation::tanh(conv2d(centred.clone(), kernels, None, options) * RESIDUAL_GAIN);
        Tensor::cat(vec![residuals, centred], 1)
    }
}

/// The kernels for each of so many channels.
pub(super) fn kernels(channels: usize) -> Vec<f32> {
    KERNELS.repeat(channels)
}

/// Pixels in [0, 1] around zero, with a spread of about one.
fn centred(pixels: Tensor<4>) -> Tensor<4> {
    pixels * CENTRED_SCALE - CENTRED_SHIFT
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn an_even_surface_leaves_no_residual_and_one_grey_level_does() {
        assert!(KERNELS.chunks_exact(SIDE * SIDE).all(|kernel| kernel.iter().sum::<f32>() == 0.0));
        let mut pixels = vec![0.25_f32; 2 * 7 * 7];
        pixels[3 * 7 + 3] += 1.0 / 255.0;
        let pixels = Tensor::<4>::from_data(TensorData::new(pixels, [1, 2, 7, 7]), &Device::flex());
        let maps = Front::Residuals.of(pixels);
        assert_eq!(maps.dims(), [1, Front::Residuals.maps(2), 7, 7]);
        let inside = maps.slice([0..1, 0..8, 2..5, 2..5]);
        let values: Vec<f32> = inside.into_data().try_into_vec().unwrap();
        let strongest = |channel: usize| values[channel * 9..][..9].iter().fold(0.0_f32, |most, v| most.max(v.abs()));
        assert!((0..4).all(|map| strongest(map) > 0.05), "{values:?}");
        assert!((4..8).all(|map| strongest(map) < 1e-5), "{values:?}");
    }
}
