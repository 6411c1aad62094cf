//! The family of networks that are trained here: residual networks (He et al. 2016) of three stages, from a name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::front::{Front, RESIDUALS, SIDE};

/// How large a network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// For 28x28 digits, and where a model must be small.
    Tiny,
    /// For small pictures.
    Small,
    /// For pictures of many kinds.
    Medium,
}

impl Size {
    /// All sizes, from small to large.
    pub const ALL: [Self; 3] = [Self::Tiny, Self::Small, Self::Medium];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Small => "small",
            Self::Medium => "medium",
        }
    }

    /// The size that suits pictures of so many pixels.
    pub fn suited_to(height: usize, width: usize) -> Self {
        match height * width {
            0..=1023 => Self::Tiny,
            1024..=4096 => Self::Small,
            _ => Self::Medium,
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|size| size.name() == name);
        found.ok_or_else(|| format!("unknown size '{name}' (tiny, small or medium)"))
    }
}

/// The shape of a network: a stem, three residual blocks that halve the sides and widen the channels, the mean over
/// the last map, one linear layer.
///
/// Narrow at full resolution and wide below: there a convolution makes most of a CPU. No depthwise convolutions: trained
/// on a CPU they cost half the time of dense ones for a small part of their multiplications (`docs/training.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Architecture {
    /// How large it is.
    pub size: Size,
    /// What it sees of a picture.
    pub front: Front,
    /// Channels of the picture: 1 or 3.
    pub channels: usize,
    /// Rows of the picture.
    pub height: usize,
    /// Columns of the picture.
    pub width: usize,
    /// Number of classes.
    pub classes: usize,
}

/// One convolution: channels in and out, side of the kernel, stride. Padding keeps the size at stride 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Convolution {
    pub from: usize,
    pub to: usize,
    pub kernel: usize,
    pub stride: usize,
}

impl Convolution {
    pub(super) fn padding(self) -> usize {
        self.kernel / 2
    }

    /// The side of what comes out where `side` goes in.
    fn shrink(self, side: usize) -> usize {
        (side + 2 * self.padding() - self.kernel) / self.stride + 1
    }
}

/// The convolutions of one residual block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stage {
    pub first: Convolution,
    pub second: Convolution,
    pub shortcut: Convolution,
}

impl Architecture {
    /// The convolution that sees the picture. Large pictures are made smaller at once; less so where what lies between
    /// neighbours counts.
    pub(super) fn stem(&self) -> Convolution {
        let to = if self.size == Size::Tiny { 12 } else { 16 };
        let (kernel, stride) = match (self.front, self.height.max(self.width)) {
            (_, 0..=64) | (Front::Residuals, 65..=128) => (3, 1),
            (Front::Residuals, _) => (3, 2),
            (Front::Pixels, 65..=128) => (5, 2),
            (Front::Pixels, _) => (7, 4),
        };
        Convolution { from: self.front.maps(self.channels), to, kernel, stride }
    }

    pub(super) fn stages(&self) -> [Stage; 3] {
        let widths = match self.size {
            Size::Tiny => [24, 48, 96],
            Size::Small => [32, 64, 128],
            Size::Medium => [56, 112, 224],
        };
        let mut from = self.stem().to;
        widths.map(|to| {
            let first = Convolution { from, to, kernel: 3, stride: 2 };
            let stage = Stage {
                first,
                second: Convolution { from: to, stride: 1, ..first },
                shortcut: Convolution { kernel: 1, ..first },
            };
            from = to;
            stage
        })
    }

    /// Channels that the linear layer sees.
    pub(super) fn features(&self) -> usize {
        self.stages()[2].second.to
    }

    /// Multiplications and additions of one prediction, counted as pairs.
    pub fn multiply_adds(&self) -> u64 {
        let mut sides = [self.height, self.width];
        let mut total = self.features() * self.classes;
        if self.front == Front::Residuals {
            total += self.height * self.width * self.channels * RESIDUALS * SIDE * SIDE;
        }
        let mut count = |convolution: Convolution, sides: [usize; 2]| {
            let out = sides.map(|side| convolution.shrink(side));
            total += out[0] * out[1] * convolution.from * convolution.to * convolution.kernel.pow(2);
            out
        };
        sides = count(self.stem(), sides);
        for stage in self.stages() {
            count(stage.shortcut, sides);
            sides = count(stage.first, sides);
            count(stage.second, sides);
        }
        total as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for size in Size::ALL {
            assert_eq!(size.to_string().parse(), Ok(size));
        }
        assert!("huge".parse::<Size>().unwrap_err().contains("medium"));
    }

    #[test]
    fn a_medium_network_takes_some_thirty_million_multiply_adds_of_a_small_picture() {
        let medium =
            Architecture { size: Size::Medium, front: Front::Pixels, channels: 3, height: 32, width: 32, classes: 10 };
        assert_eq!(medium.multiply_adds() / 1_000_000, 32);
    }
}
