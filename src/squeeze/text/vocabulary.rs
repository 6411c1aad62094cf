//! Words that were seen, and how often.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::words::{lowercase, words};

/// Words and how often they were seen in the messages that a classifier is calibrated on; lowercase, numbers left out.
///
/// Written as a list of words and counts, the most frequent first and equals in the order of their bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(String, u32)>", into = "Vec<(String, u32)>")]
pub struct Vocabulary {
    counts: HashMap<String, u32>,
}

/// Why a list of words and counts is no vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VocabularyError {
    /// There are more words than one may hold.
    #[error("a vocabulary holds at most {most} words, not {0}; calibrate again", most = Vocabulary::MOST_WORDS)]
    TooMany(usize),
    /// Something that fitting never makes: not one word, too long, not lowercase, listed twice or never seen.
    #[error("'{0}' is no word of a vocabulary; calibrate again")]
    Word(String),
}

impl Vocabulary {
    /// The most words that one holds.
    pub const MOST_WORDS: usize = 50_000;
    /// The longest word that it holds, in bytes of UTF-8.
    pub const LONGEST_WORD: usize = 64;

    /// The words of messages, of too many the most frequent. While it reads, it holds four times as many words at most;
    /// then the rarest so far are forgotten.
    pub fn fit<'a>(messages: impl IntoIterator<Item = &'a str>) -> Self {
        let mut vocabulary = Self::default();
        for message in messages {
            for word in words(message) {
                vocabulary.see(&message[word]);
            }
        }
        vocabulary.keep_most_frequent();
        vocabulary
    }

    fn see(&mut self, word: &str) {
        let word = lowercase(word);
        if !holds(&word) {
            return;
        }
        if let Some(count) = self.counts.get_mut(word.as_ref()) {
            *count = count.saturating_add(1);
            return;
        }
        if self.counts.len() >= 4 * Self::MOST_WORDS {
            self.keep_most_frequent();
        }
        self.counts.insert(word.into_owned(), 1);
    }

    fn keep_most_frequent(&mut self) {
        if self.counts.len() > Self::MOST_WORDS {
            let mut sorted = Vec::from(std::mem::take(self));
            sorted.truncate(Self::MOST_WORDS);
            self.counts = sorted.into_iter().collect();
        }
    }

    /// How often a word was seen, in whatever case.
    pub fn count(&self, word: &str) -> u32 {
        if word.len() > Self::LONGEST_WORD {
            return 0;
        }
        self.counts.get(lowercase(word).as_ref()).copied().unwrap_or(0)
    }

    /// Whether a word was seen, in whatever case.
    pub fn knows(&self, word: &str) -> bool {
        self.count(word) > 0
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether no word was seen.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Words and counts, the most frequent first.
    pub fn by_frequency(&self) -> Vec<(&str, u32)> {
        let mut words: Vec<(&str, u32)> = self.counts.iter().map(|(word, &count)| (word.as_str(), count)).collect();
        words.sort_unstable_by(|(word, count), (other, others)| others.cmp(count).then_with(|| word.cmp(other)));
        words
    }
}

/// Whether a word is one to count.
fn holds(word: &str) -> bool {
    word.len() <= Vocabulary::LONGEST_WORD && word.chars().any(char::is_alphabetic)
}

impl From<Vocabulary> for Vec<(String, u32)> {
    fn from(vocabulary: Vocabulary) -> Self {
        vocabulary.by_frequency().into_iter().map(|(word, count)| (word.to_owned(), count)).collect()
    }
}

impl TryFrom<Vec<(String, u32)>> for Vocabulary {
    type Error = VocabularyError;

    fn try_from(list: Vec<(String, u32)>) -> Result<Self, VocabularyError> {
        if list.len() > Self::MOST_WORDS {
            return Err(VocabularyError::TooMany(list.len()));
        }
        let mut counts = HashMap::with_capacity(list.len());
        for (word, count) in list {
            let is_word = holds(&word)
                && words(&word).eq(std::iter::once(0..word.len()))
                && lowercase(&word) == word
                && count > 0;
            if !is_word || counts.insert(word.clone(), count).is_some() {
                return Err(VocabularyError::Word(word));
            }
        }
        Ok(Self { counts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_in_whatever_case_and_numbers_are_not() {
        let vocabulary = Vocabulary::fit(["Free entry, FREE 2nd prize 0800", "free Çay"]);
        let counts = ["free", "Entry", "2nd", "çay", "0800", "gratis"].map(|word| vocabulary.count(word));
        assert_eq!(counts, [3, 1, 1, 1, 0, 0]);
        assert_eq!(vocabulary.by_frequency()[..3], [("free", 3), ("2nd", 1), ("entry", 1)]);
    }

    #[test]
    fn it_comes_back_as_it_was_written() {
        let vocabulary = Vocabulary::fit(["b a b", "ह c"]);
        let written = serde_json::to_string(&vocabulary).unwrap();
        assert_eq!(written, r#"[["b",2],["a",1],["c",1],["ह",1]]"#);
        assert_eq!(serde_json::from_str::<Vocabulary>(&written).unwrap(), vocabulary);
    }

    #[test]
    fn what_fitting_never_makes_is_refused() {
        for list in [r#"[["Free",1]]"#, r#"[["a",0]]"#, r#"[["a",1],["a",2]]"#, r#"[["12",1]]"#, r#"[["a b",1]]"#] {
            let error = serde_json::from_str::<Vocabulary>(list).unwrap_err().to_string();
            assert!(error.contains("calibrate again"), "{error}");
        }
    }

    #[test]
    fn the_most_frequent_of_too_many_words_are_held() {
        let rare = (0..5 * Vocabulary::MOST_WORDS).map(|number| format!("w{number}")).collect::<Vec<_>>().join(" ");
        let vocabulary = Vocabulary::fit(["zebra zebra", &rare, &"x".repeat(1_000_000)]);
        assert_eq!((vocabulary.len(), vocabulary.count("zebra")), (Vocabulary::MOST_WORDS, 2));
    }
}
