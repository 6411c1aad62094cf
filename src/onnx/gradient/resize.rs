//! The rule of resizing: along each dimension it is a product with a matrix, and so is the way back.

use super::Step;
use super::shape::by_matrix;
use crate::onnx::Value;
use crate::tensor::Elements;

pub(super) fn resize(step: &mut Step<'_>, index: usize) -> Result<Value, String> {
    let stretches = step.text("keep_aspect_ratio_policy").is_none_or(|policy| policy == "stretch");
    if index > 0 || step.ints("axes").is_some() || step.int("antialias", 0) != 0 || !stretches {
        return Err("it does more than nearest and linear interpolation by fixed scales".to_owned());
    }
    let (from, mut sides) = (step.shape(step.input(0)?)?, step.shape(step.output()?)?);
    let scales = scales(step, &from, &sides)?;
    let mut value = step.cotangent()?;
    for axis in 0..from.len() {
        if from[axis] == sides[axis] && scales[axis] == 1.0 {
            continue;
        }
        let lengths = [from[axis], sides[axis]];
        let matrix = Interpolation::of(step)?.matrix(lengths, f64::from(scales[axis]));
        value = by_matrix(step, value, &mut sides, axis, matrix)?;
    }
    Ok(value)
}

/// As given, or as the sides have it.
fn scales(step: &Step<'_>, from: &[usize], to: &[usize]) -> Result<Vec<f32>, String> {
    let given = step.node.inputs.get(2).copied().flatten();
    let Some(given) = given.filter(|&value| step.trace.shape(value).is_none_or(|shape| shape != [0])) else {
        return Ok(from.iter().zip(to).map(|(&from, &to)| to as f32 / from as f32).collect());
    };
    match step.graph.constants.iter().find(|constant| constant.value == given).map(|constant| &constant.elements) {
        Some(Elements::Fp32(scales)) if scales.len() == from.len() => Ok(scales.clone()),
        _ => Err("its scales are not known".to_owned()),
    }
}

/// How a place between pixels is found and read.
struct Interpolation {
    coordinates: String,
    /// How a place is rounded to the nearest pixel; nothing where two are weighed.
    nearest: Option<String>,
}

impl Interpolation {
    fn of(step: &Step<'_>) -> Result<Self, String> {
        let text = |name: &str, default: &str| step.text(name).unwrap_or(default).to_owned();
        let coordinates = text("coordinate_transformation_mode", "half_pixel");
        let known = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"];
        if !known.contains(&coordinates.as_str()) {
            return Err(format!("its coordinates are '{coordinates}'"));
        }
        let nearest = match step.text("mode").unwrap_or("nearest") {
            "nearest" => Some(text("nearest_mode", "round_prefer_floor")),
            "linear" => None,
            mode => return Err(format!("its mode is '{mode}'")),
        };
        Ok(Self { coordinates, nearest })
    }

    /// A row for each pixel made, a column for each that there was.
    fn matrix(&self, [from, to]: [usize; 2], scale: f64) -> Vec<f32> {
        let mut matrix = vec![0.0; to * from];
        let last = (from - 1) as f64;
        for (pixel, row) in matrix.chunks_exact_mut(from).enumerate() {
            let place = self.place(pixel as f64, [from, to], scale);
            if let Some(mode) = &self.nearest {
                let rounded = match mode.as_str() {
                    "floor" => place.floor(),
                    "ceil" => place.ceil(),
                    "round_prefer_ceil" => (place + 0.5).floor(),
                    _ => (place - 0.5).ceil(),
                };
                row[rounded.clamp(0.0, last) as usize] = 1.0;
            } else {
                let place = place.clamp(0.0, last);
                let (before, share) = (place as usize, place.fract() as f32);
                row[before] += 1.0 - share;
                row[(before + 1).min(from - 1)] += share;
            }
        }
        matrix
    }

    /// Where among the old pixels a new one lies.
    fn place(&self, pixel: f64, [from, to]: [usize; 2], scale: f64) -> f64 {
        match self.coordinates.as_str() {
            "asymmetric" => pixel / scale,
            "align_corners" if to == 1 => 0.0,
            "align_corners" => pixel * (from - 1) as f64 / (to - 1) as f64,
            "pytorch_half_pixel" if to == 1 => 0.0,
            _ => (pixel + 0.5) / scale - 0.5,
        }
    }
}
