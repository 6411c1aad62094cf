//! Bytes at an offset, from a file on disk or from memory, never more than are there.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use flate2::read::MultiGzDecoder;

/// The most that deflate can expand its input; a header that claims more lies.
const LARGEST_EXPANSION: u64 = 1032;

/// Bytes that are read at any offset.
#[derive(Debug)]
pub(super) enum Source {
    /// Part of a file, from `start` on.
    File { file: Mutex<File>, start: u64, len: u64 },
    /// Unpacked bytes.
    Memory(Vec<u8>),
}

impl Source {
    /// A file as it is, or unpacked in memory where its name ends in `.gz`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if path.extension().is_some_and(|extension| extension == "gz") {
            return Self::gunzip(path);
        }
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        Ok(Self::part(file, 0, len))
    }

    /// `len` bytes of `file` from `start` on.
    pub(super) fn part(file: File, start: u64, len: u64) -> Self {
        Self::File { file: Mutex::new(file), start, len }
    }

    /// Unpacks no more than the file's header claims to hold, IDX being the one format found in gzip.
    fn gunzip(path: &Path) -> io::Result<Self> {
        let packed = std::fs::metadata(path)?.len();
        let mut unpacked = Vec::new();
        let mut stream = MultiGzDecoder::new(File::open(path)?);
        stream.by_ref().take(super::idx::LONGEST_HEADER).read_to_end(&mut unpacked)?;
        let claimed = super::idx::claimed_len(&unpacked).ok_or_else(|| invalid("not an IDX file inside"))?;
        check_expansion(packed, claimed)?;
        stream.take(claimed.saturating_sub(unpacked.len() as u64)).read_to_end(&mut unpacked)?;
        Ok(Self::Memory(unpacked))
    }

    /// How many bytes there are.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::File { len, .. } => *len,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// The `count` bytes from `offset` on.
    pub(super) fn read(&self, offset: u64, count: usize) -> io::Result<Vec<u8>> {
        let end = offset.checked_add(count as u64).filter(|&end| end <= self.len());
        let end = end.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        match self {
            Self::Memory(bytes) => Ok(bytes[offset as usize..end as usize].to_vec()),
            Self::File { file, start, .. } => {
                let mut bytes = vec![0; count];
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(start + offset))?;
                file.read_exact(&mut bytes)?;
                Ok(bytes)
            }
        }
    }
}

/// Refuses a packed file that claims more than it can hold.
pub(super) fn check_expansion(packed: u64, claimed: u64) -> io::Result<()> {
    if claimed > packed.saturating_mul(LARGEST_EXPANSION) {
        return Err(invalid(&format!("{packed} packed bytes cannot hold the {claimed} that the header claims")));
    }
    Ok(())
}

/// An error about what a file holds.
pub(super) fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
