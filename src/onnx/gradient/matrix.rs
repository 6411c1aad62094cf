//! Rules of matrix products.

use super::Step;
use crate::onnx::Value;
use crate::onnx::graph::Attribute;

/// `alpha A B + beta C`: `alpha c B^T` for `A`, `alpha A^T c` for `B`.
pub(super) fn gemm(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    let cotangent = step.cotangent()?;
    let is_turned = [step.int("transA", 0) != 0, step.int("transB", 0) != 0];
    let alpha = step.float("alpha", 1.0);
    if index > 1 {
        return Err("its summand hangs on the input".to_owned());
    }
    let other = step.input(1 - index)?;
    let other_is_turned = is_turned[1 - index];
    // What multiplies from which side: a turned factor takes its cotangent turned.
    let (factors, turns) = match (index, is_turned[index]) {
        (0, false) => ([cotangent, other], [false, !other_is_turned]),
        (0, true) => ([other, cotangent], [other_is_turned, true]),
        (_, false) => ([other, cotangent], [!other_is_turned, false]),
        (_, true) => ([cotangent, other], [true, other_is_turned]),
    };
    let attributes = [
        ("alpha", Attribute::Float(alpha)),
        ("transA", Attribute::Int(turns[0].into())),
        ("transB", Attribute::Int(turns[1].into())),
    ];
    Ok(step.graph.node("Gemm", &factors, attributes))
}

/// `A B`, of matrices or of stacks as many on both sides.
pub(super) fn mat_mul(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    let (cotangent, other) = (step.cotangent()?, step.input(1 - index)?);
    let (mine, theirs) = (step.shape(step.input(index)?)?, step.shape(other)?);
    let is_stack_times_matrix = index == 0 && theirs.len() == 2;
    if mine.len() < 2 || theirs.len() < 2 {
        return Err("one of its factors is a vector".to_owned());
    }
    if !is_stack_times_matrix && mine[..mine.len() - 2] != theirs[..theirs.len() - 2] {
        return Err("one of its factors is stretched".to_owned());
    }
    let mut order: Vec<usize> = (0..theirs.len()).collect();
    order.swap(theirs.len() - 1, theirs.len() - 2);
    let turned = step.graph.transpose(other, &order);
    let factors = if index == 0 { [cotangent, turned] } else { [turned, cotangent] };
    Ok(step.graph.node("MatMul", &factors, []))
}
