//! One way to open whatever is there and to read it picture by picture.

use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::cifar::{self, Cifar};
use super::error::DataError;
use super::file::{file_name, files_in, folders_in};
use super::folder::{self, Folder};
use super::idx::{self, Idx};
use super::labels;
use super::names;
use super::numpy::{self, Numpy};
use super::options::Options;
use super::synthetic::{Drawn, Request};
use crate::tensor::Picture;

/// One picture with what is known about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its pixels.
    pub picture: Picture,
    /// Index of its class.
    pub label: Option<usize>,
    /// Where it came from: a path inside the folder, or a file and an index, `test_batch.bin#7`.
    pub name: String,
}

/// How the data lie on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JPEG, PNG, TIFF, WebP, PPM and PGM files: a folder a class, a flat folder, or those that a CSV file labels (`file,label`; a
    /// `labels.csv` in the folder, or the file itself).
    Folder,
    /// IDX files, as those of MNIST.
    Idx,
    /// The binary versions of CIFAR-10 and CIFAR-100.
    Cifar,
    /// NPZ or NPY arrays, `N x height x width [x channels]` or `N x channels x height x width`.
    Numpy,
    /// A synthetic set, drawn instead of read.
    Drawn,
}

impl Format {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Folder, "folder"),
        (Self::Idx, "idx"),
        (Self::Cifar, "cifar"),
        (Self::Numpy, "numpy"),
        (Self::Drawn, "drawn"),
    ];
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(Self::ALL[*self as usize].1)
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|row| row.1 == name);
        found.map(|row| row.0).ok_or_else(|| format!("unknown format '{name}' (folder, idx, cifar, numpy or drawn)"))
    }
}

/// Which of two halves to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// What the classifier was trained on.
    Train,
    /// What it never saw.
    Test,
}

impl Split {
    /// The half that a file's or folder's name speaks of.
    fn of(path: &Path) -> Option<Self> {
        let name = file_name(path).to_ascii_lowercase();
        let speaks_of = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if speaks_of(&["test", "t10k", "valid"]) || name == "val" {
            return Some(Self::Test);
        }
        speaks_of(&["train", "data_batch"]).then_some(Self::Train)
    }

    /// The paths of the asked half; without one, the test half where there is any: a classifier knows its training
    /// data too well for them to tell how it treats fresh ones.
    pub(super) fn choose(split: Option<Self>, mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
        let has_test = paths.iter().any(|path| Self::of(path) == Some(Self::Test));
        if let Some(wanted) = split.or(has_test.then_some(Self::Test)) {
            paths.retain(|path| Self::of(path) == Some(wanted));
        }
        paths
    }
}

impl FromStr for Split {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "train" => Ok(Self::Train),
            "test" => Ok(Self::Test),
            _ => Err(format!("unknown half '{name}' (train or test)")),
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Train => "train",
            Self::Test => "test",
        })
    }
}

/// What a format's reader does.
pub(super) trait Reader: fmt::Debug + Send + Sync {
    /// How many samples there are.
    fn len(&self) -> usize;

    /// The sample `index`, which is below [`Reader::len`], as it is stored.
    fn get(&self, index: usize) -> Result<Sample, DataError>;

    /// The names of the classes in the order of their indices, where they are known.
    fn classes(&self) -> Option<Vec<String>> {
        None
    }
}

/// Pictures on disk, read one at a time.
#[derive(Debug)]
pub struct Dataset {
    reader: Box<dyn Reader>,
    format: Format,
    classes: Option<Vec<String>>,
    options: Options,
}

