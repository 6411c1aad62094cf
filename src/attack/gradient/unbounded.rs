//! Pixels as functions of variables without bounds, so that any step leaves them within [0, 1] (Carlini, Wagner 2017).

use super::adam::Adam;
use crate::tensor::Picture;

/// Keeps black and white pixels from being infinitely far off.
const NEARLY_ALL: f32 = 1.0 - 1e-6;

/// A pixel is (tanh(variable) + 1) / 2.
pub(in crate::attack) struct Unbounded {
    variables: Vec<f32>,
    adam: Adam,
}

impl Unbounded {
    /// Begins at `picture`.
    pub fn new(picture: &Picture, rate: f32) -> Self {
        let variable = |pixel: &f32| (NEARLY_ALL * (2.0 * pixel - 1.0)).atanh();
        let variables: Vec<f32> = picture.pixels().iter().map(variable).collect();
        Self { adam: Adam::new(rate, variables.len()), variables }
    }

    /// The picture that the variables stand for, of the shape of `like`.
    pub fn picture(&self, like: &Picture) -> Picture {
        like.with_pixels(self.variables.iter().map(|variable| (variable.tanh() + 1.0) / 2.0).collect())
    }

    /// Moves against the gradient by pixels.
    pub fn descend(&mut self, by_pixels: impl IntoIterator<Item = f32>) {
        let gradient = by_pixels.into_iter().zip(&self.variables).map(|(slope, variable)| {
            let tanh = variable.tanh();
            slope * (1.0 - tanh * tanh) / 2.0
        });
        let gradient: Vec<f32> = gradient.collect();
        self.adam.descend(&mut self.variables, &gradient);
    }
}
