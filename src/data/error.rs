//! What can be wrong with data.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::dataset::Split;
use super::file::{entries, file_name};
use crate::tensor::PictureError;

/// Why data could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The path leads to nothing that can be read.
    #[error("no {wanted} in {}; found {found}", .path.display())]
    NothingFound {
        /// Where it was looked for.
        path: PathBuf,
        /// What was looked for.
        wanted: String,
        /// What is there.
        found: String,
    },
    /// The path itself is missing or closed.
    #[error("cannot read {}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {}", .path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A name stands for a synthetic set and for something on disk.
    #[error(
        "'{0}' is a synthetic set as well as a file or folder here; write ./{0} for what is here, {0}:1 for the set"
    )]
    Ambiguous(String),
    /// A synthetic set cannot be drawn as asked.
    #[error("cannot draw the set '{set}': {reason}")]
    Synthetic {
        /// Its name.
        set: &'static str,
        /// Why not.
        reason: String,
    },
    /// A file does not hold what it should.
    #[error("{} is broken: {reason}", .path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A picture cannot be brought to the asked size.
    #[error("{name}: {source}")]
    Picture {
        /// Name of the sample.
        name: String,
        /// Why not.
        source: PictureError,
    },
    /// No sample has this index.
    #[error("there is no sample {index}: the data hold {len}")]
    OutOfBounds {
        /// The index asked for.
        index: usize,
        /// How many samples there are.
        len: usize,
    },
    /// A split needs more than there is.
    #[error("{needed} samples are needed, the data hold {len}")]
    TooFew {
        /// How many are needed.
        needed: usize,
        /// How many samples there are.
        len: usize,
    },
}

impl DataError {
    /// The error about a path without `wanted`, saying what is there instead.
    pub(super) fn nothing_found(path: &Path, split: Option<Split>, wanted: &str) -> Self {
        let half = match split {
            None => "",
            Some(Split::Train) => "training data, that is no ",
            Some(Split::Test) => "test data, that is no ",
        };
        Self::NothingFound { path: path.to_owned(), wanted: format!("{half}{wanted}"), found: summary(path) }
    }
}

/// The error about a file that does not hold what it should.
pub(super) fn broken(path: &Path, reason: impl ToString) -> DataError {
    DataError::Broken { path: path.to_owned(), reason: reason.to_string() }
}

/// What is at a path, in a few words: `2 folders, 3 .txt files`.
fn summary(path: &Path) -> String {
    let Ok(paths) = entries(path) else {
        return format!("the file '{}'", file_name(path));
    };
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for path in paths {
        let kind = match path.extension() {
            _ if path.is_dir() => "folder".to_owned(),
            Some(extension) => format!(".{} file", extension.to_string_lossy()),
            None => "file without extension".to_owned(),
        };
        *kinds.entry(kind).or_default() += 1;
    }
    if kinds.is_empty() {
        return "nothing".to_owned();
    }
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let list: Vec<_> = kinds.into_iter().map(|(kind, count)| format!("{count} {kind}{}", plural(count))).collect();
    list.join(", ")
}
