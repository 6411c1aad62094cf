//! Something made of files that is made anew when their contents change.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use sha2::{Digest, Sha256};

use crate::config::{Located, Mistake};
use crate::telemetry;

/// Files are read no further.
const LARGEST_FILE: u64 = 1 << 20;

/// What is wrong with one of the files: its index, and words that follow its name.
pub(super) struct Flaw(pub(super) usize, pub(super) String);

type Make<T> = Box<dyn Fn(&[Vec<u8>]) -> Result<T, Flaw> + Send + Sync>;

/// The latest good version of something that is made of files.
///
/// The contents are compared, not times: Kubernetes turns a link, and file systems round. Files that change one after the
/// other may not fit together for a moment; then the former version stays until they do.
pub(crate) struct Kept<T> {
    /// What it is for, in logs and metrics.
    role: &'static str,
    files: Vec<PathBuf>,
    make: Make<T>,
    current: RwLock<Arc<T>>,
    /// SHA-256 of the contents that were looked at last, whether good or not.
    seen: Mutex<[u8; 32]>,
}

impl<T> Kept<T> {
    /// Makes the first version.
    pub(super) fn new(
        role: &'static str,
        files: Vec<Located<PathBuf>>,
        make: impl Fn(&[Vec<u8>]) -> Result<T, Flaw> + Send + Sync + 'static,
    ) -> Result<Self, Mistake> {
        let paths: Vec<PathBuf> = files.iter().map(|file| file.value.clone()).collect();
        let made = read_all(&paths).and_then(|contents| Ok((make(&contents)?, digest(&contents))));
        match made {
            Ok((current, seen)) => Ok(Self {
                role,
                files: paths,
                make: Box::new(make),
                current: RwLock::new(Arc::new(current)),
                seen: Mutex::new(seen),
            }),
            Err(Flaw(index, problem)) => {
                Err(files[index].mistake(format!("{} {problem}", files[index].value.display())))
            }
        }
    }

    /// The latest good version.
    pub(crate) fn current(&self) -> Arc<T> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes a new version if the contents have changed; `None` if they have not.
    fn renew(&self) -> Option<Result<T, Flaw>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let contents = read_all(&self.files);
        let digest = contents.as_deref().map_or([0; 32], digest);
        (std::mem::replace(&mut *seen, digest) != digest).then(|| contents.and_then(|contents| (self.make)(&contents)))
    }
}

/// Something that can be brought up to date.
pub(crate) trait Refresh: Send + Sync {
    /// Takes the files as they are now, if they are good.
    fn refresh(&self);
}

impl<T: Send + Sync> Refresh for Kept<T> {
    fn refresh(&self) {
        match self.renew() {
            None => {}
            Some(Ok(new)) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
                telemetry::credentials_renewed(self.role);
            }
            Some(Err(Flaw(index, problem))) => {
                telemetry::credentials_refused(self.role, &format!("{} {problem}", self.files[index].display()));
            }
        }
    }
}

fn read_all(files: &[PathBuf]) -> Result<Vec<Vec<u8>>, Flaw> {
    let read =
        |(index, path): (usize, &PathBuf)| read(path).map_err(|error| Flaw(index, format!("cannot be read: {error}")));
    files.iter().enumerate().map(read).collect()
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut contents = Vec::new();
    File::open(path)?.take(LARGEST_FILE).read_to_end(&mut contents)?;
    Ok(contents)
}

/// Of all files together, each with its length, so that nothing moves unnoticed from one to the next.
fn digest(contents: &[Vec<u8>]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for content in contents {
        hash.update(content.len().to_le_bytes());
        hash.update(content);
    }
    hash.finalize().into()
}
