//! Pictures and labels in NumPy's NPY and NPZ files.

use std::path::{Path, PathBuf};

use super::array::{Array, Kind, Npz};
use super::dataset::{Reader, Sample, Split};
use super::error::{DataError, broken};
use super::file::{file_name, files_in};
use crate::tensor::Picture;

/// How far a float pixel may lie outside [0, 1]: rounding.
const PIXEL_TOLERANCE: f64 = 1e-5;

/// Whether the name is that of an array or an archive of arrays.
pub(super) fn is_array(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "npz" || extension == "npy")
}

/// An array of pictures: `N x height x width` or `N x height x width x channels`.
#[derive(Debug)]
pub(super) struct Pictures {
    array: Array,
    channels: usize,
    height: usize,
    width: usize,
}

impl Pictures {
    /// Checks that an array can hold pictures.
    pub(super) fn new(array: Array) -> Result<Self, DataError> {
        let (height, width, channels) = match *array.shape() {
            [_, height, width] => (height, width, 1),
            [_, height, width, channels @ (1 | 3)] => (height, width, channels),
            ref shape => {
                let reason = format!("pictures must be N x height x width [x 1 or 3 channels], these are {shape:?}");
                return Err(broken(array.path(), reason));
            }
        };
        if height == 0 || width == 0 {
            return Err(broken(array.path(), format!("pictures of {height}x{width}")));
        }
        match array.kind() {
            (Kind::Float, _) | (Kind::Unsigned, 1) => Ok(Self { array, channels, height, width }),
            _ => Err(broken(array.path(), "pictures must be uint8, or floats from 0 to 1")),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.array.len()
    }

    /// The picture `index`.
    pub(super) fn get(&self, index: usize) -> Result<Picture, DataError> {
        let white = if self.array.kind().0 == Kind::Float { 1.0 } else { 255.0 };
        let numbers = self.array.numbers(index, 1)?;
        if let Some(number) =
            numbers.iter().find(|&number| !(-PIXEL_TOLERANCE..=white + PIXEL_TOLERANCE).contains(number))
        {
            let reason = format!("picture {index} holds {number}; floats must lie in 0 to 1");
            return Err(broken(self.array.path(), reason));
        }
        let planar = (0..self.channels)
            .flat_map(|channel| numbers.iter().skip(channel).step_by(self.channels))
            .map(|number| (number / white).clamp(0.0, 1.0) as f32)
            .collect();
        Picture::new(self.channels, self.height, self.width, planar).map_err(|error| broken(self.array.path(), error))
    }
}

/// Pictures and, where there are any, their labels.
#[derive(Debug)]
pub(super) struct Numpy {
    path: PathBuf,
    pictures: Pictures,
    labels: Option<Vec<usize>>,
}

impl Numpy {
    /// An archive with `x` and perhaps `y` (or `x_train`, `x_test`, ...), an array `x*.npy` with `y*.npy` beside it, or
    /// a folder with one of these for `split`.
    pub(super) fn open(path: &Path, split: Option<Split>) -> Result<Self, DataError> {
        let path = if path.is_dir() { file_in(path, split)? } else { path.to_owned() };
        let (pictures, labels) = match path.extension() {
            Some(extension) if extension == "npz" => in_archive(&path, split)?,
            _ => (Array::open(&path)?, labels_beside(&path)?),
        };
        let pictures = Pictures::new(pictures)?;
        let labels = labels.map(|labels| labels.labels()).transpose()?;
        if let Some(labels) = &labels
            && labels.len() != pictures.len()
        {
            return Err(broken(&path, format!("{} labels for {} pictures", labels.len(), pictures.len())));
        }
        Ok(Self { path, pictures, labels })
    }
}

fn file_in(folder: &Path, split: Option<Split>) -> Result<PathBuf, DataError> {
    let labels = |path: &Path| file_name(path).starts_with('y') && path.extension().is_some_and(|kind| kind == "npy");
    let files = files_in(folder)?.into_iter().filter(|path| is_array(path) && !labels(path)).collect();
    match Split::choose(split, files).as_slice() {
        [file] => Ok(file.clone()),
        [] => Err(DataError::nothing_found(folder, split, "NPZ or NPY files")),
        several => Err(broken(folder, format!("it holds {} arrays or archives; name one of them", several.len()))),
    }
}

fn in_archive(path: &Path, split: Option<Split>) -> Result<(Array, Option<Array>), DataError> {
    let mut archive = Npz::open(path)?;
    let suffixes: &[&str] = match split {
        None => &["", "_test", "_train"],
        Some(Split::Train) => &["", "_train"],
        Some(Split::Test) => &["", "_test"],
    };
    let names = archive.names();
    let suffix = suffixes.iter().find(|suffix| names.contains(&format!("x{suffix}"))).unwrap_or(&"");
    Ok((archive.required(&format!("x{suffix}"))?, archive.array(&format!("y{suffix}"))?))
}

fn labels_beside(path: &Path) -> Result<Option<Array>, DataError> {
    let labels = file_name(path).strip_prefix('x').map(|rest| path.with_file_name(format!("y{rest}")));
    labels.filter(|path| path.is_file()).map(|path| Array::open(&path)).transpose()
}

impl Reader for Numpy {
    fn len(&self) -> usize {
        self.pictures.len()
    }

