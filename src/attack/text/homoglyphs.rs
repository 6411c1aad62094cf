//! Letters of other scripts that look the same.

use super::edits::{random, replacing};
use super::session::Session;
use super::word_by_word::word_by_word;
use super::{AttackError, TextAttack};

/// Latin letters become Cyrillic, Greek or Armenian ones that look like them, one or all of a word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Homoglyphs {
    /// The share of words that may be changed, from 0 to 1.
    pub share: f64,
    /// Seed of the choice of letters.
    pub seed: u64,
}

impl TextAttack for Homoglyphs {
    fn attack(&self, session: &mut Session, index: u64) -> Result<(), AttackError> {
        let mut random = random(self.seed, index);
        word_by_word(session, self.share, |word| replacing(word, &mut random, look_alike))
    }
}

/// Of the pairs that Unicode Technical Standard 39 lists, those that common typefaces draw alike.
const PAIRS: [(char, char); 35] = [
    ('a', 'а'),
    ('c', 'с'),
    ('d', 'ԁ'),
    ('e', 'е'),
    ('g', 'ɡ'),
    ('h', 'һ'),
    ('i', 'і'),
    ('j', 'ј'),
    ('l', 'ӏ'),
    ('n', 'ո'),
    ('o', 'о'),
    ('p', 'р'),
    ('q', 'ԛ'),
    ('s', 'ѕ'),
    ('u', 'ս'),
    ('v', 'ν'),
    ('w', 'ԝ'),
    ('x', 'х'),
    ('y', 'у'),
    ('A', 'А'),
    ('B', 'В'),
    ('C', 'С'),
    ('E', 'Е'),
    ('H', 'Н'),
    ('I', 'І'),
    ('J', 'Ј'),
    ('K', 'К'),
    ('M', 'М'),
    ('N', 'Ν'),
    ('O', 'О'),
    ('P', 'Р'),
    ('S', 'Ѕ'),
    ('T', 'Т'),
    ('X', 'Х'),
    ('Y', 'Υ'),
];

/// The letter that looks like a Latin one.
pub(super) fn look_alike(letter: char) -> Option<char> {
    PAIRS.iter().find(|(latin, _)| *latin == letter).map(|(_, other)| *other)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::squeeze::text::parse_text;

    #[test]
    fn the_squeezer_for_them_sees_through_every_pair() {
        let skeleton = parse_text("skeleton", &Arc::default()).unwrap();
        for (latin, other) in PAIRS {
            assert!(!other.is_ascii());
            assert_eq!(skeleton.squeeze(&format!("b{other}")), format!("b{latin}"));
        }
    }
}
