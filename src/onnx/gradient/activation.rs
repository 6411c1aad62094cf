//! Rules of activations.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use super::Step;
use crate::onnx::Value;
use crate::onnx::graph::Attribute;
use crate::tensor::Datatype;

/// Of the approximated normal distribution: `sqrt(2 / pi)`, and the weight of the cube.
const GELU_SCALE: f32 = FRAC_1_SQRT_2 * FRAC_2_SQRT_PI;
const GELU_BEND: f32 = 0.044_715;

/// The cotangent where the answer is positive.
pub(super) fn relu(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let (answer, zero) = (step.output()?, step.scalar(0.0));
    let open = step.graph.node("Greater", &[answer, zero], []);
    through(step, open)
}

pub(super) fn leaky_relu(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let slope = step.float("alpha", 0.01);
    let slope = step.scalar(slope);
    leaked(step, slope)
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

pub(super) fn p_relu(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    if index > 0 {
        return Err("its slope hangs on the input".to_owned());
    }
    let slope = step.input(1)?;
    leaked(step, slope)
}

/// The cotangent, times the slope where the input is negative.
fn leaked(step: &mut Step<'_>, slope: Value) -> Result<Value, String> {
    let cotangent = step.cotangent()?;
    let weak = step.graph.mul(cotangent, slope);
    where_positive(step, cotangent, weak)
}

fn where_positive(step: &mut Step<'_>, value: Value, other: Value) -> Result<Value, String> {
    let (input, zero) = (step.input(0)?, step.scalar(0.0));
    let is_positive = step.graph.node("Greater", &[input, zero], []);
    Ok(step.graph.node("Where", &[is_positive, value, other], []))
}

/// `y + alpha` where the input is negative.
pub(super) fn elu(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let alpha = step.float("alpha", 1.0);
    let (answer, cotangent, alpha) = (step.output()?, step.cotangent()?, step.scalar(alpha));
    let slope = step.graph.add(answer, alpha);
    let bent = step.graph.mul(cotangent, slope);
    where_positive(step, cotangent, bent)
}

/// `alpha` where the answer is neither 0 nor 1.
pub(super) fn hard_sigmoid(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let (slope, answer) = (step.float("alpha", 0.2), step.output()?);
    let slope = step.scalar(slope);
    let open = between_0_and_1(step, answer);
    let passed = through(step, open)?;
    Ok(step.graph.mul(passed, slope))
}

/// `h + x / 6` where `h = clip(x / 6 + 1 / 2)` is neither 0 nor 1, `h` elsewhere.
pub(super) fn hard_swish(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let (input, cotangent, sixth) = (step.input(0)?, step.cotangent()?, step.scalar(1.0 / 6.0));
    let bend = [("alpha", Attribute::Float(1.0 / 6.0)), ("beta", Attribute::Float(0.5))];
    let hard = step.graph.node("HardSigmoid", &[input], bend);
    let open = between_0_and_1(step, hard);
    let open = step.graph.cast(open, Datatype::Fp32);
    let rise = step.graph.mul(input, sixth);
    let rise = step.graph.mul(rise, open);
    let slope = step.graph.add(hard, rise);
    Ok(step.graph.mul(cotangent, slope))
}

fn between_0_and_1(step: &mut Step<'_>, value: Value) -> Value {
    let (zero, one) = (step.scalar(0.0), step.scalar(1.0));
    let is_above = step.graph.node("Greater", &[value, zero], []);
    let is_below = step.graph.node("Less", &[value, one], []);
    step.graph.node("And", &[is_above, is_below], [])
}

/// `2 / sqrt(pi) exp(-x^2)`.
pub(super) fn erf(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let (input, cotangent, factor) = (step.input(0)?, step.cotangent()?, step.scalar(FRAC_2_SQRT_PI));
    let bell = bell(step, input, 1.0);
    let slope = step.graph.mul(bell, factor);
    Ok(step.graph.mul(cotangent, slope))
}

/// `exp(-steepness x^2)`.
fn bell(step: &mut Step<'_>, value: Value, steepness: f32) -> Value {
    let (square, factor) = (step.graph.mul(value, value), step.scalar(-steepness));
    let exponent = step.graph.mul(square, factor);
    step.graph.node("Exp", &[exponent], [])
}

/// Of `x F(x)`: `F(x) + x f(x)`, `F` being the normal distribution or its approximation by a hyperbolic tangent
/// (Hendrycks, Gimpel 2016).
pub(super) fn gelu(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let (input, cotangent) = (step.input(0)?, step.cotangent()?);
    let (half, one) = (step.scalar(0.5), step.scalar(1.0));
    let (curve, density) = if step.text("approximate") == Some("tanh") {
        let (scale, bend, rise) = (step.scalar(GELU_SCALE), step.scalar(GELU_BEND), step.scalar(3.0 * GELU_BEND));
        let square = step.graph.mul(input, input);
        let [bent, risen] = [bend, rise].map(|factor| {
            let part = step.graph.mul(square, factor);
            let sum = step.graph.add(part, one);
            step.graph.mul(sum, scale)
        });
        let argument = step.graph.mul(input, bent);
        let tangent = step.graph.node("Tanh", &[argument], []);
        let steep = step.graph.mul(tangent, tangent);
        let steep = step.graph.node("Sub", &[one, steep], []);
        (tangent, step.graph.mul(steep, risen))
    } else {
        let (shrink, height) = (step.scalar(FRAC_1_SQRT_2), step.scalar(FRAC_1_SQRT_2 * FRAC_2_SQRT_PI));
        let shrunk = step.graph.mul(input, shrink);
        let curve = step.graph.node("Erf", &[shrunk], []);
        let bell = bell(step, input, 0.5);
        (curve, step.graph.mul(bell, height))
    };
    let slope = step.graph.mul(input, density);
    let slope = step.graph.add(slope, curve);
    let slope = step.graph.add(slope, one);
    let slope = step.graph.mul(slope, half);
    Ok(step.graph.mul(cotangent, slope))
}

/// `y`.
pub(super) fn exp(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let (answer, cotangent) = (step.output()?, step.cotangent()?);
    Ok(step.graph.mul(cotangent, answer))
}

/// `1 / (2 y)`.
pub(super) fn sqrt(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let (answer, cotangent, half) = (step.output()?, step.cotangent()?, step.scalar(0.5));
    let halved = step.graph.mul(cotangent, half);
    Ok(step.graph.node("Div", &[halved, answer], []))
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
