//! Words that are pulled apart.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::words::{Edited, words};
use super::{TextSqueezer, Vocabulary};

/// `spacing`: spaces and punctuation within words are taken out. Three or more single letters in a row with the same
/// between them make a word, `f r e e` or `f.r.e.e`; and so do neighbours of which one is unknown, where together they make a
/// known word: `fr ee`, `fr*ee`.
#[derive(Debug, Clone)]
pub struct Spacing {
    vocabulary: Arc<Vocabulary>,
}

impl Spacing {
    /// The widest gap within a word, in characters.
    const WIDEST_GAP: usize = 3;
    /// The fewest single letters that make a word.
    const FEWEST_LETTERS: usize = 3;
    /// The longest word that neighbours make, in bytes.
    const LONGEST: usize = 24;

    pub(super) fn new(vocabulary: &Arc<Vocabulary>) -> Self {
        Self { vocabulary: Arc::clone(vocabulary) }
    }

    /// The words of a text, single letters in a row being one.
    fn pieces<'a>(&self, text: &'a str) -> Vec<Piece<'a>> {
        let words: Vec<Range<usize>> = words(text).collect();
        let mut pieces = Vec::with_capacity(words.len());
        let mut at = 0;
        while at < words.len() {
            let row = row_of_letters(text, &words[at..]);
            let part = words[at].start..words[at + row - 1].end;
            let letters = match row {
                1 => Cow::Borrowed(&text[part.clone()]),
                _ => words[at..at + row].iter().map(|word| &text[word.clone()]).collect(),
            };
            let is_known = self.vocabulary.knows(&letters) || !letters.contains(char::is_alphabetic);
            pieces.push(Piece { part, letters, is_known });
            at += row;
        }
        pieces
    }

    /// How many pieces, from the first on, make one known word; the most of them, or 1.
    fn known_together(&self, text: &str, pieces: &[Piece]) -> usize {
        let mut joined = String::with_capacity(Self::LONGEST);
        let mut has_unknown = false;
        let mut most = 1;
        for (index, piece) in pieces.iter().enumerate() {
            let is_apart = index > 0 && gap(text, &pieces[index - 1].part, &piece.part).is_none();
            if is_apart || joined.len() + piece.letters.len() > Self::LONGEST {
                break;
            }
            joined.push_str(&piece.letters);
            has_unknown |= !piece.is_known;
            if index > 0 && has_unknown && self.vocabulary.knows(&joined) {
                most = index + 1;
            }
        }
        most
    }
}

impl TextSqueezer for Spacing {
    fn name(&self) -> String {
        "spacing".to_owned()
    }

    fn squeeze<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut edited = Edited::new(text);
        let pieces = self.pieces(text);
        let mut at = 0;
        while at < pieces.len() {
            let together = &pieces[at..at + self.known_together(text, &pieces[at..])];
            let part = pieces[at].part.start..together[together.len() - 1].part.end;
            if together.iter().map(|piece| piece.letters.len()).sum::<usize>() < part.len() {
                let letters: String = together.iter().map(|piece| piece.letters.as_ref()).collect();
                edited.replace(part, &letters);
            }
            at += together.len();
        }
        edited.finish()
    }
}

/// A word, or what becomes one.
struct Piece<'a> {
    part: Range<usize>,
    letters: Cow<'a, str>,
    /// Whether it stands for itself: a word that was seen, or a number.
    is_known: bool,
}

/// How many words, from the first on, are single letters with the same between them; 1 where they are too few.
fn row_of_letters(text: &str, words: &[Range<usize>]) -> usize {
    let is_letter = |word: &Range<usize>| {
        let mut letters = text[word.clone()].chars();
        letters.next().is_some_and(char::is_alphabetic) && letters.next().is_none()
    };
    let first = words.get(1).and_then(|second| gap(text, &words[0], second));
    if first.is_none() || !is_letter(&words[0]) {
        return 1;
    }
    let pairs = words.windows(2).take_while(|pair| is_letter(&pair[1]) && gap(text, &pair[0], &pair[1]) == first);
    let row = 1 + pairs.count();
    if row >= Spacing::FEWEST_LETTERS { row } else { 1 }
}

/// What is between two parts on a line that may be parts of one word.
fn gap<'a>(text: &'a str, before: &Range<usize>, after: &Range<usize>) -> Option<&'a str> {
    let between = &text[before.end..after.start];
    let is_narrow = between.chars().nth(Spacing::WIDEST_GAP).is_none();
    (is_narrow && !between.contains('\n')).then_some(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_pulled_apart_come_together() {
        let squeezer = Spacing::new(&Arc::new(Vocabulary::fit(["free cash in to into win freedom in2 150pm pm"])));
        for (text, plain) in [
            ("w i n a car", "wina car"),
            ("f r e e entry, F.R.E.E c-a-s-h", "free entry, FREE cash"),
            ("f r e e  c a s h", "free  cash"),
            ("fr ee ca*sh fr33", "free cash fr33"),
            ("f r e e dom", "freedom"),
        ] {
            assert_eq!(squeezer.squeeze(text), plain);
        }
        for text in
            ["in to the end. Free", "I a car", "in 2 days, £1.50/pm", "fr\nee", "fr    ee", "a  b c", "你好 世界"]
        {
            assert!(matches!(squeezer.squeeze(text), Cow::Borrowed(_)), "{text}: {}", squeezer.squeeze(text));
        }
    }
}
