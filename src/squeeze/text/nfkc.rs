//! Unicode's compatibility composition.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use super::TextSqueezer;

/// `nfkc`: normalisation form KC (Unicode Standard Annex 15). Letters in circles, of full width, in mathematical bold or
/// as ligatures become plain ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nfkc;

impl TextSqueezer for Nfkc {
    fn name(&self) -> String {
        "nfkc".to_owned()
    }

    fn squeeze<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if text.is_ascii() || is_nfkc_quick(text.chars()) == IsNormalized::Yes {
            return Cow::Borrowed(text);
        }
        let normal: String = text.nfkc().collect();
        if normal == text { Cow::Borrowed(text) } else { Cow::Owned(normal) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dressed_up_letters_become_plain_and_scripts_stay() {
        for (text, plain) in [("ⓕⓡⓔⓔ ｃａｓｈ 𝐰𝐢𝐧", "free cash win"), ("ﬁne", "fine"), ("e\u{301}", "é")]
        {
            assert_eq!(Nfkc.squeeze(text), plain);
        }
        for text in ["çok güzel", "今天天气很好。", "مرحبا", "नमस्ते", "👨‍👩‍👧"] {
            assert!(matches!(Nfkc.squeeze(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }
}
