//! Digits and signs that stand for letters.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::words::{Edited, continues};
use super::{TextSqueezer, Vocabulary};

/// `leet`: digits and signs become the letters that they stand for, `fr33 c@sh` becomes `free cash`.
///
/// They do where a known word comes of it, and digits between letters also where an unknown one does. Known words and words
/// beyond ASCII stay.
#[derive(Debug, Clone)]
pub struct Leet {
    vocabulary: Arc<Vocabulary>,
}

impl Leet {
    pub(super) fn new(vocabulary: &Arc<Vocabulary>) -> Self {
        Self { vocabulary: Arc::clone(vocabulary) }
    }

    fn read(&self, word: &str) -> Option<String> {
        if !word.is_ascii() {
            return None;
        }
        let has_signs = word.chars().any(|sign| letter_for(sign, 'i').is_some());
        let has_letters = word.bytes().any(|byte| byte.is_ascii_alphabetic());
        if !has_signs || !has_letters || self.vocabulary.knows(word) {
            return None;
        }
        let [as_i, as_l] = ['i', 'l'].map(|one| -> String {
            word.chars().map(|character| letter_for(character, one).unwrap_or(character)).collect()
        });
        let reading = if self.vocabulary.count(&as_l) > self.vocabulary.count(&as_i) { as_l } else { as_i };
        if !self.vocabulary.knows(&reading) && !has_digits_inside(word) {
            return None;
        }
        let is_shouted = !word.chars().any(char::is_lowercase);
        Some(if is_shouted { reading.to_uppercase() } else { reading })
    }
}

impl TextSqueezer for Leet {
    fn name(&self) -> String {
        "leet".to_owned()
    }

    fn squeeze<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut edited = Edited::new(text);
        for word in signed_words(text) {
            if let Some(reading) = self.read(&text[word.clone()]) {
                edited.replace(word, &reading);
            }
        }
        edited.finish()
    }
}

/// Whether a word is letters at both ends and most of it, and all that stands between them is digits.
fn has_digits_inside(word: &str) -> bool {
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    let ends = [word.as_bytes().first(), word.as_bytes().last()];
    2 * letters > word.len()
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && ends.into_iter().flatten().all(u8::is_ascii_alphabetic)
}

/// The letter that a sign stands for; `one` is the one that 1, ! and | do.
fn letter_for(sign: char, one: char) -> Option<char> {
    Some(match sign {
        '0' => 'o',
        '1' | '!' | '|' => one,
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '8' => 'b',
        '9' => 'g',
        _ => return None,
    })
}

/// Words of which signs are a part; those that end a sentence or part columns are not.
fn signed_words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let belongs = |character: char| continues(character) || matches!(character, '@' | '$' | '!' | '|');
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(belongs)?;
        at = text[start..].find(|character| !belongs(character)).map_or(text.len(), |len| start + len);
        let from_start = text[start..at].trim_start_matches(['!', '|']);
        let start = at - from_start.len();
        Some(start..start + from_start.trim_end_matches(['!', '|']).len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_read_as_letters_where_a_word_comes_of_it() {
        let squeezer = Leet::new(&Arc::new(Vocabulary::fit(["free cash loan win gr8 sale days call"])));
        for (text, plain) in [
            ("FR33 c@$h w1n! 1oan ca11", "FREE cash win! loan call"),
            ("$ale, 5ale!!", "sale, sale!!"),
            ("v1agra", "viagra"),
        ] {
            assert_eq!(squeezer.squeeze(text), plain);
        }
        for text in
            ["gr8 10am 5th 12days", "£100 07912345678 $5", "win!!!", "me@work", "now!txt mp3 SK38", "a | b", "B4"]
        {
            assert!(matches!(squeezer.squeeze(text), Cow::Borrowed(_)), "{text}: {}", squeezer.squeeze(text));
        }
    }
}
