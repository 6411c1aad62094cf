//! Rules of poolings.

use super::convolution::{Window, transposed};
use super::{SCATTER_ADDS, Step};
use crate::onnx::Value;
use crate::onnx::graph::{Attribute, Name};
use crate::tensor::Datatype;

/// To where the largest of each window stood; where windows overlap, the sum.
pub(super) fn max_pool(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    if step.int("storage_order", 0) != 0 {
        return Err("its storage_order is not by rows".to_owned());
    }
    let version = step.graph.standard_operator_set();
    if version < SCATTER_ADDS {
        return Err(format!("it needs operator set {SCATTER_ADDS}, the model is written in {version}"));
    }
    let (input, cotangent, places) = (step.input(0)?, step.cotangent()?, places(step));
    let [flat, cotangent, places] = [input, cotangent, places].map(|value| step.graph.reshape(value, &[-1]));
    let length = step.graph.node("Shape", &[flat], []);
    let zeros = step.graph.node("ConstantOfShape", &[length], []);
    let attributes = [("axis", Attribute::Int(0)), ("reduction", Attribute::Text("add".to_owned()))];
    let scattered = step.graph.node("ScatterElements", &[zeros, places, cotangent], attributes);
    step.reshape_like(scattered, input)
}

/// The second output of the pooling: where in the whole input the largest stood.
fn places(step: &mut Step<'_>) -> Value {
    if let Some(places) = step.graph.nodes[step.at].outputs.get(1).copied().flatten() {
        return places;
    }
    let places = step.graph.value(Name::Numbered("places".to_owned()));
    let outputs = &mut step.graph.nodes[step.at].outputs;
    outputs.truncate(1);
    outputs.push(Some(places));
    places
}

/// A transposed depthwise convolution by one over the number of pixels.
pub(super) fn average_pool(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let (from, to) = (step.shape(step.input(0)?)?, step.shape(step.output()?)?);
    let kernel = step.ints("kernel_shape").ok_or("its kernel_shape is missing")?;
    let kernel: Vec<usize> = kernel.iter().map(|&side| side as usize).collect();
    let window = Window::of(step, &kernel, &from[2..], &to[2..])?;
    let counts_padding = step.int("count_include_pad", 0) != 0;
    if step.int("ceil_mode", 0) != 0 || (!counts_padding && window.pads.iter().any(|&pad| pad > 0)) {
        return Err("its windows differ in the number of pixels that count".to_owned());
    }
    let (channels, pixels) = (from[1], kernel.iter().product::<usize>());
    let shape: Vec<usize> = [channels, 1].into_iter().chain(kernel).collect();
    let shares = vec![1.0 / pixels as f32; channels * pixels];
    let shares = step.graph.store(Name::Numbered("shares".to_owned()), shape, shares.into());
    transposed(step, shares, channels as i64, window, [&from, &to])
}

/// To the largest pixel; where several are, each has its share.
pub(super) fn global_max_pool(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let (input, answer, cotangent) = (step.input(0)?, step.output()?, step.cotangent()?);
    let axes: Vec<i64> = (2..step.shape(input)?.len() as i64).collect();
    let axes = step.graph.integers("axes", &axes);
    let is_largest = step.graph.node("Equal", &[input, answer], []);
    let largest = step.graph.cast(is_largest, Datatype::Fp32);
    let count = step.graph.node("ReduceSum", &[largest, axes], [("keepdims", Attribute::Int(1))]);
    let share = step.graph.node("Div", &[cotangent, count], []);
    Ok(step.graph.mul(largest, share))
}

/// Every pixel has its share.
pub(super) fn global_average_pool(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let (input, cotangent) = (step.input(0)?, step.cotangent()?);
    let shape = step.shape(input)?;
    let share = step.scalar(1.0 / shape[2..].iter().product::<usize>() as f32);
    let shared = step.graph.mul(cotangent, share);
    // A side of one stays as it is, so the batch may be any.
    let sides: Vec<i64> = [1, 1].into_iter().chain(shape[2..].iter().map(|&side| side as i64)).collect();
    let sides = step.graph.integers("sides", &sides);
    Ok(step.graph.node("Expand", &[shared, sides], []))
}
