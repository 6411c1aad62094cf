//! Texts on disk as a guarded model's input.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use portcullis::data::{Message, Messages, split};
use portcullis::profile::InputId;

use super::pictures::BenignArguments;

/// The messages of a file.
pub fn read(path: &Path) -> Result<Messages> {
    Ok(Messages::read(path, None)?)
}

/// The chosen ones of the messages in the seed's order, each text once, without those that `leave_out` knows.
pub fn choose(
    messages: &Messages,
    arguments: &BenignArguments,
    leave_out: impl Fn(&str) -> bool,
) -> Result<Vec<Message>> {
    let all = messages.all();
    let order = split(all.len(), arguments.seed, &[all.len()])?.concat();
    let mut once = HashSet::new();
    let texts = order.into_iter().map(|at| (at, all[at].text.as_str()));
    let fresh = texts.filter(|(_, text)| !leave_out(text) && !text.contains('\0') && once.insert(*text));
    let chosen = fresh.map(|(at, _)| &all[at]).take(arguments.count.unwrap_or(usize::MAX));
    let chosen: Vec<Message> = chosen.cloned().collect();
    if chosen.is_empty() {
        bail!("{} holds no messages but those that are left out", arguments.data.display());
    }
    Ok(chosen)
}

/// Fingerprints of all texts in these files.
pub fn ids_in(files: &[PathBuf]) -> Result<HashSet<InputId>> {
    let mut ids = HashSet::new();
    for file in files {
        ids.extend(read(file)?.all().iter().map(|message| InputId::from(message.text.as_str())));
    }
    Ok(ids)
}
