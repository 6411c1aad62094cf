//! Words that everybody uses.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::words::{Edited, lowercase, words};
use super::{TextSqueezer, Vocabulary};

/// `common(COUNT)`: the COUNT words that were seen most often are left out, against benign words that are put around and
/// between those of a message: the most telling ones are frequent. A text without any other word stays whole.
#[derive(Debug, Clone)]
pub struct Common {
    count: usize,
    words: Arc<HashSet<String>>,
}

impl Common {
    /// What `count` may be.
    pub const COUNT: RangeInclusive<usize> = 1..=10_000;

    pub(super) fn new(count: usize, vocabulary: &Vocabulary) -> Self {
        let words = vocabulary.by_frequency().into_iter().take(count).map(|(word, _)| word.to_owned()).collect();
        Self { count, words: Arc::new(words) }
    }
}

impl TextSqueezer for Common {
    fn name(&self) -> String {
        format!("common({})", self.count)
    }

    fn squeeze<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut edited = Edited::new(text);
        let mut has_other = false;
        for word in words(text) {
            if self.words.contains(lowercase(&text[word.clone()]).as_ref()) {
                edited.replace(word, "");
            } else {
                has_other = true;
            }
        }
        if has_other { edited.finish() } else { Cow::Borrowed(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_words_go_unless_there_are_no_others() {
        let common = Common::new(2, &Vocabulary::fit(["you you i i prize"]));
        assert_eq!(common.squeeze("Prize, you! I win"), "Prize, !  win");
        assert_eq!(common.squeeze("I, you"), "I, you");
    }
}
