//! The contract of a classifier: how its input tensor encodes what it looks at, how its output encodes a prediction.

mod error;
mod output;
mod picture;
mod text;
mod tokens;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use error::ContractError;
pub use output::OutputSpec;
pub use picture::{EncodedSpec, PictureSpec};
pub use text::{TextSpec, decode_text};
pub use tokens::TokenSpec;

use crate::tensor::{Item, Kind};

/// How an input tensor encodes what the model looks at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum InputSpec {
    /// Pictures.
    Picture(PictureSpec),
    /// Texts.
    Text(TextSpec),
    /// Tokens of texts.
    Tokens(TokenSpec),
}

/// Something that works on pictures alone was asked of a model of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the model takes text, and this works on pictures only")]
pub struct NotPictures;

impl InputSpec {
    /// Name of the model's tensor.
    pub fn name(&self) -> &str {
        match self {
            Self::Picture(spec) => &spec.name,
            Self::Text(spec) => &spec.name,
            Self::Tokens(spec) => &spec.name,
        }
    }

    /// Name of the tensor that clients send, of several that of ids.
    pub fn sent_name(&self) -> &str {
        match self {
            Self::Picture(spec) => spec.sent_name(),
            Self::Text(spec) => &spec.name,
            Self::Tokens(spec) => spec.text.as_ref().unwrap_or(&spec.name),
        }
    }

    /// What the model looks at.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Picture(_) => Kind::Picture,
            Self::Text(_) | Self::Tokens(_) => Kind::Text,
        }
    }

    /// Whether inputs go together into a batch without being padded, here or in the model.
    pub fn is_of_one_size(&self) -> bool {
        match self {
            Self::Picture(_) => true,
            Self::Text(_) => false,
            Self::Tokens(spec) => spec.length.is_some(),
        }
    }

    /// How it encodes pictures.
    ///
    /// # Errors
    /// When it takes texts.
    pub fn pictures(&self) -> Result<&PictureSpec, NotPictures> {
        match self {
            Self::Picture(spec) => Ok(spec),
            Self::Text(_) | Self::Tokens(_) => Err(NotPictures),
        }
    }

    /// Whether it can be computed with its numbers.
    pub fn is_finite(&self) -> bool {
        self.pictures().map_or(true, PictureSpec::is_finite)
    }

    /// Whether clients send an element of `BYTES` for each item: a file or a text.
    pub fn takes_bytes(&self) -> bool {
        match self {
            Self::Picture(spec) => spec.encoded.is_some(),
            Self::Text(_) => true,
            Self::Tokens(spec) => spec.text.is_some(),
        }
    }

    /// Whether the tensor of this name is one of those that clients send an item in.
    pub fn is_sent_in(&self, name: &str) -> bool {
        match self {
            Self::Tokens(spec) if spec.text.is_none() => spec.names().any(|own| own == name),
            _ => self.sent_name() == name,
        }
    }

    /// The item as the gateway gets to see it of a client who means it.
    pub fn as_sent(&self, item: Item) -> Item {
        match self {
            Self::Picture(_) | Self::Text(_) => item,
            Self::Tokens(spec) => spec.as_sent(item),
        }
    }

    /// An item that shows nothing: a black picture, or an empty text.
    pub fn blank(&self) -> Item {
        match self {
            Self::Picture(spec) => Item::Picture(spec.black()),
            Self::Text(_) | Self::Tokens(_) => Item::Text(Arc::from("")),
        }
    }
}

impl From<PictureSpec> for InputSpec {
    fn from(spec: PictureSpec) -> Self {
        Self::Picture(spec)
    }
}

impl From<TextSpec> for InputSpec {
    fn from(spec: TextSpec) -> Self {
        Self::Text(spec)
    }
}

impl From<TokenSpec> for InputSpec {
    fn from(spec: TokenSpec) -> Self {
        Self::Tokens(spec)
    }
}

/// SHA-256 over anything serialisable, in hexadecimal: the identity of a specification.
pub fn fingerprint(value: &impl Serialize) -> String {
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    hex::encode(Sha256::digest(bytes))
}
