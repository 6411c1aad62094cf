//! A file of lines that is rotated by size.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::lines::LineSink;

/// Who was detected is nobody else's business.
#[cfg(unix)]
const MODE: u32 = 0o600;

/// The file and its predecessors: `PATH.1`, the youngest, to `PATH.N`.
#[derive(Debug)]
pub struct RotatingFile {
    path: PathBuf,
    most: u64,
    keep: usize,
    file: File,
    length: u64,
}

impl RotatingFile {
    /// Goes on with the file at `path`, which may have `most` bytes; `keep` predecessors stay.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path, most: u64, keep: usize) -> io::Result<Self> {
        let file = open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), most, keep, file, length })
    }

    fn rotate(&mut self) -> io::Result<()> {
        for age in (1..self.keep).rev() {
            rename(&self.predecessor(age), &self.predecessor(age + 1))?;
        }
        if self.keep > 0 {
            rename(&self.path, &self.predecessor(1))?;
        } else {
            std::fs::remove_file(&self.path)?;
        }
        self.file = open(&self.path)?;
        self.length = 0;
        Ok(())
    }

    fn predecessor(&self, age: usize) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(format!(".{age}"));
        path.into()
    }
}

impl LineSink for RotatingFile {
    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.length > 0 && self.length.saturating_add(line.len() as u64) > self.most {
            self.rotate()?;
        }
        match self.file.write_all(line) {
            Ok(()) => {
                self.length += line.len() as u64;
                Ok(())
            }
            Err(error) => {
                // No half line stays. If it cannot be cut off, whoever reads meets one broken line.
                let _ = self.file.set_len(self.length);
                Err(error)
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, MODE);
    options.open(path)
}

/// Renames what is there; where nothing is, there is nothing to do.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(path: &Path) -> Vec<String> {
        let text = |name: &str| std::fs::read_to_string(path.with_file_name(name)).unwrap_or_default();
        ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2", "audit.jsonl.3"].map(text).to_vec()
    }

    fn write(file: &mut RotatingFile, lines: &[&str]) {
        lines.iter().for_each(|line| file.write_line(format!("{line}\n").as_bytes()).unwrap());
    }

    #[test]
    fn a_file_that_is_full_makes_room_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut file = RotatingFile::open(&path, 8, 2).unwrap();
        write(&mut file, &["one", "two", "three", "a line that is too long"]);
        assert_eq!(contents(&path), ["a line that is too long\n", "three\n", "one\ntwo\n", ""]);
        write(&mut file, &["four"]);
        assert_eq!(contents(&path), ["four\n", "a line that is too long\n", "three\n", ""]);
        drop(file);
        let mut again = RotatingFile::open(&path, 10, 2).unwrap();
        write(&mut again, &["five"]);
        assert_eq!(contents(&path)[0], "four\nfive\n", "it goes on where it was");
    }

    #[test]
    fn without_predecessors_it_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        write(&mut RotatingFile::open(&path, 4, 0).unwrap(), &["one", "two"]);
        assert_eq!(contents(&path), ["two\n", "", "", ""]);
    }
}
