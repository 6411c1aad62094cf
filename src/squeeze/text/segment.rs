//! A part of a text, without what was put around it.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use super::TextSqueezer;
use super::words::words;

/// `segment(INDEX,OF)`: the part INDEX of OF parts with as many words each, against a message that is buried in benign
/// text. All parts together are `segment(1,OF)`, `segment(2,OF)` and so on.
///
/// A text with fewer than [`Self::WORDS`] words a part stays whole: nothing could be buried in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    index: usize,
    of: usize,
}

impl Segment {
    /// What `of` may be; `index` is from 1 to `of`.
    pub const OF: RangeInclusive<usize> = 2..=16;
    /// The fewest words that a part has.
    pub const WORDS: usize = 4;

    /// A squeezer to the part `index`, from 1 on, of `of` parts.
    pub(super) fn new(index: usize, of: usize) -> Self {
        Self { index, of }
    }
}

impl TextSqueezer for Segment {
    fn name(&self) -> String {
        format!("segment({},{})", self.index, self.of)
    }

    fn squeeze<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let count = words(text).count();
        if count < self.of * Self::WORDS {
            return Cow::Borrowed(text);
        }
        let start_of = |part: usize| match part {
            0 => Some(0),
            part => words(text).nth(part * count / self.of).map(|word| word.start),
        };
        let start = start_of(self.index - 1).unwrap_or(0);
        let end = start_of(self.index).filter(|_| self.index < self.of).unwrap_or(text.len());
        Cow::Borrowed(&text[start..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_together_are_the_text() {
        let text = "¡ Win a free prize now! See you at home tonight, mum.";
        let parts = [1, 2].map(|index| Segment::new(index, 2).squeeze(text));
        assert_eq!(parts, ["¡ Win a free prize now! ", "See you at home tonight, mum."]);
        for of in 2..=4 {
            let long = "eins zwei drei vier fünf ".repeat(5);
            let parts: Vec<_> = (1..=of).map(|index| Segment::new(index, of).squeeze(&long)).collect();
            assert_eq!(parts.concat(), long);
        }
    }

    #[test]
    fn a_short_text_stays_whole() {
        for text in ["", "see you at seven", "今天天气很好", "one two three four five six seven"] {
            assert_eq!(Segment::new(2, 2).squeeze(text), text);
        }
    }
}