    fn get(&self, index: usize) -> Result<Sample, DataError> {
        Ok(Sample {
            picture: self.pictures.get(index)?,
            label: self.labels.as_ref().map(|labels| labels[index]),
            name: format!("{}#{index}", file_name(&self.path)),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use npyz::WriterBuilder;
    use proptest::prelude::*;

    use super::super::{Dataset, Format, Options};
    use super::*;

    fn npy<T: npyz::AutoSerialize>(shape: &[u64], values: Vec<T>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut bytes);
        let mut writer = options.begin_nd().unwrap();
        writer.extend(values).unwrap();
        writer.finish().unwrap();
        bytes
    }

    /// An NPZ file as `numpy.savez_compressed` writes it.
    fn write_npz(path: &Path, x: (&[u64], Vec<u8>), y: Vec<i64>) {
        let mut archive = npyz::npz::NpzWriter::create(path).unwrap();
        let mut writer = archive.array("x", Default::default()).unwrap().default_dtype().shape(x.0).begin_nd().unwrap();
        writer.extend(x.1).unwrap();
        writer.finish().unwrap();
        let shape = [y.len() as u64];
        let mut writer =
            archive.array("y", Default::default()).unwrap().default_dtype().shape(&shape).begin_nd().unwrap();
        writer.extend(y).unwrap();
        writer.finish().unwrap();
    }

    #[test]
    fn an_archive_gives_pictures_and_labels_of_the_asked_half() {
        let folder = tempfile::tempdir().unwrap();
        write_npz(&folder.path().join("train.npz"), (&[1, 1, 1, 1], vec![51]), vec![2]);
        write_npz(
            &folder.path().join("test.npz"),
            (&[2, 1, 2, 3], (0..12).map(|value| value * 17).collect()),
            vec![7, 8],
        );
        let test = Dataset::open(folder.path(), &Options::default()).unwrap();
        assert_eq!((test.format(), test.len()), (Format::Numpy, 2));
        let sample = test.get(1).unwrap();
        assert_eq!((sample.label, sample.name.as_str()), (Some(8), "test.npz#1"));
        assert_eq!(sample.picture.to_interleaved_u8(), [102, 119, 136, 153, 170, 187]);
        let options = Options { split: Some(Split::Train), ..Options::default() };
        let train = Dataset::open(folder.path(), &options).unwrap();
        assert_eq!(train.get(0).unwrap().picture.pixels(), [0.2]);
    }

    #[test]
    fn a_float_array_is_read_with_the_labels_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x_test.npy"), npy(&[2, 1, 2], vec![0.25_f32, 0.5, 0.75, 1.0])).unwrap();
        fs::write(folder.path().join("y_test.npy"), npy(&[2], vec![4_u8, 5])).unwrap();
        let sample = Dataset::open(folder.path(), &Options::default()).unwrap().get(1).unwrap();
        assert_eq!((sample.label, sample.picture.pixels()), (Some(5), [0.75, 1.0].as_slice()));
    }

    #[test]
    fn what_is_no_picture_is_refused_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        for (bytes, reason) in [
            (npy(&[1, 3, 2, 2], vec![0_u8; 12]), "[1, 3, 2, 2]"),
            (npy(&[1, 1, 1], vec![0_i64]), "uint8"),
            (npy(&[1, 1, 1], vec![255.0_f32]), "255"),
            (npy(&[1, 1, 1], vec![f32::NAN]), "NaN"),
        ] {
            fs::write(&path, bytes).unwrap();
            let result = Dataset::open(&path, &Options::default()).and_then(|data| data.get(0));
            let error = result.unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("x.npy"), "{error}");
        }
    }

    #[test]
    fn an_archive_without_pictures_names_its_arrays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.npz");
        let mut archive = npyz::npz::NpzWriter::create(&path).unwrap();
        let mut writer =
            archive.array("images", Default::default()).unwrap().default_dtype().shape(&[1]).begin_nd().unwrap();
        writer.extend([1_u8]).unwrap();
        writer.finish().unwrap();
        drop(archive);
        let error = Dataset::open(&path, &Options::default()).unwrap_err().to_string();
        assert!(error.contains("no array 'x'") && error.contains("'images'"), "{error}");
    }

    #[test]
    fn an_archive_cut_anywhere_is_an_error_and_no_panic() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.npz");
        write_npz(&path, (&[2, 1, 2, 3], (0..12).collect()), vec![7, 8]);
        let whole = fs::read(&path).unwrap();
        for len in 0..whole.len() - 1 {
            fs::write(&path, &whole[..len]).unwrap();
            assert!(Dataset::open(&path, &Options::default()).is_err(), "cut to {len} bytes");
        }
    }

    proptest! {
        #[test]
        fn a_damaged_array_never_panics(position in 0_usize..140, byte: u8) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.npy");
            let mut bytes = npy(&[2, 1, 6], (0..12_u8).collect());
            bytes[position] = byte;
            fs::write(&path, bytes).unwrap();
            let _ = Dataset::open(&path, &Options::default()).and_then(|data| data.get(0));
        }
    }
}
