//! The files of a configuration, as they were when somebody looked.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::Config;

/// What tells a file from what was there before, without reading it: device, inode, size, seconds and nanoseconds of its
/// last change. Symbolic links are followed, so that a link that points elsewhere is a change too.
type Stamp = (u64, u64, u64, i64, i64);

/// Files with their stamps; without one where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Files(BTreeMap<PathBuf, Option<Stamp>>);

impl Files {
    /// Looks at everything that `config` came from.
    pub(crate) fn of(config: &Config) -> Self {
        Self::look(config.files())
    }

    fn look<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        Self(paths.into_iter().map(|path| (path.to_owned(), stamp(path))).collect())
    }

    /// The same files, as they are now.
    pub(crate) fn again(&self) -> Self {
        Self::look(self.0.keys().map(PathBuf::as_path))
    }

    /// With other files; one that is in both is as it is here.
    pub(crate) fn or(mut self, others: Self) -> Self {
        for (path, stamp) in others.0 {
            self.0.entry(path).or_insert(stamp);
        }
        self
    }

    /// Those that `config` came from.
    pub(crate) fn only(mut self, config: &Config) -> Self {
        self.0.retain(|path, _| config.files().any(|file| file == path));
        self
    }

    /// Looks every so often and returns once a file has changed and then stood still from one look to the next: what is
    /// still being written is left alone. Never returns where `every` is zero.
    pub(crate) async fn changed(&self, every: Duration) {
        if every.is_zero() {
            return std::future::pending().await;
        }
        let mut last = self.clone();
        loop {
            tokio::time::sleep(every).await;
            let before = last.clone();
            let Ok(now) = tokio::task::spawn_blocking(move || before.again()).await else { continue };
            if now != *self && now == last {
                return;
            }
            last = now;
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let file = std::fs::metadata(path).ok()?;
    Some((file.dev(), file.ino(), file.size(), file.mtime(), file.mtime_nsec()))
}
