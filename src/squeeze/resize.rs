//! Made smaller and larger again.

use std::ops::RangeInclusive;

use super::Squeezer;
use crate::tensor::{self, Picture};

/// `resize(FACTOR)`: each side made FACTOR as long, and as long as it was again; bilinear, averaged on the way down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resize {
    factor: f32,
}

impl Resize {
    /// What `factor` may be.
    pub const FACTOR: RangeInclusive<f32> = 0.1..=1.0;

    /// A squeezer by `factor`, within [`Self::FACTOR`].
    pub(super) fn new(factor: f32) -> Self {
        Self { factor }
    }
}

impl Squeezer for Resize {
    fn name(&self) -> String {
        format!("resize({})", self.factor)
    }

    fn squeeze(&self, picture: &Picture) -> Picture {
        let (height, width) = (picture.height(), picture.width());
        let smaller = tensor::resize(picture, share_of(height, self.factor), share_of(width, self.factor));
        // Only a side beyond 32 bits can't be resized; such a picture stays as it is.
        smaller.and_then(|smaller| tensor::resize(&smaller, height, width)).unwrap_or_else(|_| picture.clone())
    }
}

/// A share of a side: at least one pixel, and not more than the side.
pub(super) fn share_of(side: usize, share: f32) -> usize {
    ((side as f32 * share).round() as usize).clamp(1, side)
}
