//! Squeezers of text: functions from a message to a plainer message, one file each.
//!
//! None of them judges: a message is suspicious when the classifier reads the plainer one otherwise, so that no language
//! is suspicious for being itself. Those that have to know words know what was seen in calibration.

mod accents;
mod catalogue;
mod chain;
mod common;
mod dropout;
mod frequency;
mod invisible;
mod leet;
mod neighbours;
mod nfkc;
mod repeats;
mod segment;
mod skeleton;
mod spacing;
mod spelling;
mod vocabulary;
mod words;

pub use accents::Accents;
pub use catalogue::parse_text;
pub use chain::Chain;
pub use common::Common;
pub use dropout::Dropout;
pub use frequency::Frequency;
pub use invisible::{Invisible, hidden};
pub use leet::Leet;
pub use nfkc::Nfkc;
pub use repeats::Repeats;
pub use segment::Segment;
pub use skeleton::{Skeleton, disguises};
pub use spacing::Spacing;
pub use spelling::Spelling;
pub use vocabulary::{Vocabulary, VocabularyError};
pub use words::words;

use std::borrow::Cow;

/// A function from a text to a plainer one. It takes time in proportion to the text, whatever the text.
pub trait TextSqueezer: Send + Sync {
    /// Its name with its parameters, as the configuration writes it: `spelling(1)`.
    fn name(&self) -> String;

    /// The plainer text; borrowed, all of it or a part, where nothing had to be written anew.
    fn squeeze<'a>(&self, text: &'a str) -> Cow<'a, str>;
}
