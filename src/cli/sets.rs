//! Adversarial sets among files and in folders.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use portcullis::tensor::Kind;

/// The sets of inputs of a kind: files as they are, of folders those in them, by name.
pub fn sets_in(paths: &[PathBuf], kind: Kind) -> Result<Vec<PathBuf>> {
    let (extension, none) = match kind {
        Kind::Picture => ("npz", "there is no adversarial set"),
        Kind::Text => ("jsonl", "there are no adversarial texts"),
    };
    let mut sets = Vec::new();
    for path in paths {
        if !path.is_dir() {
            sets.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).with_context(|| format!("cannot read the folder {}", path.display()))?;
        let files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
        let is_set = |path: &PathBuf| path.extension() == Some(extension.as_ref());
        let mut found: Vec<PathBuf> = files.into_iter().filter(is_set).collect();
        if found.is_empty() {
            bail!("{none} (.{extension}) in the folder {}", path.display());
        }
        found.sort();
        sets.append(&mut found);
    }
    Ok(sets)
}
