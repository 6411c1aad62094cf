//! Words that are misspelt.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::neighbours::Neighbours;
use super::words::{in_case_of, replace_words};
use super::{TextSqueezer, Vocabulary};

/// `spelling(DISTANCE)`: an unknown word becomes the nearest known one, the most frequent of equals, up to DISTANCE
/// insertions, deletions, replacements and swaps of letters away.
///
/// Words of fewer than four letters stay; words of fewer than six are repaired at the distance 1 only.
#[derive(Debug, Clone)]
pub struct Spelling {
    distance: usize,
    vocabulary: Arc<Vocabulary>,
    neighbours: Arc<Neighbours>,
}

impl Spelling {
    /// What `distance` may be.
    pub const DISTANCE: RangeInclusive<usize> = 1..=2;
    /// How often a word was seen, at least, that others are taken for. What was seen once may be misspelt itself.
    const LEAST: u32 = 2;

    pub(super) fn new(distance: usize, vocabulary: &Arc<Vocabulary>) -> Self {
        let neighbours = Arc::new(Neighbours::new(vocabulary, Self::LEAST, distance));
        Self { distance, vocabulary: Arc::clone(vocabulary), neighbours }
    }
}

impl TextSqueezer for Spelling {
    fn name(&self) -> String {
        format!("spelling({})", self.distance)
    }

    fn squeeze<'a>(&self, text: &'a str) -> Cow<'a, str> {
        replace_words(text, |word| {
            if self.vocabulary.knows(word) {
                return None;
            }
            let nearest = self.neighbours.around(word).into_iter().min_by_key(|near| (near.distance, near.rank))?;
            Some(in_case_of(word, nearest.word))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_becomes_the_nearest_and_most_frequent_one() {
        let vocabulary = Arc::new(Vocabulary::fit(["call call claim claim claim entry once urgent urgent"]));
        for (distance, text, repaired) in [
            (1, "Calll now, CLIAM!", "Call now, CLAIM!"),
            (1, "urgnet entri urrgennt", "urgent entri urrgennt"),
            (2, "urrgennt", "urgent"),
            (2, "once cal calm", "once cal call"),
        ] {
            assert_eq!(Spelling::new(distance, &vocabulary).squeeze(text), repaired);
        }
    }
}
