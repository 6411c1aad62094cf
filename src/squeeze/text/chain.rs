//! One squeezer after the other.

use std::borrow::Cow;

use super::TextSqueezer;

/// `invisible+skeleton+leet`: each squeezes what the one before it left, against disguises on top of each other.
pub struct Chain {
    links: Vec<Box<dyn TextSqueezer>>,
}

impl Chain {
    pub(super) fn new(links: Vec<Box<dyn TextSqueezer>>) -> Self {
        Self { links }
    }
}

impl TextSqueezer for Chain {
    fn name(&self) -> String {
        let names: Vec<String> = self.links.iter().map(|link| link.name()).collect();
        names.join("+")
    }

    fn squeeze<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.links.iter().fold(Cow::Borrowed(text), |text, link| match text {
            Cow::Borrowed(text) => link.squeeze(text),
            Cow::Owned(text) => match link.squeeze(&text) {
                // What a squeezer borrows may be a part of what it was given.
                Cow::Borrowed(same) if same.len() == text.len() => Cow::Owned(text),
                other => Cow::Owned(other.into_owned()),
            },
        })
    }
}
