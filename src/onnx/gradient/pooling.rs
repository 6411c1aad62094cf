//! Rules of poolings.

use super::Step;
use super::convolution::{Window, transposed};
use crate::onnx::Value;
use crate::onnx::graph::{Attribute, Name};
use crate::tensor::Datatype;

/// To where the largest of each window stood; where windows overlap, the sum.
pub(super) fn max_pool(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    if step.int("storage_order", 0) != 0 {
        return Err("its storage_order is not by rows".to_owned());
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

/// Each window's share to all its pixels: a transposed depthwise convolution by ones.
pub(super) fn average_pool(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let (from, to) = (step.shape(step.input(0)?)?, step.shape(step.output()?)?);
    let kernel = step.ints("kernel_shape").ok_or("its kernel_shape is missing")?;
    let kernel: Vec<usize> = kernel.iter().map(|&side| side as usize).collect();
    let window = Window::of(step, &kernel, &from[2..], &to[2..])?;
    if step.int("ceil_mode", 0) != 0 {
        return Err("its windows go beyond the picture".to_owned());
    }
    let padding_counts = step.int("count_include_pad", 0) != 0;
    let shares = window.counts(&from[2..], &to[2..], padding_counts).into_iter().map(|count| 1.0 / count as f32);
    let of_places = [&[1, 1], &to[2..]].concat();
    let shares = step.graph.store(Name::Numbered("shares".to_owned()), of_places, shares.collect::<Vec<f32>>().into());
    let cotangent = step.cotangent()?;
    let shared = step.graph.mul(cotangent, shares);
    let channels = from[1];
    let ones = vec![1.0_f32; channels * kernel.iter().product::<usize>()];
    let ones = step.graph.store(Name::Numbered("ones".to_owned()), [&[channels, 1], &kernel[..]].concat(), ones.into());
    transposed(step, shared, ones, channels as i64, window, [&from, &to])
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
