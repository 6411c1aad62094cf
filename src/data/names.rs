//! The names of classes, one a line, where a format has no room for them.

use std::fs;
use std::path::{Path, PathBuf};

/// Name of the file beside the data that belongs to all of a folder.
const NAMES: &str = "classes.txt";

/// The file of names that belongs to one file of data: `signs.npz` has `signs.classes.txt`.
pub(super) fn beside(data: &Path) -> PathBuf {
    let stem = data.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    data.with_file_name(format!("{stem}.{NAMES}"))
}

/// The names of the classes of a file or folder, where a file tells them.
pub(super) fn of(data: &Path) -> Option<Vec<String>> {
    let files = if data.is_dir() { vec![data.join(NAMES)] } else { vec![beside(data), data.with_file_name(NAMES)] };
    files.into_iter().find_map(|file| lines(&file))
}

/// The names of classes in a text file, one a line; `None` where it cannot be read.
pub fn lines(file: &Path) -> Option<Vec<String>> {
    let text = fs::read_to_string(file).ok()?;
    Some(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}
