//! What an interrupted training goes on from: one file, written whole or not at all.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Epoch, TrainError};
use crate::data::write_atomically;

/// What the file begins with, so that no other is taken for it.
const MAGIC: &[u8] = b"portcullis training 1\n";

/// Where a training stood.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Identity of what is trained, on what, how.
    pub identity: String,
    /// Finished epochs.
    pub history: Vec<Epoch>,
    /// Batches done in the epoch under way, and the sum of their losses.
    pub batches: usize,
    pub loss: f64,
    /// The epoch with the smallest validation loss.
    pub best: Option<usize>,
}

/// A training's state: its progress, and the weights and moments as `burn` packs them.
pub(super) struct Checkpoint {
    pub progress: Progress,
    pub network: Vec<u8>,
    pub optimiser: Vec<u8>,
    /// The weights of the best epoch; empty before the first.
    pub best: Vec<u8>,
}

impl Checkpoint {
    /// Writes the file.
    ///
    /// # Errors
    /// When the disk is full or the folder is not there; an older file stays as it was.
    pub(super) fn write(&self, path: &Path) -> Result<(), TrainError> {
        let failed = |source| TrainError::Write { path: path.to_owned(), source };
        let progress = serde_json::to_vec(&self.progress).map_err(|error| failed(error.into()))?;
        let mut bytes = MAGIC.to_vec();
        for part in [&progress, &self.network, &self.optimiser, &self.best] {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part);
        }
        write_atomically(path, &bytes).map_err(failed)
    }

    /// Reads the file; `None` where there is none.
    ///
    /// # Errors
    /// When it is damaged.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, TrainError> {
        let broken = |problem: String| TrainError::Checkpoint { path: path.to_owned(), problem };
        if !path.exists() {
            return Ok(None);
        }
        let bytes = fs::read(path).map_err(|error| broken(error.to_string()))?;
        let mut rest = bytes.strip_prefix(MAGIC).ok_or_else(|| broken("it is no checkpoint".into()))?;
        let mut part = || {
            let (len, after) = rest.split_first_chunk::<8>()?;
            let (part, after) = after.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
            rest = after;
            Some(part.to_vec())
        };
        let mut next = || part().ok_or_else(|| broken("its end is missing".into()));
        let progress = serde_json::from_slice(&next()?).map_err(|error| broken(error.to_string()))?;
        Ok(Some(Self { progress, network: next()?, optimiser: next()?, best: next()? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_comes_back_as_it_was_and_a_damaged_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("training.checkpoint");
        assert!(Checkpoint::read(&path).unwrap().is_none());
        let progress = Progress { identity: "a".into(), batches: 7, loss: 0.1, ..Progress::default() };
        let written = Checkpoint { progress: progress.clone(), network: vec![1, 2], optimiser: vec![], best: vec![3] };
        written.write(&path).unwrap();
        let read = Checkpoint::read(&path).unwrap().unwrap();
        assert_eq!((read.progress, read.network, read.optimiser, read.best), (progress, vec![1, 2], vec![], vec![3]));
        let whole = fs::read(&path).unwrap();
        for damaged in [&whole[..whole.len() - 1], b"something else"] {
            fs::write(&path, damaged).unwrap();
            let error = Checkpoint::read(&path).err().unwrap().to_string();
            assert!(error.contains("training.checkpoint") && error.contains("--restart"), "{error}");
        }
    }
}
