//! The operators of convolutional networks, as calls. Pictures are N x C x H x W.

use super::graph::{Attribute, Graph, Value};
use super::write::{data_type, int};
use crate::tensor::Datatype;

/// How a convolution moves over a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convolution {
    /// Pixels from one place to the next: vertically, horizontally.
    pub stride: [usize; 2],
    /// Zeros put around the picture: above and below, left and right.
    pub padding: [usize; 2],
    /// Into how many parts the channels are split, each with its own filters; as many as there are channels makes the
    /// convolution depthwise.
    pub groups: usize,
}

impl Default for Convolution {
    fn default() -> Self {
        Self { stride: [1, 1], padding: [0, 0], groups: 1 }
    }
}

/// The window of a pooling, and how it moves over a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pooling {
    /// Height and width of the window.
    pub size: [usize; 2],
    /// Pixels from one place to the next: vertically, horizontally.
    pub stride: [usize; 2],
    /// Pixels put around the picture, which count neither for the largest nor for the mean: above and below, left and
    /// right.
    pub padding: [usize; 2],
}

impl Pooling {
    fn attributes(&self) -> [(&'static str, Attribute); 3] {
        [("kernel_shape", ints(&self.size)), ("strides", ints(&self.stride)), ("pads", both_ends(self.padding))]
    }
}

impl Graph {
    /// Convolution by `weight` (output channels x input channels a group x height x width); `bias` is one number an
    /// output channel.
    pub fn conv(&mut self, input: Value, weight: Value, bias: Option<Value>, convolution: Convolution) -> Value {
        let inputs = Vec::from_iter([input, weight].into_iter().chain(bias));
        let Convolution { stride, padding, groups } = convolution;
        let attributes =
            [("strides", ints(&stride)), ("pads", both_ends(padding)), ("group", Attribute::Int(int(groups)))];
        self.node("Conv", &inputs, attributes)
    }

    /// Batch normalisation by fixed statistics: `(input - mean) / sqrt(variance + epsilon) * scale + bias`, each one
    /// number a channel.
    pub fn batch_norm(&mut self, input: Value, [scale, bias, mean, variance]: [Value; 4], epsilon: f32) -> Value {
        let attributes = [("epsilon", Attribute::Float(epsilon))];
        self.node("BatchNormalization", &[input, scale, bias, mean, variance], attributes)
    }

    /// The positive part.
    pub fn relu(&mut self, input: Value) -> Value {
        self.node("Relu", &[input], [])
    }

    /// The sum, with sides of one stretched.
    pub fn add(&mut self, left: Value, right: Value) -> Value {
        self.node("Add", &[left, right], [])
    }

    /// The product element by element, with sides of one stretched.
    pub fn mul(&mut self, left: Value, right: Value) -> Value {
        self.node("Mul", &[left, right], [])
    }

    /// The hyperbolic tangent.
    pub fn tanh(&mut self, input: Value) -> Value {
        self.node("Tanh", &[input], [])
    }

    /// The inputs one behind the other along a dimension.
    pub fn concat(&mut self, inputs: &[Value], axis: i64) -> Value {
        self.node("Concat", inputs, [("axis", Attribute::Int(axis))])
    }

    /// The largest of each window.
    pub fn max_pool(&mut self, input: Value, pooling: Pooling) -> Value {
        self.node("MaxPool", &[input], pooling.attributes())
    }

    /// The mean of each window.
    pub fn average_pool(&mut self, input: Value, pooling: Pooling) -> Value {
        self.node("AveragePool", &[input], pooling.attributes())
    }

    /// The mean of each channel: N x C x 1 x 1.
    pub fn global_average_pool(&mut self, input: Value) -> Value {
        self.node("GlobalAveragePool", &[input], [])
    }

    /// All dimensions but the batch made one.
    pub fn flatten(&mut self, input: Value) -> Value {
        self.node("Flatten", &[input], [("axis", Attribute::Int(1))])
    }

    /// The matrix product of `input` (N x features) and `weight` (features x outputs), plus `bias` (outputs).
    pub fn gemm(&mut self, input: Value, weight: Value, bias: Value) -> Value {
        self.node("Gemm", &[input, weight, bias], [])
    }

    /// Probabilities from logits, along the last dimension.
    pub fn softmax(&mut self, input: Value) -> Value {
        self.node("Softmax", &[input], [("axis", Attribute::Int(-1))])
    }

    /// The dimensions in another order: dimension `i` of the answer is dimension `order[i]` of the input.
    pub fn transpose(&mut self, input: Value, order: &[usize]) -> Value {
        self.node("Transpose", &[input], [("perm", ints(order))])
    }

    /// The same numbers as another datatype.
    pub fn cast(&mut self, input: Value, datatype: Datatype) -> Value {
        self.node("Cast", &[input], [("to", Attribute::Int(data_type(datatype).into()))])
    }

    /// The slices of `input` at `indices` of the dimension `axis`, in that order.
    pub fn gather(&mut self, input: Value, indices: &[i64], axis: i64) -> Value {
        let indices = self.integers("indices", indices);
        self.node("Gather", &[input, indices], [("axis", Attribute::Int(axis))])
    }

    /// Sides of one put in, so that they are the dimensions `axes` of the answer.
    pub fn unsqueeze(&mut self, input: Value, axes: &[i64]) -> Value {
        let axes = self.integers("axes", axes);
        self.node("Unsqueeze", &[input, axes], [])
    }

    /// The elements in another shape: 0 keeps a side, -1 (once) is as long as it must be.
    pub fn reshape(&mut self, input: Value, shape: &[i64]) -> Value {
        let shape = self.integers("shape", shape);
        self.node("Reshape", &[input, shape], [])
    }
}

/// ONNX lists what comes before the picture in every direction, then what comes behind.
fn both_ends([vertical, horizontal]: [usize; 2]) -> Attribute {
    ints(&[vertical, horizontal, vertical, horizontal])
}

fn ints(values: &[usize]) -> Attribute {
    Attribute::Ints(values.iter().copied().map(int).collect())
}
