//! Rules of convolutions and of their reverse.

use super::Step;
use crate::onnx::Value;
use crate::onnx::graph::Attribute;

/// Of fewer channels ONNX Runtime's transposed convolution is the faster one, of more its convolution: by a third, and twice
/// to five times where each channel is a group of its own.
const FEWEST_CHANNELS: usize = 8;

/// The transposed convolution by the same weights. A bias adds nothing.
pub(super) fn conv(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    if index > 0 {
        return Err("its weights hang on the input".to_owned());
    }
    let (input, weight) = (step.input(0)?, step.input(1)?);
    let (from, to) = (step.shape(input)?, step.shape(step.output()?)?);
    let kernel = step.shape(weight)?;
    let window = Window::of(step, &kernel[2..], &from[2..], &to[2..])?;
    let (cotangent, groups) = (step.cotangent()?, step.int("group", 1));
    transposed(step, cotangent, weight, groups, window, [&from, &to])
}

/// The convolution by the same weights.
pub(super) fn conv_transpose(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    if index > 0 {
        return Err("its weights hang on the input".to_owned());
    }
    if step.text("auto_pad").is_some_and(|pad| pad != "NOTSET") || step.ints("output_shape").is_some() {
        return Err("its pads are not given".to_owned());
    }
    let (weight, cotangent) = (step.input(1)?, step.cotangent()?);
    let kept = ["strides", "dilations", "pads"];
    let kept = kept.into_iter().filter_map(|name| Some((name, Attribute::Ints(step.ints(name)?))));
    let attributes: Vec<_> = kept.chain([("group", Attribute::Int(step.int("group", 1)))]).collect();
    Ok(step.graph.node("Conv", &[cotangent, weight], attributes))
}

/// `maps` brought back by the transposed convolution of one that turns pictures of the first shape into maps of the
/// second; where its window moves by single pixels that is a convolution by the weights turned around.
pub(super) fn transposed(
    step: &mut Step<'_>,
    maps: Value,
    weight: Value,
    groups: i64,
    window: Window,
    [from, to]: [&[usize]; 2],
) -> Result<Value, String> {
    let rest = window.rest(&from[2..], &to[2..])?;
    let mirrored = window.pads_of_mirrored().filter(|_| groups > 1 || from[1] >= FEWEST_CHANNELS);
    let (operator, weight, own) = match mirrored {
        Some(pads) => {
            let weight = turned(step, weight, groups, &window.kernel, [from[1], to[1]]);
            ("Conv", weight, vec![("pads", Attribute::Ints(pads))])
        }
        None => {
            let own = [("output_padding", rest), ("strides", window.strides), ("pads", window.pads)];
            ("ConvTranspose", weight, own.map(|(name, sides)| (name, Attribute::Ints(sides))).to_vec())
        }
    };
    let shared = [
        ("kernel_shape", Attribute::Ints(window.kernel)),
        ("dilations", Attribute::Ints(window.dilations)),
        ("group", Attribute::Int(groups)),
    ];
    Ok(step.graph.node(operator, &[maps, weight], shared.into_iter().chain(own)))
}

/// The weights of a convolution between so many channels, leading back and mirrored. Where they are constants, the runtime
/// turns them once.
fn turned(step: &mut Step<'_>, weight: Value, groups: i64, kernel: &[i64], channels: [usize; 2]) -> Value {
    let rank = kernel.len();
    let [inputs, outputs] = channels.map(|count| count as i64 / groups);
    let apart = [&[groups, outputs, inputs], kernel].concat();
    let together = [&[groups * inputs, outputs], kernel].concat();
    let order: Vec<usize> = [0, 2, 1].into_iter().chain(3..3 + rank).collect();
    let weight = step.graph.reshape(weight, &apart);
    let weight = step.graph.transpose(weight, &order);
    let weight = step.graph.reshape(weight, &together);
    let backwards = [vec![-1; rank], vec![i64::MIN; rank], (2..2 + rank as i64).collect(), vec![-1; rank]];
    let [starts, ends, axes, steps] = backwards.map(|values| step.graph.integers("backwards", &values));
    step.graph.node("Slice", &[weight, starts, ends, axes, steps], [])
}

