//! The binary version of CIFAR-10: records of a label and 32x32 red, green and blue planes.

use std::fs;
use std::path::{Path, PathBuf};

use super::dataset::{Reader, Sample, Split};
use super::error::{DataError, broken};
use super::file::{file_name, files_in};
use super::source::Source;
use crate::tensor::Picture;

const SIDE: usize = 32;
/// A label and three planes.
const RECORD: usize = 1 + 3 * SIDE * SIDE;

/// Whether the name is that of a file of records.
pub(super) fn holds_records(path: &Path) -> bool {
    let name = file_name(path);
    name.ends_with(".bin") && name.contains("_batch")
}

/// One or more files of records.
#[derive(Debug)]
pub(super) struct Cifar {
    batches: Vec<Batch>,
    classes: Option<Vec<String>>,
}

#[derive(Debug)]
struct Batch {
    path: PathBuf,
    source: Source,
    count: usize,
}

impl Cifar {
    /// A file of records, or a folder with those of `split`.
    pub(super) fn open(path: &Path, split: Option<Split>) -> Result<Self, DataError> {
        let (files, folder) = if path.is_dir() {
            let files = files_in(path)?.into_iter().filter(|path| holds_records(path)).collect();
            (Split::choose(split, files), path)
        } else {
            (vec![path.to_owned()], path.parent().unwrap_or(Path::new("")))
        };
        if files.is_empty() {
            return Err(DataError::nothing_found(path, split, "CIFAR files (data_batch_*.bin, test_batch.bin)"));
        }
        let batches = files.into_iter().map(Batch::open).collect::<Result<_, _>>()?;
        Ok(Self { batches, classes: classes_in(folder) })
    }
}

/// The names of the classes, one a line, where the folder has them.
fn classes_in(folder: &Path) -> Option<Vec<String>> {
    let text = fs::read_to_string(folder.join("batches.meta.txt")).ok()?;
    Some(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

impl Batch {
    fn open(path: PathBuf) -> Result<Self, DataError> {
        let source = Source::open(&path).map_err(|error| broken(&path, error))?;
        let len = source.len();
        if len == 0 || !len.is_multiple_of(RECORD as u64) {
            return Err(broken(&path, format!("{len} bytes are no whole number of {RECORD}-byte CIFAR records")));
        }
        Ok(Self { count: (len / RECORD as u64) as usize, source, path })
    }

    fn get(&self, index: usize) -> Result<Sample, DataError> {
        let record =
            self.source.read(index as u64 * RECORD as u64, RECORD).map_err(|error| broken(&self.path, error))?;
        let pixels = record[1..].iter().map(|&byte| f32::from(byte) / 255.0).collect();
        Ok(Sample {
            picture: Picture::new(3, SIDE, SIDE, pixels).map_err(|error| broken(&self.path, error))?,
            label: Some(usize::from(record[0])),
            name: format!("{}#{index}", file_name(&self.path)),
        })
    }
}

impl Reader for Cifar {
    fn len(&self) -> usize {
        self.batches.iter().map(|batch| batch.count).sum()
    }

    fn get(&self, mut index: usize) -> Result<Sample, DataError> {
        for batch in &self.batches {
            match index.checked_sub(batch.count) {
                None => return batch.get(index),
                Some(rest) => index = rest,
            }
        }
        Err(DataError::OutOfBounds { index, len: self.len() })
    }

    fn classes(&self) -> Option<Vec<String>> {
        self.classes.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dataset, Format, Options};
    use super::*;

    fn record(label: u8, red: u8) -> Vec<u8> {
        let area = SIDE * SIDE;
        [vec![label], vec![red; area], vec![0; area], vec![255; area]].concat()
    }

    #[test]
    fn batches_follow_one_another() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("data_batch_1.bin"), [record(1, 10), record(2, 20)].concat()).unwrap();
        fs::write(folder.path().join("data_batch_2.bin"), record(3, 51)).unwrap();
        fs::write(folder.path().join("test_batch.bin"), record(9, 0)).unwrap();
        fs::write(folder.path().join("batches.meta.txt"), "airplane\nautomobile\n\n").unwrap();
        let options = Options { split: Some(Split::Train), ..Options::default() };
        let train = Dataset::open(folder.path(), &options).unwrap();
        assert_eq!((train.format(), train.len()), (Format::Cifar, 3));
        assert_eq!(train.classes().unwrap(), ["airplane", "automobile"]);
        let sample = train.get(2).unwrap();
        assert_eq!((sample.label, sample.name.as_str()), (Some(3), "data_batch_2.bin#0"));
        assert_eq!(sample.picture.planes().map(|plane| plane[5]).collect::<Vec<_>>(), [0.2, 0.0, 1.0]);
        assert!(matches!(train.get(3), Err(DataError::OutOfBounds { index: 3, len: 3 })));
        assert_eq!(Dataset::open(folder.path(), &Options::default()).unwrap().get(0).unwrap().label, Some(9));
    }

    #[test]
    fn a_cut_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test_batch.bin");
        fs::write(&path, &record(1, 1)[1..]).unwrap();
        let error = Dataset::open(&path, &Options::default()).unwrap_err().to_string();
        assert!(error.contains("test_batch.bin") && error.contains("3073"), "{error}");
    }
}
