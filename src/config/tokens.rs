//! By which tokenizer a model takes text.

use std::path::Path;

use super::mistake::Located;
use super::read::file;
use super::section::Section;
use super::types::TokenInput;

/// Reads `input.tokens`; `None` only with a mistake.
pub(super) fn tokens(mut section: Section<'_>, folder: &Path) -> Option<TokenInput> {
    let tokenizer = file(&mut section, "tokenizer", folder);
    if tokenizer.is_none() {
        section.wrong(section.at.clone(), "tokenizer", "is missing: its file, a tokenizer.json");
    }
    let text = section.optional("text");
    let max_length = section.optional::<usize>("max_length");
    if let Some(Located { value: 0, at }) = &max_length {
        section.wrong(at.clone(), "max_length", "must be at least 1");
    }
    let at = section.at.clone();
    section.end();
    Some(TokenInput { tokenizer: tokenizer?.ok()?, text, max_length, is_inherited: false, at })
}
