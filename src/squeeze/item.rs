//! Squeezers of pictures and of texts, where it shows only in the configuration which of them are wanted.

use std::borrow::Cow;
use std::sync::Arc;

use super::text::{TextSqueezer, Vocabulary, parse_text};
use super::{Squeezer, SqueezerError, parse};
use crate::tensor::{Item, Kind};

/// A squeezer of pictures or of texts.
#[derive(Clone)]
pub enum ItemSqueezer {
    /// Of pictures.
    Picture(Arc<dyn Squeezer>),
    /// Of texts.
    Text(Arc<dyn TextSqueezer>),
}

impl ItemSqueezer {
    /// Its name with its parameters, as the configuration writes it.
    pub fn name(&self) -> String {
        match self {
            Self::Picture(squeezer) => squeezer.name(),
            Self::Text(squeezer) => squeezer.name(),
        }
    }

    /// The squeezer, if it is one of pictures.
    pub fn of_pictures(&self) -> Option<&dyn Squeezer> {
        match self {
            Self::Picture(squeezer) => Some(squeezer.as_ref()),
            Self::Text(_) => None,
        }
    }

    /// The squeezer, if it is one of texts.
    pub fn of_texts(&self) -> Option<Box<dyn TextSqueezer>> {
        match self {
            Self::Picture(_) => None,
            Self::Text(squeezer) => Some(Box::new(squeezer.clone())),
        }
    }

    /// The squeezed item; one of the other kind stays as it is.
    pub fn squeeze(&self, item: &Item) -> Item {
        match (self, item) {
            (Self::Picture(squeezer), Item::Picture(picture)) => squeezer.squeeze(picture).into(),
            (Self::Text(squeezer), Item::Text(text)) => match squeezer.squeeze(text) {
                Cow::Borrowed(part) if part.len() == text.len() => item.clone(),
                squeezed => Item::Text(squeezed.into()),
            },
            // Unchanged as a text it may be other tokens than those that were sent.
            (Self::Text(squeezer), Item::Tokens(sent)) => Item::Text(squeezer.squeeze(&sent.text).into()),
            _ => item.clone(),
        }
    }
}

/// What squeezers are chosen from.
pub enum Catalogue {
    /// Squeezers of pictures.
    Pictures,
    /// Squeezers of texts, some of which know these words.
    Texts(Arc<Vocabulary>),
}

impl Catalogue {
    /// Of squeezers of one kind; those of texts may know these words.
    pub fn of(kind: Kind, vocabulary: Arc<Vocabulary>) -> Self {
        match kind {
            Kind::Picture => Self::Pictures,
            Kind::Text => Self::Texts(vocabulary),
        }
    }

    /// The squeezer that `name` stands for.
    ///
    /// # Errors
    /// When there is no such squeezer of this kind, or its parameters are not as many as it takes or out of range.
    pub fn parse(&self, name: &str) -> Result<ItemSqueezer, SqueezerError> {
        match self {
            Self::Pictures => match parse(name) {
                Err(SqueezerError::Unknown { .. }) if is_known(parse_text(name, &Arc::default())) => {
                    Err(SqueezerError::Kind { written: name.to_owned(), expected: Kind::Picture, actual: Kind::Text })
                }
                squeezer => Ok(ItemSqueezer::Picture(squeezer?.into())),
            },
            Self::Texts(vocabulary) => match parse_text(name, vocabulary) {
                Err(SqueezerError::Unknown { .. }) if is_known(parse(name)) => {
                    Err(SqueezerError::Kind { written: name.to_owned(), expected: Kind::Text, actual: Kind::Picture })
                }
                squeezer => Ok(ItemSqueezer::Text(squeezer?.into())),
            },
        }
    }
}

fn is_known<T>(squeezer: Result<T, SqueezerError>) -> bool {
    !matches!(squeezer, Err(SqueezerError::Unknown { .. }))
}

impl TextSqueezer for Arc<dyn TextSqueezer> {
    fn name(&self) -> String {
        self.as_ref().name()
    }

    fn squeeze<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.as_ref().squeeze(text)
    }
}
