//! Letters that are drawn out.

use std::borrow::Cow;
use std::sync::Arc;

use super::words::replace_words;
use super::{TextSqueezer, Vocabulary};

/// `repeats`: a letter that is written three times or more in a row is written once, or twice where that makes a word
/// that is seen more often: `freeee` becomes `free`, `sooo` becomes `so`. Scripts without capitals stay as they are.
#[derive(Debug, Clone)]
pub struct Repeats {
    vocabulary: Arc<Vocabulary>,
}

impl Repeats {
    /// The longest row that stays.
    const SHORT: usize = 2;

    pub(super) fn new(vocabulary: &Arc<Vocabulary>) -> Self {
        Self { vocabulary: Arc::clone(vocabulary) }
    }

    fn shortened(&self, word: &str) -> Option<String> {
        let twice = with_rows_of(word, Self::SHORT);
        if twice == word {
            return None;
        }
        let once = with_rows_of(word, 1);
        Some(if self.vocabulary.count(&twice) > self.vocabulary.count(&once) { twice } else { once })
    }
}

impl TextSqueezer for Repeats {
    fn name(&self) -> String {
        "repeats".to_owned()
    }

    fn squeeze<'a>(&self, text: &'a str) -> Cow<'a, str> {
        replace_words(text, |word| self.shortened(word))
    }
}

/// The word with rows of more than two same letters cut down to `len` of them.
fn with_rows_of(word: &str, len: usize) -> String {
    let mut shortened = String::with_capacity(word.len());
    let mut rest = word.chars().peekable();
    while let Some(letter) = rest.next() {
        let is_same = |other: &char| *other == letter || letter.is_ascii() && other.eq_ignore_ascii_case(&letter);
        let mut row = 1;
        shortened.push(letter);
        while let Some(same) = rest.next_if(is_same) {
            row += 1;
            shortened.push(same);
        }
        let has_case = letter.is_lowercase() || letter.is_uppercase();
        if row > Repeats::SHORT && has_case {
            let surplus: usize = shortened.chars().rev().take(row - len).map(char::len_utf8).sum();
            shortened.truncate(shortened.len() - surplus);
        }
    }
    shortened
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_out_words_become_known_or_short() {
        let squeezer = Repeats::new(&Arc::new(Vocabulary::fit(["free so call"])));
        for (text, short) in
            [("freeeee sooo", "free so"), ("FREeEE caLLLL", "FREe caLL"), ("heyyy çoook", "hey çok"), ("aaa", "a")]
        {
            assert_eq!(squeezer.squeeze(text), short);
        }
        for text in ["free 1000 off", "哈哈哈哈", "ههههه", "😂😂😂", "!!!"] {
            assert!(matches!(squeezer.squeeze(text), Cow::Borrowed(_)), "{text}");
        }
    }
}
