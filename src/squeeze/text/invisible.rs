//! What nobody sees.

use std::borrow::Cow;
use std::ops::Range;

use unicode_properties::UnicodeEmoji;
use unicode_script::{Script, UnicodeScript};

use super::TextSqueezer;
use super::words::Edited;

/// `invisible`: controls, spaces of no width, marks of direction, soft hyphens, fillers, variation selectors and tags are
/// left out.
///
/// They stay where they make a difference to see: joiners within emoji and in scripts that join letters, selectors of an
/// emoji's look, the tags of a flag, the invisible spaces of scripts without others; and tabs and line ends everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invisible;

impl TextSqueezer for Invisible {
    fn name(&self) -> String {
        "invisible".to_owned()
    }

    fn squeeze<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut edited = Edited::new(text);
        hidden(text, |part| edited.replace(part, ""));
        edited.finish()
    }
}

/// Tells `found` of each invisible character that makes no difference to see, from front to back.
pub fn hidden(text: &str, mut found: impl FnMut(Range<usize>)) {
    if !text.contains(is_invisible) {
        return;
    }
    let mut before = Before { base: None, kept: None, script: Script::Common };
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        if !is_invisible(character) {
            before.see(character);
            at += character.len_utf8();
            continue;
        }
        let end = text[at..].find(|character| !is_invisible(character)).map_or(text.len(), |len| at + len);
        let next = text[end..].chars().next();
        while let Some(character) = text[at..end].chars().next() {
            let part = at..at + character.len_utf8();
            at = part.end;
            if let Some(tags) = flag_tags(&text[part.start..end]).filter(|_| before.kept == Some(FLAG)) {
                at = part.start + tags;
                before.kept = Some(TAGS_END);
            } else if before.gives_sense_to(character, next) {
                before.kept = Some(character);
            } else {
                found(part);
            }
        }
    }
}

const JOINER: char = '\u{200d}';
const NON_JOINER: char = '\u{200c}';
const TEXT_LOOK: char = '\u{fe0e}';
const EMOJI_LOOK: char = '\u{fe0f}';
const KEYCAP: char = '\u{20e3}';
/// The black flag, which tags turn into that of a region.
const FLAG: char = '\u{1f3f4}';
const TAGS_END: char = '\u{e007f}';

/// What stands before an invisible character.
struct Before {
    /// The last visible character.
    base: Option<char>,
    /// The last character that stays, visible or not.
    kept: Option<char>,
    /// The script of the last visible character that is not of any script, as marks are.
    script: Script,
}

impl Before {
    fn see(&mut self, character: char) {
        (self.base, self.kept) = (Some(character), Some(character));
        let script = if character.is_ascii() { Script::Latin } else { character.script() };
        if script != Script::Inherited {
            self.script = script;
        }
    }

    /// Whether an invisible character makes a difference here, before `next`, which is visible.
    fn gives_sense_to(&self, invisible: char, next: Option<char>) -> bool {
        let follows_base = self.kept == self.base;
        let is_within_emoji = || {
            let is_look = |character| matches!(character, EMOJI_LOOK | TEXT_LOOK | TAGS_END);
            (follows_base || self.kept.is_some_and(is_look))
                && self.base.is_some_and(is_emoji)
                && next.is_some_and(is_emoji)
        };
        match invisible {
            '\t' | '\n' | '\r' => true,
            JOINER => is_within_emoji() || follows_base && joins_letters(self.script),
            NON_JOINER => follows_base && joins_letters(self.script),
            EMOJI_LOOK | TEXT_LOOK => follows_base && (self.base.is_some_and(is_emoji) || next == Some(KEYCAP)),
            '\u{200b}' => follows_base && is_written_without_spaces(self.script),
            '\u{180b}'..='\u{180f}' => follows_base && self.script == Script::Mongolian,
            '\u{115f}' | '\u{1160}' => {
                self.script == Script::Hangul && next.is_some_and(|next| next.script() == Script::Hangul)
            }
            _ => false,
        }
    }
}

/// Unicode's property `Default_Ignorable_Code_Point`, controls, and what looks blank without being a space.
fn is_invisible(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    matches!(character,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Digits are emoji too, but only with a keycap.
fn is_emoji(character: char) -> bool {
    !character.is_ascii() && character.is_emoji_char()
}

/// The length in bytes of the tags of a flag at the beginning of a run: a region and its end.
fn flag_tags(run: &str) -> Option<usize> {
    let is_tag = |character: &char| matches!(character, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}');
    let tags = run.chars().take(7).take_while(is_tag).count();
    let is_flag = (3..=6).contains(&tags) && run.chars().nth(tags) == Some(TAGS_END);
    is_flag.then_some((tags + 1) * TAGS_END.len_utf8())
}

/// Whether letters of a script look different with a joiner, or without being joined.
fn joins_letters(script: Script) -> bool {
    use Script::*;
    matches!(
        script,
        Arabic
            | Syriac
            | Mongolian
            | Nko
            | Mandaic
            | Adlam
            | Devanagari
            | Bengali
            | Gurmukhi
            | Gujarati
            | Oriya
            | Tamil
            | Telugu
            | Kannada
            | Malayalam
            | Sinhala
            | Khmer
            | Myanmar
    )
}

fn is_written_without_spaces(script: Script) -> bool {
    matches!(script, Script::Thai | Script::Lao | Script::Khmer | Script::Myanmar | Script::Tibetan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_go() {
        for (text, plain) in [
            ("fr\u{200b}e\u{2060}e", "free"),
            ("ca\u{ad}s\u{200d}h \u{202e}now\u{202c}\u{feff}", "cash now"),
            ("fr\u{fe0f}ee 1\u{fe0f} \u{0}\u{7}\u{1b}", "free 1 "),
            ("win\u{e0041}\u{e0042}\u{e0100} \u{3164}", "win "),
            ("👍\u{e0067}\u{e0062}\u{e0065}\u{e007f} 🏴\u{e0041}", "👍 🏴"),
            ("👩\u{200d}\u{200d}\u{fe0f}👩", "👩\u{200d}👩"),
            ("👩\u{200d} end", "👩 end"),
        ] {
            assert_eq!(Invisible.squeeze(text), plain, "{text:?}");
        }
    }

    #[test]
    fn what_makes_a_difference_to_see_stays() {
        for text in [
            "a\tb\r\nc\n",
            "👨\u{200d}👩\u{200d}👧 ❤\u{fe0f}\u{200d}🔥 👋🏽 🏳\u{fe0f}\u{200d}🌈 👩🏽\u{200d}🚀",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} 1\u{fe0f}\u{20e3}",
            "می\u{200c}خواهم",
            "ക്\u{200d} क्\u{200d}ष র\u{200d}্য",
            "ភាសា\u{200b}ខ្មែរ",
        ] {
            assert!(matches!(Invisible.squeeze(text), Cow::Borrowed(same) if same == text), "{text:?}");
        }
    }
}