/// How a window moves over a picture of any number of dimensions.
pub(super) struct Window {
    pub kernel: Vec<i64>,
    pub strides: Vec<i64>,
    pub dilations: Vec<i64>,
    /// Before each dimension, then behind each.
    pub pads: Vec<i64>,
}

impl Window {
    /// Reads the attributes of a node that turns pictures `from` so large into maps `to` so large.
    pub(super) fn of(step: &Step<'_>, kernel: &[usize], from: &[usize], to: &[usize]) -> Result<Self, String> {
        let rank = kernel.len();
        let ones = || vec![1; rank];
        let mut window = Self {
            kernel: kernel.iter().map(|&side| side as i64).collect(),
            strides: step.ints("strides").unwrap_or_else(ones),
            dilations: step.ints("dilations").unwrap_or_else(ones),
            pads: step.ints("pads").unwrap_or_else(|| vec![0; 2 * rank]),
        };
        if window.strides.len() != rank || window.dilations.len() != rank || window.pads.len() != 2 * rank {
            return Err("its attributes disagree".to_owned());
        }
        match step.text("auto_pad") {
            None | Some("NOTSET") => {}
            Some("VALID") => window.pads.fill(0),
            Some(same) => {
                for axis in 0..rank {
                    let total = (window.reach(axis, to[axis]) - from[axis] as i64).max(0);
                    let less = total / 2;
                    let (before, behind) =
                        if same == "SAME_LOWER" { (total - less, less) } else { (less, total - less) };
                    (window.pads[axis], window.pads[rank + axis]) = (before, behind);
                }
            }
        }
        Ok(window)
    }

    /// The pixels that `steps` places of the window cover.
    fn reach(&self, axis: usize, steps: usize) -> i64 {
        (steps as i64 - 1) * self.strides[axis] + self.dilations[axis] * (self.kernel[axis] - 1) + 1
    }

    /// The pads with which a convolution by mirrored weights is the reverse of this one; nothing where it strides or where
    /// maps would have to be cut off.
    fn pads_of_mirrored(&self) -> Option<Vec<i64>> {
        let reach = self.dilations.iter().zip(&self.kernel).map(|(dilation, side)| dilation * (side - 1));
        let pads: Vec<i64> = reach.cycle().zip(&self.pads).map(|(reach, pad)| reach - pad).collect();
        (self.strides.iter().all(|&stride| stride == 1) && pads.iter().all(|&pad| pad >= 0)).then_some(pads)
    }

    /// How many pixels each place of the window covers, those around the picture only where `padding_counts`.
    pub(super) fn counts(&self, from: &[usize], to: &[usize], padding_counts: bool) -> Vec<usize> {
        let along = |axis: usize, place: usize| {
            let first = place as i64 * self.strides[axis] - self.pads[axis];
            let pixels = (0..self.kernel[axis]).map(|step| first + step * self.dilations[axis]);
            pixels.filter(|&pixel| padding_counts || (0..from[axis] as i64).contains(&pixel)).count()
        };
        (0..to.len()).fold(vec![1], |counts, axis| {
            let sides: Vec<usize> = (0..to[axis]).map(|place| along(axis, place)).collect();
            counts.iter().flat_map(|count| sides.iter().map(move |side| count * side)).collect()
        })
    }

    /// Pixels at the end that no window covers.
    pub(super) fn rest(&self, from: &[usize], to: &[usize]) -> Result<Vec<i64>, String> {
        let rank = self.kernel.len();
        let rest = |axis: usize| {
            let padded = from[axis] as i64 + self.pads[axis] + self.pads[rank + axis];
            padded - self.reach(axis, to[axis])
        };
        let rests: Vec<i64> = (0..rank).map(rest).collect();
        let fits = rests.iter().zip(&self.strides).all(|(&rest, &stride)| (0..stride).contains(&rest));
        fits.then_some(rests).ok_or_else(|| "its window does not fit".to_owned())
    }
}
