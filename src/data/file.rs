//! Listing folders, and writing files whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::error::DataError;

/// Writes a file whole or not at all: into a temporary file beside it, which then takes its name.
///
/// # Errors
/// When the folder is missing or cannot be written to; an older file stays as it was.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    stream_atomically(path, |file| file.write_all(bytes))
}

/// As [`write_atomically`], for what need not be in memory as a whole.
pub(super) fn stream_atomically<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> Result<(), E>,
) -> Result<(), E> {
    let file = beside(0o666).tempfile_in(parent(path))?;
    if let Ok(older) = fs::metadata(path) {
        file.as_file().set_permissions(older.permissions())?;
    }
    let mut writer = BufWriter::new(file.as_file());
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Makes a folder whole or not at all: under a temporary name beside it, which then changes to its own.
///
/// # Errors
/// When the folder exists already and holds anything, and when it cannot be written to.
pub(super) fn fill_atomically<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    if path.is_file() || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(
            io::Error::new(io::ErrorKind::AlreadyExists, "something is there already; name a new folder").into()
        );
    }
    let folder = beside(0o777).tempdir_in(parent(path))?;
    fill(folder.path())?;
    fs::rename(folder.path(), path)?;
    // It has its own name now: there is nothing left to remove.
    let _ = folder.keep();
    Ok(())
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What makes temporary things; they are private to their owner by default, but finished ones must be as readable as
/// any other.
fn beside(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".portcullis-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    builder
}

/// The last part of a path.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The files of a folder in sorted order, hidden ones left out.
pub(super) fn files_in(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    Ok(entries(folder)?.into_iter().filter(|path| path.is_file()).collect())
}

/// The folders of a folder in sorted order, hidden ones left out.
pub(super) fn folders_in(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    Ok(entries(folder)?.into_iter().filter(|path| path.is_dir()).collect())
}

/// Everything in a folder in sorted order, hidden things left out.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let list = || -> io::Result<Vec<PathBuf>> { fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect() };
    let mut paths = list().map_err(|source| DataError::Io { path: folder.to_owned(), source })?;
    paths.retain(|path| !file_name(path).starts_with('.'));
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("profile.json");
        write_atomically(&path, b"old").unwrap();
        write_atomically(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write_atomically(&folder.path().join("missing/profile.json"), b"").is_err());
    }

    #[test]
    fn a_folder_is_filled_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pictures");
        let half_done = fill_atomically(&path, |inside| {
            fs::write(inside.join("1.png"), "")?;
            Err(io::Error::other("the disk is full"))
        });
        assert!(half_done.is_err() && fs::read_dir(folder.path()).unwrap().next().is_none());
        fill_atomically(&path, |inside| fs::write(inside.join("1.png"), "")).unwrap();
        assert!(path.join("1.png").is_file());
        let again = fill_atomically(&path, |_| Ok::<_, io::Error>(())).unwrap_err();
        assert!(again.to_string().contains("there already"));
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_what_the_umask_lets_them() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        write_atomically(&ours, b"").unwrap();
        fs::write(&plain, b"").unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
