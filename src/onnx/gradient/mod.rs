//! Gradients of a graph's values, as more nodes of the same graph (reverse accumulation; Griewank, Walther 2008).
//!
//! Each operator has a rule: from the cotangent of its answer, what the answer's change is worth, to the cotangent of an
//! input, in standard ONNX operators. The runtime then computes gradients on whatever it runs on.

mod activation;
mod arithmetic;
mod convolution;
mod matrix;
mod normalization;
mod pooling;
mod reduction;
mod resize;
mod shape;

use std::collections::{HashMap, HashSet};

use super::graph::{Attribute, Graph, Node, Value};
use super::trace::Trace;
use super::upgrade::UPGRADED;

/// Why there is no gradient.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GradientError {
    /// The operator has no rule.
    #[error(
        "there is no rule for the gradient of '{0}'; attacks by queries alone still work: square, spatial, sim_ba, nes, hop_skip_jump, boundary"
    )]
    NoRule(String),
    /// The operator is used in a way that its rule does not cover.
    #[error("the gradient of '{operator}' cannot be built: {problem}")]
    Unsupported {
        /// The operator.
        operator: String,
        /// What is in the way.
        problem: String,
    },
    /// The answer does not depend on the input.
    #[error("the model's answer does not depend on its input in a way that has a gradient")]
    Independent,
    /// The operators are of a set whose gradients are not known.
    #[error("the model is written in ONNX operator set {0}; gradients need {UPGRADED} to {NEWEST}: convert it")]
    OperatorSet(i64),
}

/// The newest operator set that all rules hold for; the oldest is the one that graphs are brought to.
const NEWEST: i64 = 25;

impl Graph {
    /// Adds the gradient of `sum(answer * cotangent)` with respect to `input`, of the input's shape, and returns it. Shapes
    /// come from `trace`; the batch may be of another size than the traced one. The graph must be
    /// [upgraded](Graph::upgraded).
    ///
    /// # Errors
    /// When an operator between the two has no rule.
    pub fn gradient(
        &mut self,
        answer: Value,
        cotangent: Value,
        input: Value,
        trace: &Trace,
    ) -> Result<Value, GradientError> {
        let version = self.standard_operator_set();
        if !(UPGRADED..=NEWEST).contains(&version) {
            return Err(GradientError::OperatorSet(version));
        }
        let active = self.reached_from(input);
        let mut cotangents = HashMap::from([(answer, cotangent)]);
        let nodes = self.nodes.len();
        for at in (0..nodes).rev() {
            let node = self.nodes[at].clone();
            let has_cotangent = node.outputs.iter().flatten().any(|output| cotangents.contains_key(output));
            let wanted = (0..).zip(&node.inputs).filter_map(|(index, &input)| Some((index, input?)));
            let wanted: Vec<(usize, Value)> = wanted.filter(|(_, input)| active.contains(input)).collect();
            if !has_cotangent || wanted.is_empty() || is_flat(&node) {
                continue;
            }
            let rule = rule(&node).ok_or_else(|| GradientError::NoRule(node.operator.clone()))?;
            for (index, value) in wanted {
                let mut step = Step { graph: self, trace, at, node: &node, cotangents: &cotangents };
                let unsupported = |problem| GradientError::Unsupported { operator: node.operator.clone(), problem };
                let part = rule(&mut step, index).map_err(unsupported)?;
                let sum = cotangents.get(&value).map_or(part, |&earlier| self.add(earlier, part));
                cotangents.insert(value, sum);
            }
        }
        cotangents.get(&input).copied().ok_or(GradientError::Independent)
    }

    /// The values that hang smoothly on `input`.
    fn reached_from(&self, input: Value) -> HashSet<Value> {
        let mut reached = HashSet::from([input]);
        for node in &self.nodes {
            if !is_flat(node) && node.inputs.iter().flatten().any(|i| reached.contains(i)) {
                reached.extend(node.outputs.iter().flatten());
            }
        }
        reached
    }
}

/// Operators whose answer is flat or whole wherever it does not jump: nothing flows back through them.
const FLAT: [&str; 14] = [
    "Shape",
    "Size",
    "ConstantOfShape",
    "ArgMax",
    "ArgMin",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Not",
    "Floor",
    "Ceil",
    "Round",
];

fn is_flat(node: &Node) -> bool {
    FLAT.contains(&node.operator.as_str())
}

/// What a rule makes the cotangent of one input from.
struct Step<'a> {
    graph: &'a mut Graph,
    trace: &'a Trace,
    /// Where the node stands among the graph's.
    at: usize,
    node: &'a Node,
    cotangents: &'a HashMap<Value, Value>,
}

