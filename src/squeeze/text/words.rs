//! Where words begin and end, and texts of which parts are replaced.

use std::borrow::Cow;
use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

/// The words of a text, as byte ranges: letters and digits with what modifies them (marks, joiners). Scripts that put no
/// spaces between words give one word a phrase.
pub fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(char::is_alphanumeric)?;
        at = text[start..].find(|character| !continues(character)).map_or(text.len(), |len| start + len);
        Some(start..at)
    })
}

/// Whether a character belongs to the word before it.
pub(super) fn continues(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric();
    }
    character.is_alphanumeric() || is_combining_mark(character) || matches!(character, '\u{200c}' | '\u{200d}')
}

/// Whether words are counted and compared in another spelling than this one.
fn is_lowercase(word: &str) -> bool {
    if word.is_ascii() {
        return !word.bytes().any(|byte| byte.is_ascii_uppercase());
    }
    !word.chars().any(char::is_uppercase)
}

/// A word as it is counted and compared.
pub(super) fn lowercase(word: &str) -> Cow<'_, str> {
    if is_lowercase(word) { Cow::Borrowed(word) } else { Cow::Owned(word.to_lowercase()) }
}

/// `word`, which is lowercase, in capitals where `like` is, or with its initial so; if it is the same word then.
pub(super) fn in_case_of(like: &str, word: &str) -> String {
    let mut letters = like.chars().filter(|character| character.is_alphabetic());
    let capitals = match (letters.next(), letters.next()) {
        (Some(first), Some(_)) if first.is_uppercase() && !like.chars().any(char::is_lowercase) => word.to_uppercase(),
        (Some(first), _) if first.is_uppercase() => {
            let mut rest = word.chars();
            rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).collect()
        }
        _ => return word.to_owned(),
    };
    if lowercase(&capitals) == word { capitals } else { word.to_owned() }
}

/// A text of which parts are replaced from front to back. It is copied from the first replacement on, and not at all
/// without one.
pub(super) struct Edited<'a> {
    text: &'a str,
    copied: usize,
    edited: String,
}

impl<'a> Edited<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, copied: 0, edited: String::new() }
    }

    /// Puts `by` in the place of a part that is not empty and lies behind all replaced ones.
    pub(super) fn replace(&mut self, part: Range<usize>, by: &str) {
        if self.copied == 0 {
            self.edited.reserve(self.text.len());
        }
        self.edited.push_str(&self.text[self.copied..part.start]);
        self.edited.push_str(by);
        self.copied = part.end;
    }

    pub(super) fn finish(mut self) -> Cow<'a, str> {
        if self.copied == 0 {
            return Cow::Borrowed(self.text);
        }
        self.edited.push_str(&self.text[self.copied..]);
        Cow::Owned(self.edited)
    }
}

/// The text with those words replaced for which `replacement` has another.
pub(super) fn replace_words<'a>(text: &'a str, replacement: impl Fn(&str) -> Option<String>) -> Cow<'a, str> {
    let mut edited = Edited::new(text);
    for word in words(text) {
        if let Some(other) = replacement(&text[word.clone()]) {
            edited.replace(word, &other);
        }
    }
    edited.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_letters_and_digits_with_their_marks_and_joiners() {
        for (text, expected) in [
            ("Don't call 0800-7,now!", vec!["Don", "t", "call", "0800", "7", "now"]),
            ("नमस्ते दुनिया", vec!["नमस्ते", "दुनिया"]),
            ("می‌خواهم 👨‍👩‍👧 çok güzel", vec!["می‌خواهم", "çok", "güzel"]),
            ("今天天气很好。", vec!["今天天气很好"]),
            ("\u{301}\u{200d} ", vec![]),
        ] {
            assert_eq!(words(text).map(|word| &text[word]).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn a_replacement_is_written_as_the_word_was() {
        for (like, written) in [("frre", "free"), ("FRRE", "FREE"), ("Frre", "Free"), ("fRRE", "free"), ("1", "free")] {
            assert_eq!(in_case_of(like, "free"), written);
        }
    }
}
