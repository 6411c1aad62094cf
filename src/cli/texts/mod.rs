//! Texts on disk as a guarded model's input.

pub mod copies;
pub mod set;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use portcullis::data::{Message, Messages, split};
use portcullis::profile::InputId;
use portcullis::tensor::Kind;

use super::pictures::BenignArguments;
use super::sets::sets_in;
use set::AdversarialText;

/// The messages of a file.
pub fn read(path: &Path) -> Result<Messages> {
    Ok(Messages::read(path, None)?)
}

/// The messages in the order of a seed, each text once, without those that `leave_out` knows.
pub fn in_order(messages: &Messages, seed: u64, leave_out: impl Fn(&str) -> bool) -> Result<Vec<Message>> {
    let all = messages.all();
    let order = split(all.len(), seed, &[all.len()])?.concat();
    let mut once = HashSet::new();
    let texts = order.into_iter().map(|at| (at, all[at].text.as_str()));
    let fresh = texts.filter(|(_, text)| !leave_out(text) && !text.contains('\0') && once.insert(*text));
    Ok(fresh.map(|(at, _)| all[at].clone()).collect())
}

/// As [`in_order`], as many as are asked for.
pub fn choose(
    messages: &Messages,
    arguments: &BenignArguments,
    leave_out: impl Fn(&str) -> bool,
) -> Result<Vec<Message>> {
    let mut chosen = in_order(messages, arguments.seed, leave_out)?;
    chosen.truncate(arguments.count.unwrap_or(usize::MAX));
    if chosen.is_empty() {
        bail!("{} holds no messages but those that are left out", arguments.data.display());
    }
    Ok(chosen)
}

/// Fingerprints of the seeds of adversarial sets, or of all messages in files that are none.
pub fn seeds_of(files: &[PathBuf]) -> Result<HashSet<InputId>> {
    let mut ids = HashSet::new();
    for file in sets_in(files, Kind::Text)? {
        match set::read(&file) {
            Ok(texts) => ids.extend(texts.iter().map(|AdversarialText { seed, .. }| InputId::from(seed.as_str()))),
            Err(_) => ids.extend(read(&file)?.all().iter().map(|message| InputId::from(message.text.as_str()))),
        }
    }
    Ok(ids)
}
