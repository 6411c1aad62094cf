//! Rules of operators that only move elements.

use super::{Step, any_batch, from_start};
use crate::onnx::Value;
use crate::onnx::graph::{Attribute, Name};
use crate::tensor::Datatype;

pub(super) fn same(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    step.cotangent()
}

/// Numbers with a fraction are all FP32 on the way back.
pub(super) fn cast(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let cotangent = step.cotangent()?;
    Ok(step.graph.cast(cotangent, Datatype::Fp32))
}

pub(super) fn reshaped(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    let (input, cotangent) = (step.input(index)?, step.cotangent()?);
    step.reshape_like(cotangent, input)
}

pub(super) fn transpose(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let cotangent = step.cotangent()?;
    let rank = step.shape(step.output()?)?.len();
    let order = step.ints("perm").unwrap_or_else(|| (0..rank as i64).rev().collect());
    let mut back = vec![0; rank];
    for (to, &from) in order.iter().enumerate() {
        back[from_start(from, rank)?] = to;
    }
    Ok(step.graph.transpose(cotangent, &back))
}

/// The part that came from this input.
pub(super) fn concat(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    let cotangent = step.cotangent()?;
    let rank = step.shape(step.output()?)?.len();
    let axis = step.axis("axis", 0, rank)?;
    let length = |index: usize| Ok::<_, String>(step.shape(step.input(index)?)?[axis] as i64);
    let before = (0..index).map(length).sum::<Result<i64, _>>()?;
    let end = before + length(index)?;
    Ok(part(step, cotangent, &[axis as i64], &[before], &[end]))
}

