//! Characters that are not what they seem, by their code points.

use std::ops::Range;

use unicode_script::UnicodeScript;

use crate::squeeze::text::{disguises, hidden};

/// Kinds of such characters that are told of a text; who uses more of them has made his point.
const MOST: usize = 8;

/// A character of a text that is not what it seems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// The character.
    pub character: char,
    /// How it is seen: the letters that it looks like, or nothing.
    pub looks_like: Option<String>,
    /// How often it is there.
    pub count: usize,
}

impl Sign {
    /// Its code point: `U+200B`.
    pub fn code(&self) -> String {
        code(self.character)
    }

    /// What is the matter with it: `Cyrillic, looks like e`.
    pub fn meaning(&self) -> String {
        match &self.looks_like {
            Some(letters) => format!("{}, looks like {letters}", self.character.script().full_name()),
            None => nature(self.character).to_owned(),
        }
    }
}

/// A code point in Unicode's notation.
pub(super) fn code(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

/// What a character that nobody sees does.
pub(super) fn nature(character: char) -> &'static str {
    match character {
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "invisible, changes the direction of writing"
        }
        character if character.is_control() => "control character",
        _ => "invisible",
    }
}

/// A character that is not what it seems, where it is.
pub(super) struct Found {
    pub(super) bytes: Range<usize>,
    pub(super) looks_like: Option<String>,
}

/// All of them in a text, from front to back.
pub(super) fn find(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    hidden(text, |bytes| found.push(Found { bytes, looks_like: None }));
    disguises(text, |bytes, latin| found.push(Found { bytes, looks_like: Some(latin.to_owned()) }));
    found.sort_by_key(|found| found.bytes.start);
    found
}

/// What there is to explain of a text: invisible characters and letters that look like others, each once, in the order of
/// their first appearance; of many kinds the first ones.
pub fn signs(text: &str) -> Vec<Sign> {
    let mut signs: Vec<Sign> = Vec::new();
    for Found { bytes, looks_like } in find(text) {
        let Some(character) = text[bytes].chars().next() else { continue };
        let has_room = signs.len() < MOST;
        match signs.iter_mut().find(|sign| sign.character == character) {
            Some(known) => known.count += 1,
            None if has_room => signs.push(Sign { character, looks_like, count: 1 }),
            None => {}
        }
    }
    signs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_what_it_seems_is_told_by_its_code_point() {
        let told: Vec<String> = signs("Frее \u{202e}cаsh\u{200b}\0 👩\u{200d}👩 Привет")
            .iter()
            .map(|sign| format!("{}×{} {}", sign.code(), sign.count, sign.meaning()))
            .collect();
        assert_eq!(
            told,
            [
                "U+0435×2 Cyrillic, looks like e",
                "U+202E×1 invisible, changes the direction of writing",
                "U+0430×1 Cyrillic, looks like a",
                "U+200B×1 invisible",
                "U+0000×1 control character",
            ]
        );
        assert!(signs("Καλημέρα, ο καιρός; می\u{200c}خواهم").is_empty());
        let many: String = ('\u{e0100}'..='\u{e01ef}').collect();
        assert_eq!(signs(&many).len(), MOST);
    }
}
