//! Latin letters without their marks.

use std::borrow::Cow;

use unicode_normalization::char::{decompose_canonical, is_combining_mark};
use unicode_script::{Script, UnicodeScript};

use super::TextSqueezer;
use super::words::Edited;

/// `accents`: Latin letters lose their accents and all other marks, however many are piled up. Marks of other scripts,
/// where they are vowels, stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accents;

impl TextSqueezer for Accents {
    fn name(&self) -> String {
        "accents".to_owned()
    }

    fn squeeze<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if text.is_ascii() {
            return Cow::Borrowed(text);
        }
        let mut edited = Edited::new(text);
        let mut is_after_latin = false;
        for (at, character) in text.char_indices() {
            let part = at..at + character.len_utf8();
            if character.is_ascii() {
                is_after_latin = character.is_ascii_alphabetic();
            } else if is_combining_mark(character) {
                if is_after_latin {
                    edited.replace(part, "");
                }
            } else {
                let base = base(character);
                is_after_latin = base.script() == Script::Latin;
                if is_after_latin && base != character {
                    edited.replace(part, base.encode_utf8(&mut [0; 4]));
                }
            }
        }
        edited.finish()
    }
}

/// What a letter is built on.
fn base(character: char) -> char {
    let mut base = None;
    decompose_canonical(character, |part| {
        base.get_or_insert(part);
    });
    base.unwrap_or(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_latin_letters_lose_their_marks() {
        let zalgo = format!("f{}ree", "\u{301}\u{489}".repeat(50));
        for (text, plain) in [("frèẽ çaşħ", "free casħ"), (zalgo.as_str(), "free"), ("Å", "A")] {
            assert_eq!(Accents.squeeze(text), plain);
        }
        for text in ["नमस्ते", "مَرْحَبًا", "ёлка й", "가나", "1️⃣", "が"] {
            assert!(matches!(Accents.squeeze(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }
}