/// Zeros around, and between where every second element (or fewer) was taken.
pub(super) fn slice(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    if index > 0 {
        return Err("its places hang on the input".to_owned());
    }
    let input = step.input(0)?;
    let (from, to) = (step.shape(input)?, step.shape(step.output()?)?);
    let missing = || "its places are not known".to_owned();
    let starts = step.integers(1)?.ok_or_else(missing)?;
    let axes = step.integers(3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = step.integers(4)?.unwrap_or_else(|| vec![1; starts.len()]);
    let mut value = step.cotangent()?;
    let mut pads = [vec![0; from.len()], vec![0; from.len()]];
    let mut sides = to.clone();
    for ((&start, &axis), &stride) in starts.iter().zip(&axes).zip(&steps) {
        let axis = from_start(axis, from.len())?;
        let stride = usize::try_from(stride).ok().filter(|&stride| stride > 0).ok_or("it goes backwards")?;
        let first = usize::try_from(if start < 0 { start + from[axis] as i64 } else { start }).unwrap_or(0);
        if stride > 1 {
            value = spread(step, value, &mut sides, axis, stride);
        }
        pads[0][axis] = first as i64;
        pads[1][axis] = from[axis] as i64 - (first + sides[axis]) as i64;
    }
    if pads[0][0] != 0 || pads[1][0] != 0 {
        return Err("it takes a part of the batch".to_owned());
    }
    Ok(padded(step, value, &pads.concat()))
}

/// Puts `stride - 1` zeros behind every element of a dimension.
fn spread(step: &mut Step<'_>, value: Value, sides: &mut [usize], axis: usize, stride: usize) -> Value {
    let apart = step.graph.unsqueeze(value, &[axis as i64 + 1]);
    let rank = sides.len() + 1;
    let mut pads = vec![0; 2 * rank];
    pads[rank + axis + 1] = stride as i64 - 1;
    let spread = padded(step, apart, &pads);
    sides[axis] *= stride;
    step.graph.reshape(spread, &any_batch(sides))
}

/// What is inside the padding. Edges and mirror images that are padded with are none of a constant's.
pub(super) fn pad(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    if index > 0 || step.text("mode").is_some_and(|mode| mode != "constant") {
        return Err("it pads with more than a constant".to_owned());
    }
    let cotangent = step.cotangent()?;
    let from = step.shape(step.input(0)?)?;
    let pads = step.integers(1)?.ok_or("its pads are not known")?;
    let axes = step.integers(3)?.unwrap_or_else(|| (0..from.len() as i64).collect());
    let (mut places, mut starts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for (&axis, (&before, &behind)) in axes.iter().zip(pads.iter().zip(&pads[axes.len()..])) {
        let axis = from_start(axis, from.len())?;
        if before < 0 || behind < 0 || (axis == 0 && before + behind > 0) {
            return Err("it pads the batch, or takes away".to_owned());
        }
        if axis > 0 {
            places.push(axis as i64);
            starts.push(before);
            ends.push(before + from[axis] as i64);
        }
    }
    Ok(part(step, cotangent, &places, &starts, &ends))
}

fn part(step: &mut Step<'_>, value: Value, axes: &[i64], starts: &[i64], ends: &[i64]) -> Value {
    let [starts, ends, axes] =
        [("starts", starts), ("ends", ends), ("axes", axes)].map(|(word, numbers)| step.graph.integers(word, numbers));
    step.graph.node("Slice", &[value, starts, ends, axes], [])
}

/// Zeros before each dimension, then behind each; negative numbers take away.
fn padded(step: &mut Step<'_>, value: Value, pads: &[i64]) -> Value {
    if pads.iter().all(|&pad| pad == 0) {
        return value;
    }
    let pads = step.graph.integers("pads", pads);
    step.graph.node("Pad", &[value, pads], [("mode", Attribute::Text("constant".to_owned()))])
}

/// All parts together, zeros for one that nothing hangs on.
pub(super) fn split(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    if index > 0 {
        return Err("its places hang on the input".to_owned());
    }
    let rank = step.shape(step.input(0)?)?.len();
    let axis = step.axis("axis", 0, rank)?;
    if axis == 0 {
        return Err("it takes a part of the batch".to_owned());
    }
    let mut parts = Vec::new();
    for &output in &step.node.outputs {
        let output = output.ok_or("one of its outputs is left out")?;
        parts.push(match step.cotangents.get(&output) {
            Some(&cotangent) => cotangent,
            None => {
                let shape = step.graph.node("Shape", &[output], []);
                step.graph.node("ConstantOfShape", &[shape], [])
            }
        });
    }
    Ok(step.graph.node("Concat", &parts, [("axis", Attribute::Int(axis as i64))]))
}

/// By the matrix that says from where each element came.
pub(super) fn gather(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    if index > 0 {
        return Err("its places hang on the input".to_owned());
    }
    let from = step.shape(step.input(0)?)?;
    let axis = step.axis("axis", 0, from.len())?;
    let places = step.integers(1)?.ok_or("its places are not known")?;
    let mut matrix = vec![0.0; places.len() * from[axis]];
    for (row, &place) in matrix.chunks_exact_mut(from[axis]).zip(&places) {
        row[from_start(place, from[axis])?] = 1.0;
    }
    let mut sides = from;
    sides[axis] = places.len();
    let cotangent = step.cotangent()?;
    let flat = step.graph.reshape(cotangent, &any_batch(&sides));
    by_matrix(step, flat, &mut sides, axis, matrix)
}

/// `value`, with these sides, times a matrix along a dimension; the sides become those of the product.
pub(super) fn by_matrix(
    step: &mut Step<'_>,
    value: Value,
    sides: &mut [usize],
    axis: usize,
    matrix: Vec<f32>,
) -> Result<Value, String> {
    if axis == 0 {
        return Err("it takes a part of the batch".to_owned());
    }
    let (rows, columns) = (sides[axis], matrix.len() / sides[axis]);
    let mut order: Vec<usize> = (0..sides.len()).collect();
    order.swap(axis, sides.len() - 1);
    let matrix = step.graph.store(Name::Numbered("matrix".to_owned()), vec![rows, columns], matrix.into());
    let turned = step.graph.transpose(value, &order);
    let product = step.graph.node("MatMul", &[turned, matrix], []);
    sides[axis] = columns;
    Ok(step.graph.transpose(product, &order))
}
