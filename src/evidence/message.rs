//! A text that was examined.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::squeeze::ItemSqueezer;
use crate::tensor::Item;

/// A text, and what squeezers made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The text as the classifier and the detectors were given it.
    pub text: Arc<str>,
    /// Its squeezed copies, in the order in which they were predicted; fewer or none where there was much to
    /// squeeze.
    pub copies: Vec<SqueezedText>,
}

/// What a squeezer made of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqueezedText {
    /// The squeezer, as predictions name it.
    pub squeezer: String,
    /// The squeezed text; nothing where there was nothing to change.
    pub text: Option<String>,
}

impl SqueezedText {
    /// What a squeezer makes of a text.
    pub fn by(squeezer: &ItemSqueezer, text: &Arc<str>) -> Self {
        let copy = match squeezer.squeeze(&Item::Text(text.clone())) {
            Item::Text(copy) if copy != *text => Some(String::from(&*copy)),
            _ => None,
        };
        Self { squeezer: squeezer.name(), text: copy }
    }
}

impl Message {
    /// What this squeezer made of the text, where that is known.
    pub fn copy_by(&self, squeezer: &str) -> Option<&SqueezedText> {
        self.copies.iter().find(|copy| copy.squeezer == squeezer)
    }

    /// Memory that it takes, in bytes, about.
    pub fn bytes(&self) -> usize {
        let copy = |copy: &SqueezedText| {
            size_of::<SqueezedText>() + copy.squeezer.len() + copy.text.as_ref().map_or(0, String::len)
        };
        self.text.len() + self.copies.iter().map(copy).sum::<usize>()
    }
}
