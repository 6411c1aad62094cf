//! The binary versions of CIFAR-10 and CIFAR-100: records of labels and 32x32 red, green and blue planes.

use std::path::{Path, PathBuf};

use super::dataset::{Reader, Sample, Split};
use super::error::{DataError, broken};
use super::file::{file_name, files_in};
use super::names;
use super::source::Source;
use crate::tensor::Picture;

const SIDE: usize = 32;
/// Bytes of three planes.
const PIXELS: usize = 3 * SIDE * SIDE;

/// How many labels the records of a file start with, by its usual name: the class in CIFAR-10; a group of classes and
/// the class in CIFAR-100.
fn labels_in(path: &Path) -> Option<usize> {
    match file_name(path).as_str() {
        "train.bin" | "test.bin" => Some(2),
        name if name.ends_with(".bin") && name.contains("_batch") => Some(1),
        _ => None,
    }
}

/// Whether the name is that of a file of records.
pub(super) fn holds_records(path: &Path) -> bool {
    labels_in(path).is_some()
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
    labels: usize,
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
            let wanted = "CIFAR files (data_batch_*.bin and test_batch.bin, or train.bin and test.bin)";
            return Err(DataError::nothing_found(path, split, wanted));
        }
        let batches = files.into_iter().map(Batch::open).collect::<Result<_, _>>()?;
        let classes = ["batches.meta.txt", "fine_label_names.txt"];
        Ok(Self { batches, classes: classes.into_iter().find_map(|file| names::lines(&folder.join(file))) })
    }
}

impl Batch {
    fn open(path: PathBuf) -> Result<Self, DataError> {
        let source = Source::open(&path).map_err(|error| broken(&path, error))?;
        let labels = labels_in(&path).unwrap_or(1);
        let (len, record) = (source.len(), (labels + PIXELS) as u64);
        if len == 0 || !len.is_multiple_of(record) {
            return Err(broken(&path, format!("{len} bytes are no whole number of {record}-byte CIFAR records")));
        }
        Ok(Self { count: (len / record) as usize, labels, source, path })
    }

    fn get(&self, index: usize) -> Result<Sample, DataError> {
        let size = self.labels + PIXELS;
        let record = self.source.read(index as u64 * size as u64, size).map_err(|error| broken(&self.path, error))?;
        let (labels, pixels) = record.split_at(self.labels);
        let pixels = pixels.iter().map(|&byte| f32::from(byte) / 255.0).collect();
        Ok(Sample {
            picture: Picture::new(3, SIDE, SIDE, pixels).map_err(|error| broken(&self.path, error))?,
            label: labels.last().map(|&label| usize::from(label)),
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
    use std::fs;

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
    fn the_hundred_classes_of_the_larger_set_are_the_fine_ones() {
        let folder = tempfile::tempdir().unwrap();
        let records: Vec<u8> =
            [[3, 40], [7, 99]].iter().flat_map(|&[group, class]| [vec![group], record(class, 51)].concat()).collect();
        fs::write(folder.path().join("train.bin"), &records).unwrap();
        fs::write(folder.path().join("test.bin"), &records[1 + PIXELS + 1..]).unwrap();
        fs::write(folder.path().join("fine_label_names.txt"), "apple\naquarium_fish\n").unwrap();
        let test = Dataset::open(folder.path(), &Options::default()).unwrap();
        assert_eq!((test.format(), test.len(), test.get(0).unwrap().label), (Format::Cifar, 1, Some(99)));
        assert_eq!(test.classes().unwrap(), ["apple", "aquarium_fish"]);
        let train = Dataset::open(folder.path().join("train.bin"), &Options::default()).unwrap();
        let sample = train.get(0).unwrap();
        assert_eq!((train.len(), sample.label, sample.picture.pixels()[0]), (2, Some(40), 0.2));
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
