//! Rules of activations.

use super::Step;
use crate::onnx::Value;
use crate::onnx::graph::Attribute;
use crate::tensor::Datatype;

/// The cotangent where the answer is positive.
pub(super) fn relu(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let (answer, zero) = (step.output()?, step.scalar(0.0));
    let open = step.graph.node("Greater", &[answer, zero], []);
    through(step, open)
}

pub(super) fn leaky_relu(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let slope = step.float("alpha", 0.01);
    let (input, cotangent) = (step.input(0)?, step.cotangent()?);
    let (zero, slope) = (step.scalar(0.0), step.scalar(slope));
    let is_positive = step.graph.node("Greater", &[input, zero], []);
    let leaked = step.graph.mul(cotangent, slope);
    Ok(step.graph.node("Where", &[is_positive, cotangent, leaked], []))
}

/// The cotangent where nothing is cut off.
pub(super) fn clip(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    if index > 0 {
        return Err("its bounds hang on the input".to_owned());
    }
    let (input, answer) = (step.input(0)?, step.output()?);
    let open = step.graph.node("Equal", &[input, answer], []);
    through(step, open)
}

/// `1 / x`.
pub(super) fn log(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let (input, cotangent) = (step.input(0)?, step.cotangent()?);
    Ok(step.graph.node("Div", &[cotangent, input], []))
}

/// `y (1 - y)`.
pub(super) fn sigmoid(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let (answer, cotangent, one) = (step.output()?, step.cotangent()?, step.scalar(1.0));
    let rest = step.graph.node("Sub", &[one, answer], []);
    let slope = step.graph.mul(answer, rest);
    Ok(step.graph.mul(cotangent, slope))
}

/// `1 - y^2`.
pub(super) fn tanh(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let (answer, cotangent, one) = (step.output()?, step.cotangent()?, step.scalar(1.0));
    let square = step.graph.mul(answer, answer);
    let slope = step.graph.node("Sub", &[one, square], []);
    Ok(step.graph.mul(cotangent, slope))
}

/// `y (c - sum(c y))`.
pub(super) fn softmax(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let (answer, cotangent) = (step.output()?, step.cotangent()?);
    let weighted = step.graph.mul(cotangent, answer);
    let sum = sum_over_classes(step, weighted)?;
    let rest = step.graph.node("Sub", &[cotangent, sum], []);
    Ok(step.graph.mul(answer, rest))
}

/// `c - exp(y) sum(c)`.
pub(super) fn log_softmax(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let (answer, cotangent) = (step.output()?, step.cotangent()?);
    let probabilities = step.graph.node("Exp", &[answer], []);
    let sum = sum_over_classes(step, cotangent)?;
    let taken = step.graph.mul(probabilities, sum);
    Ok(step.graph.node("Sub", &[cotangent, taken], []))
}

fn sum_over_classes(step: &mut Step<'_>, value: Value) -> Result<Value, String> {
    let rank = step.shape(step.output()?)?.len();
    let axis = step.axis("axis", -1, rank)? as i64;
    let axis = step.graph.integers("axes", &[axis]);
    Ok(step.graph.node("ReduceSum", &[value, axis], [("keepdims", Attribute::Int(1))]))
}

/// The cotangent where `open` is true, zero elsewhere.
fn through(step: &mut Step<'_>, open: Value) -> Result<Value, String> {
    let cotangent = step.cotangent()?;
    let open = step.graph.cast(open, Datatype::Fp32);
    Ok(step.graph.mul(cotangent, open))
}
