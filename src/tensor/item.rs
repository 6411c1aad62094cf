//! An item of a batch: what a model looks at, of whichever kind it is.

use std::fmt;
use std::sync::Arc;

use super::picture::Picture;

/// What a model looks at. Copies share it.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A picture.
    Picture(Arc<Picture>),
    /// A text, without NUL.
    Text(Arc<str>),
    /// A text, without NUL, that was sent as tokens.
    Tokens(Arc<Tokenised>),
}

/// Tokens of one text, as a model takes them; where it does not take marks or types, there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Number of each in the vocabulary.
    pub ids: Vec<i64>,
    /// Whether the model looks at it: 1, or 0 for padding.
    pub mask: Vec<i64>,
    /// Number of the part of the text that it belongs to.
    pub types: Vec<i64>,
}

/// A text with the tokens that were sent for it, of which others may stand for the same text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokenised {
    /// What they spell.
    pub text: Arc<str>,
    /// As they were sent.
    pub tokens: Tokens,
    /// SHA-256 of the tokenizer whose tokens they are, in hexadecimal.
    pub tokenizer: String,
}

impl Tokens {
    /// Memory that they take, in bytes.
    pub fn bytes(&self) -> usize {
        let Self { ids, mask, types } = self;
        [ids, mask, types].into_iter().map(|numbers| size_of_val(numbers.as_slice())).sum()
    }
}

/// What an item can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A picture.
    Picture,
    /// A text.
    Text,
}

impl Item {
    /// The picture, if it is one.
    pub fn picture(&self) -> Option<&Arc<Picture>> {
        match self {
            Self::Picture(picture) => Some(picture),
            Self::Text(_) | Self::Tokens(_) => None,
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&Arc<str>> {
        match self {
            Self::Picture(_) => None,
            Self::Text(text) => Some(text),
            Self::Tokens(tokenised) => Some(&tokenised.text),
        }
    }

    /// Memory that its contents take, in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Picture(picture) => size_of_val(picture.pixels()),
            Self::Text(text) => text.len(),
            Self::Tokens(tokenised) => tokenised.text.len() + tokenised.tokens.bytes(),
        }
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Picture(_) => Kind::Picture,
            Self::Text(_) | Self::Tokens(_) => Kind::Text,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Picture => "pictures",
            Self::Text => "text",
        })
    }
}

impl From<Picture> for Item {
    fn from(picture: Picture) -> Self {
        Self::Picture(Arc::new(picture))
    }
}

impl From<Arc<Picture>> for Item {
    fn from(picture: Arc<Picture>) -> Self {
        Self::Picture(picture)
    }
}

impl From<String> for Item {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}
