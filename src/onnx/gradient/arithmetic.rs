//! Rules of arithmetic element by element, with sides of one stretched.

use super::Step;
use crate::onnx::Value;
use crate::onnx::graph::Attribute;
use crate::tensor::Datatype;

pub(super) fn add(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    let cotangent = step.cotangent()?;
    unstretched(step, cotangent, index)
}

pub(super) fn sub(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    let mut cotangent = step.cotangent()?;
    if index == 1 {
        cotangent = step.graph.node("Neg", &[cotangent], []);
    }
    unstretched(step, cotangent, index)
}

pub(super) fn mul(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    let (cotangent, other) = (step.cotangent()?, step.input(1 - index)?);
    let product = step.graph.mul(cotangent, other);
    unstretched(step, product, index)
}

/// `a / b`: `1 / b` for `a`, `-(a / b) / b` for `b`.
pub(super) fn div(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    let (cotangent, divisor) = (step.cotangent()?, step.input(1)?);
    let mut quotient = step.graph.node("Div", &[cotangent, divisor], []);
    if index == 1 {
        let answer = step.output()?;
        let product = step.graph.mul(quotient, answer);
        quotient = step.graph.node("Neg", &[product], []);
    }
    unstretched(step, quotient, index)
}

pub(super) fn neg(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let cotangent = step.cotangent()?;
    Ok(step.graph.node("Neg", &[cotangent], []))
}

/// `a^b`: `b a^(b - 1)` for `a`, `log(a) a^b` for `b`.
pub(super) fn pow(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    let (cotangent, base, exponent, one) = (step.cotangent()?, step.input(0)?, step.input(1)?, step.scalar(1.0));
    let slope = if index == 0 {
        let exponent = step.graph.cast(exponent, Datatype::Fp32);
        let less = step.graph.node("Sub", &[exponent, one], []);
        let power = step.graph.node("Pow", &[base, less], []);
        step.graph.mul(exponent, power)
    } else {
        let (logarithm, answer) = (step.graph.node("Log", &[base], []), step.output()?);
        step.graph.mul(logarithm, answer)
    };
    let product = step.graph.mul(cotangent, slope);
    unstretched(step, product, index)
}

/// Sums over the dimensions along which the input was stretched.
fn unstretched(step: &mut Step<'_>, cotangent: Value, index: usize) -> Result<Value, String> {
    let input = step.input(index)?;
    let (from, to) = (step.shape(step.output()?)?, step.shape(input)?);
    if from == to {
        return Ok(cotangent);
    }
    let missing = from.len() - to.len();
    let is_stretched = |axis: usize| axis < missing || to[axis - missing] != from[axis];
    let axes: Vec<i64> = (0..from.len()).filter(|&axis| is_stretched(axis)).map(|axis| axis as i64).collect();
    let axes = step.graph.integers("axes", &axes);
    let sum = step.graph.node("ReduceSum", &[cotangent, axes], [("keepdims", Attribute::Int(1))]);
    step.reshape_like(sum, input)
}
