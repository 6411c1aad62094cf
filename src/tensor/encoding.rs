//! How tensors encode pictures and predictions.

use serde::{Deserialize, Serialize};

/// Order of the dimensions behind the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Layout {
    /// Channels first.
    Nchw,
    /// Channels last.
    Nhwc,
}

/// Meaning and order of the channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// Three channels, red first.
    Rgb,
    /// Three channels, blue first.
    Bgr,
    /// One channel.
    Grey,
    /// So many channels without colours, such as the two energies of a scanner.
    Channels(usize),
}

impl Colour {
    /// Number of channels.
    pub fn channels(self) -> usize {
        match self {
            Self::Rgb | Self::Bgr => 3,
            Self::Grey => 1,
            Self::Channels(channels) => channels,
        }
    }

    /// What so many channels are where nothing else is said.
    pub fn of_channels(channels: usize) -> Self {
        match channels {
            1 => Self::Grey,
            3 => Self::Rgb,
            channels => Self::Channels(channels),
        }
    }
}

/// Whether an output holds raw scores or a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// Scores before the softmax.
    Logits,
    /// Scores after the softmax.
    Probabilities,
}
