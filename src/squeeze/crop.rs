//! The middle, enlarged.

use std::ops::RangeInclusive;

use super::Squeezer;
use super::resize::share_of;
use crate::tensor::{self, Picture};

/// `crop(SHARE)`: the middle SHARE of each side, stretched bilinearly to the whole picture's size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crop {
    share: f32,
}

impl Crop {
    /// What `share` may be.
    pub const SHARE: RangeInclusive<f32> = 0.5..=1.0;

    /// A squeezer to the middle `share`, within [`Self::SHARE`].
    pub(super) fn new(share: f32) -> Self {
        Self { share }
    }
}

impl Squeezer for Crop {
    fn name(&self) -> String {
        format!("crop({})", self.share)
    }

    fn squeeze(&self, picture: &Picture) -> Picture {
        let (height, width) = (picture.height(), picture.width());
        let middle = tensor::centre(picture, share_of(height, self.share), share_of(width, self.share));
        // Only a side beyond 32 bits can't be resized; such a picture stays as it is.
        middle.and_then(|middle| tensor::resize(&middle, height, width)).unwrap_or_else(|_| picture.clone())
    }
}