impl Dataset {
    /// Opens a file or folder. A folder that holds nothing but `train` and `test` folders stands for one of those.
    /// `signs`, `signs:SEED` and `signs:SEED:COUNT` stand for a synthetic set, as `luggage` does.
    ///
    /// # Errors
    /// When nothing readable is there, or when a file of many pictures is broken.
    pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Self, DataError> {
        let path = path.as_ref();
        if let Some(request) = Request::read(path)? {
            let drawn = Drawn::new(request, options.split, options.size)?;
            let (classes, format) = (drawn.classes(), Format::Drawn);
            return Ok(Self { classes, reader: Box::new(drawn), format, options: *options });
        }
        fs::metadata(path).map_err(|source| DataError::Io { path: path.to_owned(), source })?;
        let path = &half_in(path, options.split)?;
        let format = match options.format {
            Some(format) => format,
            None => {
                guess(path)?.ok_or_else(|| DataError::nothing_found(path, None, "pictures, IDX, CIFAR or NPZ files"))?
            }
        };
        let reader: Box<dyn Reader> = match format {
            Format::Folder => Box::new(Folder::open(path)?),
            Format::Idx => Box::new(Idx::open(path, options.split)?),
            Format::Cifar => Box::new(Cifar::open(path, options.split)?),
            Format::Numpy => Box::new(Numpy::open(path, options.split, options.values)?),
            Format::Drawn => return Err(DataError::nothing_found(path, None, "synthetic set")),
        };
        let classes = reader.classes().or_else(|| names::of(path));
        Ok(Self { reader, format, classes, options: *options })
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.reader.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The format, given or guessed.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The names of the classes in the order of their indices, where they are known.
    ///
    /// Folders have them; other data where a `classes.txt` lies beside them, one name a line.
    pub fn classes(&self) -> Option<Vec<String>> {
        self.classes.clone()
    }

    /// The sample `index`, brought to the size and colour of the options.
    ///
    /// # Errors
    /// When there is no such sample, or when its file is broken.
    pub fn get(&self, index: usize) -> Result<Sample, DataError> {
        if index >= self.len() {
            return Err(DataError::OutOfBounds { index, len: self.len() });
        }
        let Sample { picture, label, name } = self.reader.get(index)?;
        match self.options.applied(picture) {
            Ok(picture) => Ok(Sample { picture, label, name }),
            Err(source) => Err(DataError::Picture { name, source }),
        }
    }

    /// All samples in order. Broken ones are skipped and kept for [`Samples::skipped`], unless `strict`: then the first
    /// of them ends the iteration with its error.
    pub fn samples(&self, strict: bool) -> Samples<'_, Range<usize>> {
        self.samples_at(0..self.len(), strict)
    }

    /// The samples of some indices, as a [`split`](super::split) gives them; otherwise as [`Dataset::samples`].
    pub fn samples_at<I: IntoIterator<Item = usize>>(&self, indices: I, strict: bool) -> Samples<'_, I::IntoIter> {
        Samples { dataset: self, indices: indices.into_iter(), strict, failed: false, skipped: Vec::new() }
    }
}

/// Iterates over samples; see [`Dataset::samples`].
#[derive(Debug)]
pub struct Samples<'a, I> {
    dataset: &'a Dataset,
    indices: I,
    strict: bool,
    failed: bool,
    skipped: Vec<DataError>,
}

impl<I> Samples<'_, I> {
    /// The errors of the samples that were skipped so far, each naming its file.
    pub fn skipped(&self) -> &[DataError] {
        &self.skipped
    }
}

impl<I: Iterator<Item = usize>> Iterator for Samples<'_, I> {
    type Item = Result<Sample, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.failed {
            match self.dataset.get(self.indices.next()?) {
                Ok(sample) => return Some(Ok(sample)),
                Err(error) if self.strict => {
                    self.failed = true;
                    return Some(Err(error));
                }
                Err(error) => self.skipped.push(error),
            }
        }
        None
    }
}

/// The folder of the asked half, where a folder holds nothing but halves.
fn half_in(path: &Path, split: Option<Split>) -> Result<PathBuf, DataError> {
    if !path.is_dir() || !files_in(path)?.is_empty() {
        return Ok(path.to_owned());
    }
    let folders = folders_in(path)?;
    let exact = |path: &PathBuf| matches!(file_name(path).as_str(), "train" | "test" | "val" | "validation");
    if folders.is_empty() || !folders.iter().all(exact) {
        return Ok(path.to_owned());
    }
    let chosen = Split::choose(split, folders).into_iter().next();
    chosen.ok_or_else(|| DataError::nothing_found(path, split, "folder of that name"))
}

