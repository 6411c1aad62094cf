//! Characters that nobody sees.

use super::edits::{inserting, random};
use super::session::Session;
use super::word_by_word::word_by_word;
use super::{AttackError, TextAttack};

/// Words are parted by spaces of no width, soft hyphens or word joiners, in one place or before each letter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ZeroWidth {
    /// The share of words that may be changed, from 0 to 1.
    pub share: f64,
    /// Seed of the places.
    pub seed: u64,
}

impl TextAttack for ZeroWidth {
    fn attack(&self, session: &mut Session, index: u64) -> Result<(), AttackError> {
        let mut random = random(self.seed, index);
        word_by_word(session, self.share, |word| {
            ["\u{200b}", "\u{ad}", "\u{2060}"].iter().flat_map(|hidden| inserting(word, &mut random, hidden)).collect()
        })
    }
}
