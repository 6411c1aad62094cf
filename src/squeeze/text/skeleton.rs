//! Letters that look like Latin ones.

use std::borrow::Cow;
use std::ops::Range;

use unicode_script::{Script, UnicodeScript};
use unicode_security::confusable_detection::skeleton;

use super::TextSqueezer;
use super::words::{Edited, words};

/// `skeleton`: letters that Unicode Technical Standard 39 calls confusable with ASCII ones become these.
///
/// A letter of another script is taken for a disguise only in a word with Latin letters in it, or where the whole text
/// has no letter of that script that looks otherwise: "рrize" and "сосо" change, Russian and Greek do not. Han, kana,
/// Hangul and Bopomofo, which stand beside Latin letters without a space, never do (section 5.2 of the standard).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skeleton;

impl TextSqueezer for Skeleton {
    fn name(&self) -> String {
        "skeleton".to_owned()
    }

    fn squeeze<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut edited = Edited::new(text);
        disguises(text, |part, latin| edited.replace(part, latin));
        edited.finish()
    }
}

/// Tells `found` of each letter that is taken for a disguise, and of the ASCII letters that it looks like, from front to
/// back.
pub fn disguises(text: &str, mut found: impl FnMut(Range<usize>, &str)) {
    if text.is_ascii() {
        return;
    }
    let written = scripts_written(text);
    for word in words(text).filter(|word| !text[word.clone()].is_ascii()) {
        let is_latin = |letter: char| letter.script() == Script::Latin || is_stranger(letter, &written);
        let has_latin = text[word.clone()].chars().any(is_latin);
        for (at, letter) in text[word.clone()].char_indices().filter(|(_, letter)| !letter.is_ascii()) {
            let script = letter.script();
            let may_be_disguise = has_latin && !stands_beside_latin(script) || !written.contains(&script);
            if let Some(latin) = may_be_disguise.then(|| look_alike(letter)).flatten() {
                let start = word.start + at;
                found(start..start + letter.len_utf8(), &latin);
            }
        }
    }
}

/// The scripts of which a text has a letter that looks like no Latin one.
fn scripts_written(text: &str) -> Vec<Script> {
    let mut written = vec![];
    for letter in text.chars().filter(|letter| !letter.is_ascii() && letter.is_alphanumeric()) {
        let script = letter.script();
        let is_open =
            !written.contains(&script) && !matches!(script, Script::Latin | Script::Common | Script::Inherited);
        if is_open && (stands_beside_latin(script) || look_alike(letter).is_none()) {
            written.push(script);
        }
    }
    written
}

/// Whether a letter looks like a Latin one in a text that is not written in its script.
fn is_stranger(letter: char, written: &[Script]) -> bool {
    !letter.is_ascii() && !written.contains(&letter.script()) && look_alike(letter).is_some()
}

fn stands_beside_latin(script: Script) -> bool {
    matches!(script, Script::Han | Script::Hiragana | Script::Katakana | Script::Hangul | Script::Bopomofo)
}

/// The ASCII letters or digits that a letter or digit beyond ASCII looks like.
fn look_alike(letter: char) -> Option<String> {
    let prototype: String = skeleton(letter.encode_utf8(&mut [0; 4])).collect();
    let is_plain = !prototype.is_empty() && prototype.bytes().all(|byte| byte.is_ascii_alphanumeric());
    // Letters of ASCII that are confusable among themselves have one prototype.
    let latin = match prototype.as_str() {
        "rn" => "m",
        "l" if letter.is_uppercase() => "I",
        "l" if letter.is_numeric() => "1",
        "O" if letter.is_numeric() => "0",
        other => other,
    };
    (is_plain && letter.is_alphanumeric()).then(|| latin.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_disguise_become_latin() {
        for (text, plain) in [
            ("рrizе", "prize"),
            ("FRЕЕ Ѕех сосо", "FREE Sex coco"),
            ("𝐟𝐫𝐞𝐞 ɡet іt", "free get it"),
            ("Ιnvoice Ｉ", "Invoice I"),
        ] {
            assert_eq!(Skeleton.squeeze(text), plain);
        }
    }

    #[test]
    fn what_is_written_in_another_script_stays() {
        for text in [
            "Это сор и рок, cool",
            "Καλημέρα, ο καιρός",
            "مرحبا، أين أنت؟",
            "今天のiPhoneは工口二",
            "안녕 ㅣ",
            "नमस्ते ०",
            "שלום ס",
            "çok güzel “ok”…",
        ] {
            assert!(
                matches!(Skeleton.squeeze(text), Cow::Borrowed(same) if same == text),
                "{text}: {}",
                Skeleton.squeeze(text)
            );
        }
    }
}
