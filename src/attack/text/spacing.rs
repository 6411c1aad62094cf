//! Words that are pulled apart.

use super::edits::{inserting, random};
use super::session::Session;
use super::word_by_word::word_by_word;
use super::{AttackError, TextAttack};

/// Words are parted by spaces, full stops or hyphens, in one place or before each letter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spacing {
    /// The share of words that may be changed, from 0 to 1.
    pub share: f64,
    /// Seed of the places.
    pub seed: u64,
}

impl TextAttack for Spacing {
    fn attack(&self, session: &mut Session, index: u64) -> Result<(), AttackError> {
        let mut random = random(self.seed, index);
        word_by_word(session, self.share, |word| {
            [" ", ".", "-"].iter().flat_map(|gap| inserting(word, &mut random, gap)).collect()
        })
    }
}
