//! A network while it is trained: convolutions that batch normalisation follows.

use burn::module::{Module, Param};
use burn::tensor::module::{batch_norm_train, conv2d};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData, activation};
use rand::{Rng, RngExt};

use super::architecture::{Architecture, Convolution, Stage};
use super::front::Front;

/// Keeps the division by a channel's standard deviation finite.
pub(super) const EPSILON: f64 = 1e-5;
/// Share of a batch's moments in the running ones.
const MOMENTUM: f64 = 0.1;

/// Mean and variance of every normalised map over one batch, in the order of the layers.
pub(super) type Moments = Vec<(Tensor<1>, Tensor<1>)>;

/// A convolution and its batch normalisation (Ioffe, Szegedy 2015).
#[derive(Module, Debug)]
pub(super) struct Layer {
    /// `out x in x kernel x kernel`.
    pub weight: Param<Tensor<4>>,
    pub gamma: Param<Tensor<1>>,
    pub beta: Param<Tensor<1>>,
    /// Running moments; the optimiser leaves them alone.
    pub mean: Param<Tensor<1>>,
    pub variance: Param<Tensor<1>>,
    pub stride: usize,
    pub padding: usize,
}

impl Layer {
    fn new(convolution: Convolution, random: &mut impl Rng, device: &Device) -> Self {
        let Convolution { from, to, kernel, stride } = convolution;
        let weight = uniform([to, from, kernel, kernel], from * kernel * kernel, random, device);
        let constant = |value: f32| Tensor::full([to], value, device);
        Self {
            weight: Param::from_tensor(weight),
            gamma: Param::from_tensor(constant(1.0)),
            beta: Param::from_tensor(constant(0.0)),
            mean: Param::from_tensor(constant(0.0)).set_require_grad(false),
            variance: Param::from_tensor(constant(1.0)).set_require_grad(false),
            stride,
            padding: convolution.padding(),
        }
    }

    fn forward(&self, x: Tensor<4>, moments: &mut Moments) -> Tensor<4> {
        let x = conv2d(x, self.weight.val(), None, options(self.stride, self.padding));
        let normalised = batch_norm_train(x, self.gamma.val(), self.beta.val(), EPSILON);
        moments.push((normalised.mean, normalised.variance));
        normalised.output
    }

    fn absorb(&mut self, (mean, variance): (Tensor<1>, Tensor<1>)) {
        let blend = |running: &Param<Tensor<1>>, fresh: Tensor<1>| {
            running
                .clone()
                .map(|running| (running * (1.0 - MOMENTUM) + fresh * MOMENTUM).detach())
                .set_require_grad(false)
        };
        self.mean = blend(&self.mean, mean);
        self.variance = blend(&self.variance, variance);
    }
}

/// Options of a square convolution.
pub(super) fn options(stride: usize, padding: usize) -> ConvOptions<2> {
    ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1)
}

/// Two convolutions and a way past them.
#[derive(Module, Debug)]
pub(super) struct Block {
    pub first: Layer,
    pub second: Layer,
    pub shortcut: Layer,
}

impl Block {
    fn new(stage: Stage, random: &mut impl Rng, device: &Device) -> Self {
        let mut layer = |convolution| Layer::new(convolution, random, device);
        Self { first: layer(stage.first), second: layer(stage.second), shortcut: layer(stage.shortcut) }
    }

    fn forward(&self, x: Tensor<4>, moments: &mut Moments) -> Tensor<4> {
        let first = activation::relu(self.first.forward(x.clone(), moments));
        let second = self.second.forward(first, moments);
        activation::relu(second + self.shortcut.forward(x, moments))
    }
}

/// The whole network.
#[derive(Module, Debug)]
pub(super) struct Network {
    #[module(skip)]
    pub front: Front,
    pub stem: Layer,
    pub blocks: Vec<Block>,
    /// `features x classes`.
    pub head: Param<Tensor<2>>,
    pub bias: Param<Tensor<1>>,
}

impl Network {
    /// Fresh weights: uniform, with the variance that keeps rectified activations alive (He et al. 2015).
    pub(super) fn new(architecture: &Architecture, random: &mut impl Rng, device: &Device) -> Self {
        let (features, classes) = (architecture.features(), architecture.classes);
        Self {
            front: architecture.front,
            stem: Layer::new(architecture.stem(), random, device),
            blocks: architecture.stages().into_iter().map(|stage| Block::new(stage, random, device)).collect(),
            head: Param::from_tensor(uniform([features, classes], 3 * features, random, device)),
            bias: Param::from_tensor(Tensor::zeros([classes], device)),
        }
    }

    /// Logits (`batch x classes`) of pixels in [0, 1] (`batch x channels x height x width`), normalised by the batch's
    /// own moments, which are returned.
    pub(super) fn forward(&self, pixels: Tensor<4>) -> (Tensor<2>, Moments) {
        let mut moments = Moments::new();
        let mut x = activation::relu(self.stem.forward(self.front.of(pixels), &mut moments));
        for block in &self.blocks {
            x = block.forward(x, &mut moments);
        }
        (mean_over_map(x).matmul(self.head.val()) + self.bias.val().unsqueeze(), moments)
    }

    /// Moves the running moments towards those of a batch.
    pub(super) fn absorb(&mut self, moments: Moments) {
        let blocks =
            self.blocks.iter_mut().flat_map(|block| [&mut block.first, &mut block.second, &mut block.shortcut]);
        for (layer, fresh) in std::iter::once(&mut self.stem).chain(blocks).zip(moments) {
            layer.absorb(fresh);
        }
    }
}

/// The mean of each channel: `batch x channels`.
pub(super) fn mean_over_map(x: Tensor<4>) -> Tensor<2> {
    let [batch, channels, ..] = x.dims();
    x.mean_dim(3).mean_dim(2).reshape([batch, channels])
}

fn uniform<const D: usize>(shape: [usize; D], fan_in: usize, random: &mut impl Rng, device: &Device) -> Tensor<D> {
    let bound = (6.0 / fan_in as f32).sqrt();
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| random.random_range(-bound..bound)).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}
