//! Rules of sums and means over dimensions.

use super::{Step, any_batch, from_start};
use crate::onnx::Value;
use crate::onnx::graph::Attribute;

pub(super) fn reduce_sum(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    let axes = axes(step, index)?;
    let cotangent = step.cotangent()?;
    spread(step, cotangent, &axes)
}

pub(super) fn reduce_mean(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    let axes = axes(step, index)?;
    let shape = step.shape(step.input(0)?)?;
    let share = step.scalar(share(&shape, &axes));
    let cotangent = step.cotangent()?;
    let shared = step.graph.mul(cotangent, share);
    spread(step, shared, &axes)
}

/// The mean of `value`, of this shape, over some dimensions, which stay as sides of one.
pub(super) fn mean(step: &mut Step<'_>, value: Value, shape: &[usize], axes: &[usize]) -> Result<Value, String> {
    without_batch(axes)?;
    let share = step.scalar(share(shape, axes));
    let axes: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
    let axes = step.graph.integers("axes", &axes);
    let sum = step.graph.node("ReduceSum", &[value, axes], [("keepdims", Attribute::Int(1))]);
    Ok(step.graph.mul(sum, share))
}

fn share(shape: &[usize], axes: &[usize]) -> f32 {
    1.0 / axes.iter().map(|&axis| shape[axis]).product::<usize>() as f32
}

/// What is reduced over: an attribute, since operator set 13 (sums) or 18 (means) an input; all where nothing is given.
fn axes(step: &Step<'_>, index: usize) -> Result<Vec<usize>, String> {
    if index > 0 {
        return Err("its dimensions hang on the input".to_owned());
    }
    let rank = step.shape(step.input(0)?)?.len();
    let given = match step.ints("axes") {
        Some(axes) => axes,
        None => step.integers(1)?.unwrap_or_default(),
    };
    if given.is_empty() {
        let all = (0..rank).collect::<Vec<_>>();
        let kept = if step.int("noop_with_empty_axes", 0) != 0 { Vec::new() } else { all };
        return without_batch(&kept).map(|()| kept);
    }
    let axes = given.into_iter().map(|axis| from_start(axis, rank)).collect::<Result<Vec<_>, _>>()?;
    without_batch(&axes).map(|()| axes)
}

fn without_batch(axes: &[usize]) -> Result<(), String> {
    if axes.contains(&0) { Err("it reduces the batch".to_owned()) } else { Ok(()) }
}

/// To every element what came of it.
fn spread(step: &mut Step<'_>, cotangent: Value, axes: &[usize]) -> Result<Value, String> {
    let shape = step.shape(step.input(0)?)?;
    let mut kept = shape.clone();
    axes.iter().for_each(|&axis| kept[axis] = 1);
    let kept = step.graph.reshape(cotangent, &any_batch(&kept));
    // A side of one stays as it is, so the batch may be any.
    let sides: Vec<i64> = std::iter::once(1).chain(shape[1..].iter().map(|&side| side as i64)).collect();
    let sides = step.graph.integers("sides", &sides);
    Ok(step.graph.node("Expand", &[kept, sides], []))
}
