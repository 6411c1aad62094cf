//! Benign words around a message.

use std::sync::Arc;

use rand::RngExt;

use super::edits::random;
use super::session::Session;
use super::{AttackError, Lexicon, TextAttack};
use crate::squeeze::text::words;

/// Words typical of the wanted class are added one after the other, each the best of a few; the message itself stays.
#[derive(Debug, Clone, PartialEq)]
pub struct Padding {
    /// What an attacker knows of words.
    pub lexicon: Arc<Lexicon>,
    /// Where they are put.
    pub place: Place,
    /// The most words that are added, as a multiple of those in the message.
    pub most: f64,
    /// Seed of the choice of words.
    pub seed: u64,
}

/// Where words are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before the message.
    Before,
    /// After it.
    After,
    /// Between its words, so that no part of it stands alone.
    Between,
}

/// Words of which the best is added, from the most typical ones.
const TRIED: usize = 6;
const MOST_TYPICAL: usize = 100;
/// Words that may be added to a message however short.
const FEWEST_ADDED: usize = 8;

impl TextAttack for Padding {
    fn attack(&self, session: &mut Session, index: u64) -> Result<(), AttackError> {
        let mut random = random(self.seed, index);
        let mut typical = self.lexicon.wanted(session.goal());
        typical.truncate(MOST_TYPICAL);
        let count = words(session.best()).count();
        let most = FEWEST_ADDED.max((self.most * count as f64) as usize);
        for _ in 0..most {
            if session.is_over() || typical.is_empty() {
                break;
            }
            let padded = (0..TRIED).map(|_| {
                let word = typical[random.random_range(0..typical.len())];
                match self.place {
                    Place::Before => format!("{word} {}", session.best()),
                    Place::After => format!("{} {word}", session.best()),
                    Place::Between => {
                        let count = words(session.best()).count();
                        between(session.best(), word, random.random_range(0..=count))
                    }
                }
            });
            let padded = padded.collect();
            session.offer(padded)?;
        }
        Ok(())
    }
}

/// The text with a word added before the word at `index`, or at its end.
fn between(text: &str, word: &str, index: usize) -> String {
    match words(text).nth(index) {
        Some(next) => format!("{}{word} {}", &text[..next.start], &text[next.start..]),
        None => format!("{text} {word}"),
    }
}
