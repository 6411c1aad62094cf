//! A trained network as an ONNX file with its teacher's contract, checked against the trained one before it is written.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData, activation};

use super::fit::Trained;
use super::folded::{FoldedBlock, FoldedLayer};
use super::front::{CENTRED_SCALE, CENTRED_SHIFT, Front, RESIDUAL_GAIN, RESIDUALS, SIDE, kernels};
use super::step::tensors;
use super::{MOST_DIFFERENCE, TrainError};
use crate::model::{Classifier, OnnxModel, OutputSpec, PictureSpec, Runtime, Workers};
use crate::onnx::{Convolution, Graph, Value};
use crate::tensor::{Colour, Datatype, Elements, Layout, OutputKind, Picture};

/// Pictures that an export is checked with.
const CHECKED: usize = 64;

/// What an exported network takes and answers.
pub struct Contract {
    /// Its input: name, layout, colour and normalisation of the teacher's.
    pub input: PictureSpec,
    /// Its output: name and kind of the teacher's.
    pub output: OutputSpec,
    /// Dimensions of one that follow the classes: two for a teacher that answers `N x classes x 1 x 1`.
    pub trailing: usize,
}

/// An exported network, checked.
pub struct Export {
    /// The file's content.
    pub bytes: Vec<u8>,
    /// The largest difference of an output from that of the trained network.
    pub difference: f32,
}

impl Trained {
    /// Builds the ONNX model and runs it in ONNX Runtime beside the trained network.
    ///
    /// # Errors
    /// When ONNX Runtime does not load it, or the two differ by more than [`MOST_DIFFERENCE`].
    pub fn export(
        &self,
        contract: &Contract,
        metadata: &[(&str, &str)],
        runtime: &Runtime,
    ) -> Result<Export, TrainError> {
        let bytes = self.graph(contract).encode(metadata)?;
        let difference = self.difference(contract, &bytes, runtime)?;
        // A difference that is not a number is no small one either.
        if difference.is_nan() || difference > MOST_DIFFERENCE {
            return Err(TrainError::Export { difference });
        }
        Ok(Export { bytes, difference })
    }

    fn graph(&self, Contract { input, output, trailing }: &Contract) -> Graph {
        let mut graph = Graph::new("portcullis");
        let sides = input.item_shape().map(Some);
        let given = graph.input(&input.name, input.datatype, &[None, sides[0], sides[1], sides[2]]);
        let mut x = centred(&mut graph, input, given);
        if self.network.front == Front::Residuals {
            x = with_residuals(&mut graph, x, input.colour.channels());
        }
        let mut stem = self.network.stem.clone();
        if input.colour == Colour::Bgr {
            stem.weight = blue_first(stem.weight, self.network.front);
        }
        x = layer(&mut graph, "stem", &stem, x);
        x = graph.relu(x);
        for (at, stage) in self.network.blocks.iter().enumerate() {
            x = block(&mut graph, &format!("block{at}"), stage, x);
        }
        let pooled = graph.global_average_pool(x);
        let features = graph.flatten(pooled);
        let [rows, columns] = self.network.head.dims();
        let weight = graph.constant("head.weight", &[rows, columns], values(&self.network.head));
        let bias = graph.constant("head.bias", &[columns], values(&self.network.bias));
        let mut answer = graph.gemm(features, weight, bias);
        if output.kind == OutputKind::Probabilities {
            answer = graph.softmax(answer);
        }
        if *trailing > 0 {
            let axes: Vec<i64> = (2..).take(*trailing).collect();
            answer = graph.unsqueeze(answer, &axes);
        }
        let shape: Vec<Option<usize>> =
            [None, Some(output.classes)].into_iter().chain(std::iter::repeat_n(Some(1), *trailing)).collect();
        graph.output(answer, &output.name, Datatype::Fp32, &shape);
        graph
    }

