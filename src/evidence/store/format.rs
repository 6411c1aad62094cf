//! What a kept input is, and how its file is called.

use serde::{Deserialize, Serialize};

use crate::data::ExactFormat;

/// The form of a kept input: `png`, `npy` or `txt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum KeptFormat {
    /// A picture, to the pixel.
    Picture(ExactFormat),
    /// A text, to the character.
    Text(TextFormat),
}

/// The form of a kept text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextFormat {
    /// UTF-8, nothing but the text.
    #[serde(rename = "txt")]
    Utf8,
}

impl KeptFormat {
    /// What such files' names end with.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Picture(format) => format.extension(),
            Self::Text(TextFormat::Utf8) => "txt",
        }
    }
}