/// The format of what is there.
fn guess(path: &Path) -> Result<Option<Format>, DataError> {
    let is_folder = path.is_dir();
    let files = if is_folder { files_in(path)? } else { vec![path.to_owned()] };
    let has = |test: fn(&Path) -> bool| files.iter().any(|path| test(path));
    if has(idx::holds_pictures) {
        Ok(Some(Format::Idx))
    } else if has(cifar::holds_records) {
        Ok(Some(Format::Cifar))
    } else if has(numpy::is_array) {
        Ok(Some(Format::Numpy))
    } else if has(folder::is_picture)
        || !is_folder && labels::is_csv(path)
        || is_folder && folder::has_class_folders(path)?
    {
        Ok(Some(Format::Folder))
    } else {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Preparation;

    #[test]
    fn an_error_tells_what_was_looked_for_and_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let message = || Dataset::open(folder.path(), &Options::default()).unwrap_err().to_string();
        assert!(message().ends_with("found nothing"), "{}", message());
        for name in ["a.txt", "b.txt", "model.onnx"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("empty")).unwrap();
        let expected = format!(
            "no pictures, IDX, CIFAR or NPZ files in {}; found 1 .onnx file, 2 .txt files, 1 folder",
            folder.path().display()
        );
        assert_eq!(message(), expected);
        let missing = Dataset::open(folder.path().join("missing"), &Options::default()).unwrap_err();
        assert!(matches!(missing, DataError::Io { .. }) && missing.to_string().contains("missing"));
    }

    #[test]
    fn a_folder_of_halves_stands_for_the_test_half_unless_told() {
        let folder = tempfile::tempdir().unwrap();
        for (name, value) in [("train/a/1.png", 51), ("test/a/1.png", 255)] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            image::GrayImage::from_pixel(1, 1, image::Luma([value])).save(path).unwrap();
        }
        let pixel = |split| {
            let options = Options { split, ..Options::default() };
            Dataset::open(folder.path(), &options).unwrap().get(0).unwrap().picture.pixels()[0]
        };
        assert_eq!([pixel(None), pixel(Some(Split::Test)), pixel(Some(Split::Train))], [1.0, 1.0, 0.2]);
    }

    #[test]
    fn pictures_are_prepared_as_the_server_prepares_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.png");
        image::GrayImage::from_fn(8, 4, |x, _| image::Luma([u8::try_from(20 * x).unwrap()])).save(path).unwrap();
        let preparation =
            |resize| Preparation { resize, short_side: None, filter: crate::tensor::Filter::Nearest, antialias: true };
        let pixels = |preparation| {
            let options = Options { size: Some((2, 4)), preparation: Some(preparation), ..Options::default() };
            Dataset::open(folder.path(), &options).unwrap().get(0).unwrap().picture.to_interleaved_u8()
        };
        let whole = pixels(preparation(crate::tensor::Fit::Stretch));
        assert_eq!(whole, pixels(preparation(crate::tensor::Fit::Crop)), "the aspect ratio is the same");
        let crop = Preparation { short_side: Some(4), ..preparation(crate::tensor::Fit::Crop) };
        assert_eq!(pixels(crop), [40, 60, 80, 100].repeat(2), "the middle in its own size");
    }

    #[test]
    fn a_missing_half_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("test_batch.bin"), "").unwrap();
        let options = Options { split: Some(Split::Train), ..Options::default() };
        let error = Dataset::open(folder.path(), &options).unwrap_err().to_string();
        assert!(error.contains("no training data") && error.contains("1 .bin file"), "{error}");
    }

    #[test]
    fn formats_are_found_by_their_names() {
        for (format, name) in Format::ALL {
            assert_eq!((name.parse(), format.to_string().as_str()), (Ok(format), name));
        }
        assert!("tar".parse::<Format>().unwrap_err().contains("numpy"));
    }
}