/// The cotangent of the input with this index, or what keeps it from being built.
type Rule = fn(&mut Step<'_>, usize) -> Result<Value, String>;

fn rule(node: &Node) -> Option<Rule> {
    if !node.domain.is_empty() {
        return None;
    }
    Some(match node.operator.as_str() {
        "Add" => arithmetic::add,
        "Sub" => arithmetic::sub,
        "Mul" => arithmetic::mul,
        "Div" => arithmetic::div,
        "Neg" => arithmetic::neg,
        "Pow" => arithmetic::pow,
        "Log" => activation::log,
        "Exp" => activation::exp,
        "Sqrt" => activation::sqrt,
        "Erf" => activation::erf,
        "Relu" => activation::relu,
        "LeakyRelu" => activation::leaky_relu,
        "PRelu" => activation::p_relu,
        "Elu" => activation::elu,
        "Gelu" => activation::gelu,
        "HardSigmoid" => activation::hard_sigmoid,
        "HardSwish" => activation::hard_swish,
        "Clip" => activation::clip,
        "Sigmoid" => activation::sigmoid,
        "Tanh" => activation::tanh,
        "Softmax" => activation::softmax,
        "LogSoftmax" => activation::log_softmax,
        "Conv" => convolution::conv,
        "ConvTranspose" => convolution::conv_transpose,
        "BatchNormalization" => normalization::batch_normalization,
        "LayerNormalization" => normalization::layer_normalization,
        "LRN" => normalization::lrn,
        "Gemm" => matrix::gemm,
        "MatMul" => matrix::mat_mul,
        "MaxPool" => pooling::max_pool,
        "AveragePool" => pooling::average_pool,
        "GlobalAveragePool" => pooling::global_average_pool,
        "GlobalMaxPool" => pooling::global_max_pool,
        "ReduceSum" => reduction::reduce_sum,
        "ReduceMean" => reduction::reduce_mean,
        "Resize" => resize::resize,
        "Identity" | "Dropout" => shape::same,
        "Cast" => shape::cast,
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => shape::reshaped,
        "Transpose" => shape::transpose,
        "Concat" => shape::concat,
        "Slice" => shape::slice,
        "Split" => shape::split,
        "Gather" => shape::gather,
        "Pad" => shape::pad,
        _ => return None,
    })
}

impl Step<'_> {
    /// The cotangent of the first output.
    fn cotangent(&self) -> Result<Value, String> {
        let first = self.node.outputs.first().copied().flatten();
        let found = first.and_then(|output| self.cotangents.get(&output).copied());
        found.ok_or_else(|| "only its first output may be used".to_owned())
    }

    /// The input with this index.
    fn input(&self, index: usize) -> Result<Value, String> {
        let input = self.node.inputs.get(index).copied().flatten();
        input.ok_or_else(|| format!("its input {index} is missing"))
    }

    /// The first output.
    fn output(&self) -> Result<Value, String> {
        self.node.outputs.first().copied().flatten().ok_or_else(|| "it has no output".to_owned())
    }

    fn shape(&self, value: Value) -> Result<Vec<usize>, String> {
        self.trace.shape(value).map(<[usize]>::to_vec).ok_or_else(|| "a shape is not known".to_owned())
    }

    /// The whole numbers of the input with this index; `None` where it is left out.
    fn integers(&self, index: usize) -> Result<Option<Vec<i64>>, String> {
        let Some(value) = self.node.inputs.get(index).copied().flatten() else { return Ok(None) };
        let known = self.trace.integers(value).or_else(|| self.graph.constant_integers(value));
        let known = known.ok_or_else(|| format!("its input {index} is not of whole numbers"))?;
        Ok(Some(known.to_vec()))
    }

    fn int(&self, name: &str, default: i64) -> i64 {
        match self.node.attributes.get(name) {
            Some(&Attribute::Int(value)) => value,
            _ => default,
        }
    }

    fn float(&self, name: &str, default: f32) -> f32 {
        match self.node.attributes.get(name) {
            Some(&Attribute::Float(value)) => value,
            _ => default,
        }
    }

    fn ints(&self, name: &str) -> Option<Vec<i64>> {
        match self.node.attributes.get(name) {
            Some(Attribute::Ints(values)) => Some(values.clone()),
            _ => None,
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.node.attributes.get(name) {
            Some(Attribute::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// An attribute that counts dimensions, from the end where it is negative.
    fn axis(&self, name: &str, default: i64, rank: usize) -> Result<usize, String> {
        from_start(self.int(name, default), rank)
    }

    /// One number.
    fn scalar(&mut self, value: f32) -> Value {
        self.graph.number("number", value)
    }

    /// `value` with the sides of the traced `like`, whatever the batch.
    fn reshape_like(&mut self, value: Value, like: Value) -> Result<Value, String> {
        let sides = any_batch(&self.shape(like)?);
        Ok(self.graph.reshape(value, &sides))
    }
}

/// A dimension counted from the start.
fn from_start(axis: i64, rank: usize) -> Result<usize, String> {
    let counted = if axis < 0 { axis + rank as i64 } else { axis };
    let found = usize::try_from(counted).ok().filter(|&axis| axis < rank);
    found.ok_or_else(|| format!("its axis {axis} is none of {rank}"))
}

/// Sides as a reshape takes them, the first as long as it must be.
fn any_batch(shape: &[usize]) -> Vec<i64> {
    let sides = shape.iter().map(|&side| side as i64);
    std::iter::once(-1).chain(sides.skip(1)).take(shape.len()).collect()
}
