//! Digits and signs for letters.

use super::edits::{random, replacing};
use super::session::Session;
use super::word_by_word::word_by_word;
use super::{AttackError, TextAttack};

/// Letters become digits or signs that stand for them, one or all of a word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leet {
    /// The share of words that may be changed, from 0 to 1.
    pub share: f64,
    /// Seed of the choice of letters.
    pub seed: u64,
}

impl TextAttack for Leet {
    fn attack(&self, session: &mut Session, index: u64) -> Result<(), AttackError> {
        let mut random = random(self.seed, index);
        word_by_word(session, self.share, |word| {
            [digit as fn(char) -> Option<char>, sign]
                .iter()
                .flat_map(|sign| replacing(word, &mut random, sign))
                .collect()
        })
    }
}

fn digit(letter: char) -> Option<char> {
    Some(match letter.to_ascii_lowercase() {
        'a' => '4',
        'b' => '8',
        'e' => '3',
        'g' => '9',
        'i' | 'l' => '1',
        'o' => '0',
        's' => '5',
        't' => '7',
        _ => return None,
    })
}

fn sign(letter: char) -> Option<char> {
    Some(match letter.to_ascii_lowercase() {
        'a' => '@',
        'i' => '!',
        's' => '$',
        _ => return digit(letter),
    })
}
