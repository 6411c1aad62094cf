//! What attacks keep that look for the nearest picture on which their goal is reached.

use super::{Norm, change};
use crate::tensor::Picture;

/// The nearest picture so far.
#[derive(Debug, Clone)]
pub(super) struct Nearest {
    norm: Norm,
    found: Option<(f32, Picture)>,
}

impl Nearest {
    pub fn new(norm: Norm) -> Self {
        Self { norm, found: None }
    }

    /// Keeps `picture`, on which the goal is reached, if it is nearer than what was found before.
    pub fn offer(&mut self, benign: &Picture, picture: &Picture) {
        let distance = self.norm.length(&change(benign, picture));
        if distance < self.distance() {
            self.found = Some((distance, picture.clone()));
        }
    }

    /// Its distance; infinite where nothing was found.
    pub fn distance(&self) -> f32 {
        self.found.as_ref().map_or(f32::INFINITY, |(distance, _)| *distance)
    }

    pub fn picture(&self) -> Option<&Picture> {
        self.found.as_ref().map(|(_, picture)| picture)
    }

    /// The picture, or `last` where the goal was never reached.
    pub fn or(self, last: Picture) -> Picture {
        self.found.map_or(last, |(_, picture)| picture)
    }
}
