//! A network for predictions: each batch normalisation folded into the convolution before it.

use burn::module::Param;
use burn::tensor::module::conv2d;
use burn::tensor::{Device, Tensor, activation};

use super::front::Front;
use super::network::{Block, EPSILON, Layer, Network, mean_over_map, options};

/// A convolution with a bias.
#[derive(Debug, Clone)]
pub(super) struct FoldedLayer {
    /// `out x in x kernel x kernel`.
    pub weight: Tensor<4>,
    pub bias: Tensor<1>,
    pub stride: usize,
    pub padding: usize,
}

/// A residual block.
#[derive(Debug, Clone)]
pub(super) struct FoldedBlock {
    pub first: FoldedLayer,
    pub second: FoldedLayer,
    pub shortcut: FoldedLayer,
}

/// What [`Network`] computes with its running moments, in fewer steps: to attack, to measure and to export it. Its
/// weights need no gradient; on a device with gradients its input may have one.
#[derive(Debug, Clone)]
pub(super) struct Folded {
    pub front: Front,
    pub stem: FoldedLayer,
    pub blocks: Vec<FoldedBlock>,
    /// `features x classes`.
    pub head: Tensor<2>,
    pub bias: Tensor<1>,
}

impl Folded {
    pub(super) fn of(network: &Network) -> Self {
        Self {
            front: network.front,
            stem: FoldedLayer::of(&network.stem),
            blocks: network.blocks.iter().map(FoldedBlock::of).collect(),
            head: plain(&network.head),
            bias: plain(&network.bias),
        }
    }

    /// The same on another device.
    pub(super) fn on(&self, device: &Device) -> Self {
        let layer = |layer: &FoldedLayer| FoldedLayer {
            weight: moved(&layer.weight, device),
            bias: moved(&layer.bias, device),
            ..*layer
        };
        let block = |block: &FoldedBlock| FoldedBlock {
            first: layer(&block.first),
            second: layer(&block.second),
            shortcut: layer(&block.shortcut),
        };
        Self {
            front: self.front,
            stem: layer(&self.stem),
            blocks: self.blocks.iter().map(block).collect(),
            head: moved(&self.head, device),
            bias: moved(&self.bias, device),
        }
    }

    /// Logits (`batch x classes`) of pixels in [0, 1].
    pub(super) fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        let stem = activation::relu(self.stem.forward(self.front.of(pixels)));
        let features = mean_over_map(self.blocks.iter().fold(stem, |x, block| block.forward(x)));
        features.matmul(self.head.clone()) + self.bias.clone().unsqueeze()
    }
}

impl FoldedBlock {
    fn of(block: &Block) -> Self {
        Self {
            first: FoldedLayer::of(&block.first),
            second: FoldedLayer::of(&block.second),
            shortcut: FoldedLayer::of(&block.shortcut),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let first = activation::relu(self.first.forward(x.clone()));
        activation::relu(self.second.forward(first) + self.shortcut.forward(x))
    }
}

impl FoldedLayer {
    fn of(layer: &Layer) -> Self {
        let scale = plain(&layer.gamma) / (plain(&layer.variance) + EPSILON).sqrt();
        let [out, ..] = layer.weight.dims();
        Self {
            weight: plain(&layer.weight) * scale.clone().reshape([out, 1, 1, 1]),
            bias: plain(&layer.beta) - plain(&layer.mean) * scale,
            stride: layer.stride,
            padding: layer.padding,
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        conv2d(x, self.weight.clone(), Some(self.bias.clone()), options(self.stride, self.padding))
    }
}

/// A parameter's value without gradients.
fn plain<const D: usize>(parameter: &Param<Tensor<D>>) -> Tensor<D> {
    parameter.val().without_autodiff()
}

fn moved<const D: usize>(tensor: &Tensor<D>, device: &Device) -> Tensor<D> {
    if device.is_autodiff() { Tensor::from_inner(tensor.clone()) } else { tensor.clone() }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::super::architecture::{Architecture, Size};
    use super::*;

    #[test]
    fn folding_changes_no_answer() {
        for front in [Front::Pixels, Front::Residuals] {
            let farthest = farthest(front);
            assert!(farthest < 1e-3, "{front:?}: {farthest}");
        }
    }

    fn farthest(front: Front) -> f32 {
        let architecture = Architecture { size: Size::Tiny, front, channels: 1, height: 9, width: 14, classes: 3 };
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let device = Device::flex();
        let mut network = Network::new(&architecture, &mut random, &device.clone().autodiff());
        let pixels: Vec<f32> = (0..6 * 9 * 14).map(|_| random.random()).collect();
        let pixels = Tensor::<4>::from_data(TensorData::new(pixels, [6, 1, 9, 14]), &device);
        let (logits, moments) = network.forward(Tensor::from_inner(pixels.clone()));
        // Until the running moments are those of the batch.
        for _ in 0..200 {
            network.absorb(moments.clone());
        }
        let folded = Folded::of(&network).forward(pixels);
        (folded - logits.without_autodiff()).abs().max().into_scalar::<f32>()
    }
}
