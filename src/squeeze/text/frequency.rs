//! Words that are rare.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::neighbours::Neighbours;
use super::words::{in_case_of, replace_words};
use super::{TextSqueezer, Vocabulary};

/// `frequency(COUNT)`: a word that was seen less than COUNT times becomes the most frequent of its neighbours, if that was
/// seen COUNT times (frequency-guided word substitutions: Mozes et al. 2021).
///
/// The paper takes its neighbours from a thesaurus and word vectors. These are words that are spelt nearly alike, as
/// inflections and derivations are, for neither is at hand in every language.
#[derive(Debug, Clone)]
pub struct Frequency {
    count: u32,
    vocabulary: Arc<Vocabulary>,
    neighbours: Arc<Neighbours>,
}

impl Frequency {
    /// What `count` may be.
    pub const COUNT: RangeInclusive<u32> = 2..=1_000_000;
    /// The farthest neighbours.
    const DISTANCE: usize = 2;

    pub(super) fn new(count: u32, vocabulary: &Arc<Vocabulary>) -> Self {
        let neighbours = Arc::new(Neighbours::new(vocabulary, count, Self::DISTANCE));
        Self { count, vocabulary: Arc::clone(vocabulary), neighbours }
    }
}

impl TextSqueezer for Frequency {
    fn name(&self) -> String {
        format!("frequency({})", self.count)
    }

    fn squeeze<'a>(&self, text: &'a str) -> Cow<'a, str> {
        replace_words(text, |word| {
            if self.vocabulary.count(word) >= self.count {
                return None;
            }
            let most_frequent = self.neighbours.around(word).into_iter().min_by_key(|near| near.rank)?;
            Some(in_case_of(word, most_frequent.word))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rare_word_becomes_the_most_frequent_one_nearby() {
        let vocabulary = Arc::new(Vocabulary::fit(["winner winner winner winning winning won winners dinner"]));
        let squeezed = |count, text| Frequency::new(count, &vocabulary).squeeze(text).into_owned();
        assert_eq!(squeezed(2, "Winners dinner winning wins"), "Winner winner winning wins");
        assert_eq!(squeezed(3, "WINNERS winning"), "WINNER winning");
    }
}
