//! Words for words.

use std::sync::Arc;

use rand::RngExt;

use super::edits::random;
use super::session::Session;
use super::word_by_word::word_by_word;
use super::{AttackError, Lexicon, TextAttack};

/// Words become others that are typical of the wanted class, each the best of a few: greedily, the word first on which
/// most depends.
#[derive(Debug, Clone, PartialEq)]
pub struct Replacement {
    /// What an attacker knows of words.
    pub lexicon: Arc<Lexicon>,
    /// The share of words that may be replaced, from 0 to 1.
    pub share: f64,
    /// Seed of the choice of words.
    pub seed: u64,
}

/// Words of which the best is taken, from the most typical ones.
const TRIED: usize = 8;
const MOST_TYPICAL: usize = 100;

impl TextAttack for Replacement {
    fn attack(&self, session: &mut Session, index: u64) -> Result<(), AttackError> {
        let mut random = random(self.seed, index);
        let mut typical = self.lexicon.wanted(session.goal());
        typical.truncate(MOST_TYPICAL);
        if typical.is_empty() {
            return Ok(());
        }
        word_by_word(session, self.share, |_| {
            (0..TRIED).map(|_| typical[random.random_range(0..typical.len())].to_owned()).collect()
        })
    }
}