    /// The largest difference between the file's outputs and the network's, over some validation pictures.
    fn difference(&self, contract: &Contract, bytes: &[u8], runtime: &Runtime) -> Result<f32, TrainError> {
        let model = Arc::new(OnnxModel::from_bytes(runtime, Path::new("the exported network"), bytes, 1, 1)?);
        let workers =
            Arc::new(Workers::start(1, 1).map_err(|source| TrainError::Write { path: "a thread".into(), source })?);
        let classifier = Classifier::new(model, workers, contract.input.clone(), contract.output.clone());
        let shape = [contract.input.colour.channels(), contract.input.height, contract.input.width];
        let device = Device::flex();
        let mut largest = 0.0_f32;
        let mut left = CHECKED;
        for batch in &self.validation {
            let (pixels, _) = tensors(&batch.pixels, &batch.targets, shape, batch.targets.len() / batch.len, &device);
            let expected = values(&activation::softmax(self.network.forward(pixels), 1));
            let pictures = batch.pixels.chunks_exact(shape.iter().product());
            for (pixels, expected) in pictures.zip(expected.chunks_exact(contract.output.classes)).take(left) {
                let picture = Picture::new(shape[0], shape[1], shape[2], pixels.to_vec()).map(Arc::new);
                let picture = picture.map_err(|error| TrainError::Teacher(error.into()))?;
                let answer = classifier.predict_waiting(move || picture).wait();
                let answer = answer.map_err(|error| TrainError::Teacher(error.into()))?.map_err(TrainError::Teacher)?;
                for (&a, &b) in answer.probabilities().iter().zip(expected) {
                    largest = largest.max((a as f32 - b).abs());
                }
            }
            left = left.saturating_sub(batch.len);
        }
        Ok(largest)
    }
}

/// From the teacher's input to what the stem wants: its normalisation undone and ours done, in one multiplication and
/// one addition a channel.
fn centred(graph: &mut Graph, input: &PictureSpec, given: Value) -> Value {
    let mut x = given;
    if input.datatype != Datatype::Fp32 {
        x = graph.cast(x, Datatype::Fp32);
    }
    if input.layout == Layout::Nhwc {
        x = graph.transpose(x, &[0, 3, 1, 2]);
    }
    let [low, high] = input.range;
    let per_channel = |value: &dyn Fn(usize) -> f32| Elements::Fp32((0..input.colour.channels()).map(value).collect());
    let shape = [1, input.colour.channels(), 1, 1];
    let scale = graph.constant("centre.scale", &shape, per_channel(&|c| CENTRED_SCALE * input.std[c] / (high - low)));
    let shift = per_channel(&|c| CENTRED_SCALE * (input.mean[c] - low) / (high - low) - CENTRED_SHIFT);
    let shift = graph.constant("centre.shift", &shape, shift);
    let scaled = graph.mul(x, scale);
    graph.add(scaled, shift)
}

/// The residuals and the pixels, as [`Front::of`] has them.
fn with_residuals(graph: &mut Graph, centred: Value, channels: usize) -> Value {
    let weight = graph.constant("residuals.weight", &[channels * RESIDUALS, 1, SIDE, SIDE], kernels(channels));
    let convolution = Convolution { stride: [1; 2], padding: [SIDE / 2; 2], groups: channels };
    let residuals = graph.conv(centred, weight, None, convolution);
    let gain = graph.constant("residuals.gain", &[], vec![RESIDUAL_GAIN]);
    let louder = graph.mul(residuals, gain);
    let squashed = graph.tanh(louder);
    graph.concat(&[squashed, centred], 1)
}

fn block(graph: &mut Graph, name: &str, block: &FoldedBlock, x: Value) -> Value {
    let first = layer(graph, &format!("{name}.first"), &block.first, x);
    let first = graph.relu(first);
    let second = layer(graph, &format!("{name}.second"), &block.second, first);
    let shortcut = layer(graph, &format!("{name}.shortcut"), &block.shortcut, x);
    let sum = graph.add(second, shortcut);
    graph.relu(sum)
}

fn layer(graph: &mut Graph, name: &str, layer: &FoldedLayer, x: Value) -> Value {
    let shape = layer.weight.dims();
    let weight = graph.constant(format!("{name}.weight"), &shape, values(&layer.weight));
    let bias = graph.constant(format!("{name}.bias"), &[shape[0]], values(&layer.bias));
    let convolution = Convolution { stride: [layer.stride; 2], padding: [layer.padding; 2], groups: 1 };
    graph.conv(x, weight, Some(bias), convolution)
}

/// The weights of a first convolution for pictures with the blue channel first: the maps of each channel change places, the
/// pixels' (and before them the residuals').
fn blue_first(weight: Tensor<4>, front: Front) -> Tensor<4> {
    let [_, maps, ..] = weight.dims();
    let channels = maps / front.maps(1);
    let residuals = maps - channels;
    let each = residuals / channels;
    let of_residuals = (0..channels).rev().flat_map(|channel| (0..each).map(move |map| channel * each + map));
    let order = of_residuals.chain((0..channels).rev().map(|channel| residuals + channel));
    let order: Vec<i32> = order.map(|map| map as i32).collect();
    let indices = Tensor::<1, Int>::from_data(TensorData::new(order, [maps]), &weight.device());
    weight.select(1, indices)
}

fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.clone().into_data().try_into_vec::<f32>().unwrap_or_default()
}
