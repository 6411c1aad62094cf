//! A text that was examined, as the page shows it: what of it is not what it seems, and what each squeezer changed.

use std::time::{Duration, Instant};

use super::reading::{Classes, Said};
use super::words::thousands;
use crate::difference::{Marks, Sign, signs};
use crate::evidence::{Item, Message, SqueezedText, Voice};

/// How long the differences of one page may be looked for; what is not found then counts as replaced.
const PATIENCE: Duration = Duration::from_millis(500);
/// Characters of a text in a list.
const EXCERPT: usize = 140;
/// Texts of one detection that are shown at most.
pub(super) const MOST: usize = 32;

/// A text, and its squeezed copies.
pub(super) struct TextView {
    pub(super) marks: Marks,
    pub(super) signs: Vec<Sign>,
    pub(super) size: String,
    /// Those that differ from it.
    pub(super) copies: Vec<Reading>,
    /// Squeezers that found nothing to change.
    pub(super) idle: Vec<String>,
    /// Squeezers whose copies are not kept.
    pub(super) missing: usize,
}

/// A squeezed copy that differs from its text, and all squeezers that made it.
pub(super) struct Reading {
    pub(super) said: Said,
    pub(super) squeezers: Vec<String>,
    pub(super) marks: Marks,
    copy: String,
}

/// When the differences of a page that is asked for now have to be found.
pub(super) fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

/// The beginning of a text, in a list.
pub(super) fn excerpt(message: &Message) -> Marks {
    Marks::beginning(&message.text, EXCERPT)
}

impl TextView {
    pub(super) fn new(message: &Message, item: &Item, classes: Classes<'_>, deadline: Instant) -> Self {
        let own = item.original().map(|prediction| prediction.class);
        let (mut copies, mut idle, mut missing) = (Vec::new(), Vec::new(), 0);
        for prediction in item.predictions.iter().filter(|prediction| prediction.voice() == Voice::Copy) {
            match message.copy_by(&prediction.source) {
                Some(SqueezedText { text: Some(copy), .. }) => {
                    match copies.iter_mut().find(|reading: &&mut Reading| reading.copy == *copy) {
                        Some(reading) => reading.squeezers.push(prediction.source.clone()),
                        None => copies.push(Reading {
                            said: Said::new(prediction, own, classes),
                            squeezers: vec![prediction.source.clone()],
                            marks: Marks::between(&message.text, copy, deadline),
                            copy: copy.clone(),
                        }),
                    }
                }
                Some(SqueezedText { text: None, .. }) => idle.push(prediction.source.clone()),
                None => missing += 1,
            }
        }
        // What is read otherwise tells more.
        copies.sort_by_key(|reading| !reading.said.differs);
        let characters = message.text.chars().count();
        let size = match characters {
            1 => "1 character, as examined".to_owned(),
            characters => format!("{} characters, as examined", thousands(characters as u64)),
        };
        Self { marks: Marks::of(&message.text), signs: signs(&message.text), size, copies, idle, missing }
    }

    /// Whether there were squeezed copies of it.
    pub(super) fn was_squeezed(&self) -> bool {
        !self.copies.is_empty() || !self.idle.is_empty() || self.missing > 0
    }
}
