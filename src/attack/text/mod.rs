//! Attacks on classifiers of text, one file each: messages that a person still reads as before go in changed, and only
//! answers are looked at.
//!
//! Every attack is adaptive if it is told what squeezers watch over the classifier: it asks about each squeezed copy
//! too, and a change counts for what it does to the copy that it helps least.

mod catalogue;
mod deep_word_bug;
mod edits;
mod homoglyphs;
mod leet;
mod lexicon;
mod padding;
mod replacement;
mod session;
mod spacing;
mod text_bugger;
mod word_by_word;
mod zero_width;

pub use catalogue::{NamedTextAttack, text_suite};
pub use deep_word_bug::DeepWordBug;
pub use homoglyphs::Homoglyphs;
pub use leet::Leet;
pub use lexicon::Lexicon;
pub use padding::{Padding, Place};
pub use replacement::Replacement;
pub use spacing::Spacing;
pub use text_bugger::TextBugger;
pub use zero_width::ZeroWidth;

use super::{Answer, AttackError, Goal};
use crate::squeeze::text::TextSqueezer;
use session::Session;

/// Somebody who answers what a message is.
pub trait TextOracle {
    /// One answer a message.
    ///
    /// # Errors
    /// When a message can't be asked about; a refusal is an answer.
    fn ask(&mut self, messages: &[String]) -> Result<Vec<Answer>, AttackError>;
}

/// What an attack on text begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextSeed {
    /// A message.
    pub text: String,
    /// What the classifier should come to read.
    pub goal: Goal,
}

/// What an attack made of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeText {
    /// The message, adversarial or not.
    pub text: String,
    /// Whether the goal is reached, on all copies that were asked about.
    pub is_reached: bool,
    /// Questions that were asked for it, those about squeezed copies included.
    pub queries: usize,
}

/// An attack on text.
pub trait TextAttack: Send + Sync {
    /// One result a seed, changed within the attack's bounds, with at most `queries` questions each. `knows` are the
    /// squeezers that it is adapted to; without any it is oblivious. `watch` is called after each seed.
    ///
    /// # Errors
    /// When the oracle fails.
    fn run(
        &self,
        oracle: &mut dyn TextOracle,
        knows: &[Box<dyn TextSqueezer>],
        seeds: &[TextSeed],
        queries: usize,
        watch: &mut dyn FnMut(),
    ) -> Result<Vec<MadeText>, AttackError> {
        let mut made = Vec::with_capacity(seeds.len());
        for (index, seed) in (0..).zip(seeds) {
            let mut session = Session::begin(oracle, knows, seed, queries)?;
            if !session.is_over() {
                self.attack(&mut session, index)?;
            }
            made.push(session.end());
            watch();
        }
        Ok(made)
    }

    /// Tries changes of the message of one seed, until the session is over or nothing is left to try.
    ///
    /// # Errors
    /// When the oracle fails.
    fn attack(&self, session: &mut Session, index: u64) -> Result<(), AttackError>;
}
