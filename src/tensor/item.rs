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
            Self::Text(_) => None,
        }
    }

    /// Memory that its contents take, in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Picture(picture) => size_of_val(picture.pixels()),
            Self::Text(text) => text.len(),
        }
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Picture(_) => Kind::Picture,
            Self::Text(_) => Kind::Text,
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
