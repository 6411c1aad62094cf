//! Rules of normalisations.

use super::Step;
use super::reduction::mean;
use crate::onnx::Value;
use crate::onnx::graph::{Attribute, Name};

/// `scale / sqrt(variance + epsilon)` a channel: statistics are fixed.
pub(super) fn batch_normalization(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    if index > 0 || step.int("training_mode", 0) != 0 {
        return Err("its statistics hang on the input".to_owned());
    }
    let epsilon = step.float("epsilon", 1e-5);
    let rank = step.shape(step.input(0)?)?.len();
    let (scale, variance, epsilon) = (step.input(1)?, step.input(4)?, step.scalar(epsilon));
    let positive = step.graph.add(variance, epsilon);
    let deviation = step.graph.node("Sqrt", &[positive], []);
    let slope = step.graph.node("Div", &[scale, deviation], []);
    let per_channel: Vec<i64> = (0..rank).map(|axis| if axis == 1 { -1 } else { 1 }).collect();
    let slope = step.graph.reshape(slope, &per_channel);
    let cotangent = step.cotangent()?;
    Ok(step.graph.mul(cotangent, slope))
}

/// `s (g - mean(g) - x' mean(g x'))`: `x'` is the normalised input, `s` one over its deviation, `g` the weighed cotangent
/// (Ba, Kiros, Hinton 2016).
pub(super) fn layer_normalization(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    if index > 0 {
        return Err("its scale hangs on the input".to_owned());
    }
    let (input, scale, cotangent) = (step.input(0)?, step.input(1)?, step.cotangent()?);
    let shape = step.shape(input)?;
    let axes: Vec<usize> = (step.axis("axis", -1, shape.len())?..shape.len()).collect();
    let (epsilon, one) = (step.float("epsilon", 1e-5), step.scalar(1.0));
    let epsilon = step.scalar(epsilon);
    let centre = mean(step, input, &shape, &axes)?;
    let centred = step.graph.node("Sub", &[input, centre], []);
    let square = step.graph.mul(centred, centred);
    let variance = mean(step, square, &shape, &axes)?;
    let positive = step.graph.add(variance, epsilon);
    let deviation = step.graph.node("Sqrt", &[positive], []);
    let inverse = step.graph.node("Div", &[one, deviation], []);
    let normal = step.graph.mul(centred, inverse);
    let weighed = step.graph.mul(cotangent, scale);
    let level = mean(step, weighed, &shape, &axes)?;
    let along = step.graph.mul(weighed, normal);
    let along = mean(step, along, &shape, &axes)?;
    let along = step.graph.mul(normal, along);
    let rest = step.graph.node("Sub", &[weighed, level], []);
    let rest = step.graph.node("Sub", &[rest, along], []);
    Ok(step.graph.mul(rest, inverse))
}

/// Of `x n^-beta` with `n = bias + alpha / size sum(x^2)` over neighbouring channels:
/// `c n^-beta - 2 alpha beta / size x sum(c x n^(-beta - 1))` (Krizhevsky, Sutskever, Hinton 2012).
pub(super) fn lrn(step: &mut Step<'_>, _: usize) -> Result<Value, String> {
    let (input, cotangent) = (step.input(0)?, step.cotangent()?);
    let size = usize::try_from(step.int("size", 0)).ok().filter(|&size| size > 0).ok_or("its size is missing")?;
    let (alpha, beta) = (step.float("alpha", 1e-4), step.float("beta", 0.75));
    let (bias, share) = (step.float("bias", 1.0), alpha / size as f32);
    let numbers = [bias, share, -beta, -beta - 1.0, 2.0 * share * beta];
    let [bias, share, power, steeper, factor] = numbers.map(|number| step.scalar(number));
    let (before, behind) = ((size - 1) / 2, size / 2);

    let square = step.graph.mul(input, input);
    let sum = neighbours(step, square, [before, behind])?;
    let sum = step.graph.mul(sum, share);
    let norm = step.graph.add(sum, bias);
    let [scale, slope] = [power, steeper].map(|exponent| step.graph.node("Pow", &[norm, exponent], []));
    let own = step.graph.mul(cotangent, scale);
    let theirs = step.graph.mul(cotangent, input);
    let theirs = step.graph.mul(theirs, slope);
    // Whom a channel has behind it has the channel before it.
    let theirs = neighbours(step, theirs, [behind, before])?;
    let theirs = step.graph.mul(theirs, input);
    let theirs = step.graph.mul(theirs, factor);
    Ok(step.graph.node("Sub", &[own, theirs], []))
}

/// The sum over as many channels before and behind each, and itself.
fn neighbours(step: &mut Step<'_>, value: Value, [before, behind]: [usize; 2]) -> Result<Value, String> {
    let input = step.input(0)?;
    let shape = step.shape(input)?;
    let pixels: usize = shape[2..].iter().product();
    let columns = step.graph.reshape(value, &[-1, 1, shape[1] as i64, pixels as i64]);
    let size = before + behind + 1;
    let ones = step.graph.store(Name::Numbered("ones".to_owned()), vec![1, 1, size, 1], vec![1.0_f32; size].into());
    let pads = Attribute::Ints(vec![before as i64, 0, behind as i64, 0]);
    let sum = step.graph.node("Conv", &[columns, ones], [("pads", pads)]);
    step.reshape_like(sum, input)
}
