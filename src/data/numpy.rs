//! Pictures and labels in NumPy's NPY and NPZ files.

use std::path::{Path, PathBuf};

use super::array::{Array, Kind, Npz};
use super::dataset::{Reader, Sample, Split};
use super::error::{DataError, broken};
use super::file::{file_name, files_in};
use crate::model::PictureSpec;
use crate::tensor::{Datatype, Depth, Layout, Picture};

/// The array of an archive that holds the number of white, where that is not the largest of the pictures' type.
pub(super) const WHITE: &str = "white";
/// How far a pixel may lie outside its range, as a share of it: rounding.
const PIXEL_TOLERANCE: f64 = 1e-5;

/// Whether the name is that of an array or an archive of arrays.
pub fn is_array(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "npz" || extension == "npy")
}

/// What the model's own values mean, where they are neither bytes nor from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Values {
    /// Whether it takes floats, and not integers.
    pub are_floats: bool,
    /// Values of black and white.
    pub range: [f32; 2],
}

impl Values {
    /// Of a model for which arrays of bytes, or from 0 to 1, are not usual.
    pub(super) fn of(input: &PictureSpec) -> Option<Self> {
        let [low, high] = input.range;
        let are_floats = input.datatype.is_float();
        let are_own = if are_floats { high - low > Depth::WIDER_THAN_BYTES } else { input.datatype != Datatype::Uint8 };
        are_own.then_some(Self { are_floats, range: input.range })
    }
}

/// An array of pictures: `N x height x width`, `N x height x width x channels` or `N x channels x height x width`.
#[derive(Debug)]
pub(super) struct Pictures {
    array: Array,
    layout: Layout,
    channels: usize,
    height: usize,
    width: usize,
    /// Numbers of black and white.
    range: [f32; 2],
    depth: Depth,
}

impl Pictures {
    /// Checks that an array can hold pictures. What its numbers mean is said by the model's `values` or, of unsigned
    /// integers, by `white`.
    fn new(array: Array, values: Option<Values>, white: Option<u16>) -> Result<Self, DataError> {
        let may_be = |channels: usize, side: usize| matches!(channels, 1 | 3) || channels < side;
        let sides = match *array.shape() {
            [_, channels, height, width] if may_be(channels, height.min(width)) && !matches!(width, 1 | 3) => {
                Some((Layout::Nchw, [height, width, channels]))
            }
            [_, height, width, channels] if may_be(channels, height.min(width)) => {
                Some((Layout::Nhwc, [height, width, channels]))
            }
            [_, height, width] => Some((Layout::Nhwc, [height, width, 1])),
            _ => None,
        };
        Self::of(array, sides, values, white)
    }

    /// The same of an array that is written here: channels come last, floats range from 0 to 1.
    pub(super) fn ours(array: Array, white: Option<u16>) -> Result<Self, DataError> {
        let sides = match *array.shape() {
            [_, height, width] => Some((Layout::Nhwc, [height, width, 1])),
            [_, height, width, channels] => Some((Layout::Nhwc, [height, width, channels])),
            _ => None,
        };
        Self::of(array, sides, None, white)
    }

    fn of(
        array: Array,
        sides: Option<(Layout, [usize; 3])>,
        values: Option<Values>,
        white: Option<u16>,
    ) -> Result<Self, DataError> {
        let Some((layout, [height, width, channels])) = sides else {
            let shape = array.shape();
            let reason = format!(
                "pictures must be N x height x width [x channels] or N x channels x height x width, these are {shape:?}"
            );
            return Err(broken(array.path(), reason));
        };
        if height == 0 || width == 0 || channels == 0 {
            return Err(broken(array.path(), format!("pictures of {height}x{width}x{channels}")));
        }
        let range = range(&array, values, white)?;
        let depth = Depth::of_range(range, array.kind().0 != Kind::Float);
        Ok(Self { array, layout, channels, height, width, range, depth })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.array.len()
    }

    /// The picture `index`.
    pub(super) fn get(&self, index: usize) -> Result<Picture, DataError> {
        let [low, high] = self.range.map(f64::from);
        let numbers = self.array.numbers(index, 1)?;
        let tolerance = PIXEL_TOLERANCE * (high - low);
        if let Some(number) = numbers.iter().find(|&number| !(low - tolerance..=high + tolerance).contains(number)) {
            let reason = format!("picture {index} holds {number}; its pixels must lie in {low} to {high}");
            return Err(broken(self.array.path(), reason));
        }
        let pixel = |number: &f64| ((number - low) / (high - low)).clamp(0.0, 1.0) as f32;
        let planar = match self.layout {
            Layout::Nchw => numbers.iter().map(pixel).collect(),
            Layout::Nhwc => (0..self.channels)
                .flat_map(|channel| numbers.iter().skip(channel).step_by(self.channels))
                .map(pixel)
                .collect(),
        };
        let picture = Picture::new(self.channels, self.height, self.width, planar);
        Ok(picture.map_err(|error| broken(self.array.path(), error))?.with_depth(self.depth))
    }
}

/// Numbers of black and white in an array.
fn range(array: &Array, values: Option<Values>, white: Option<u16>) -> Result<[f32; 2], DataError> {
    let (kind, size) = array.kind();
    // Floats for a model of integers are what a library made of these: from 0 to 1.
    let own = values.filter(|values| values.are_floats || kind != Kind::Float).map(|values| values.range);
    let by_white = white.map(|white| [0.0, f32::from(white)]);
    let refused = |reason: &str| broken(array.path(), reason);
    match (kind, size) {
        (Kind::Float, _) => Ok(own.unwrap_or([0.0, 1.0])),
        (Kind::Unsigned, 1) => Ok([0.0, 255.0]),
        (Kind::Unsigned, 2) => Ok(by_white.or(own.filter(|range| range[0] >= 0.0)).unwrap_or([0.0, 65_535.0])),
        (Kind::Signed, _) => {
            own.ok_or_else(|| refused("signed pictures need a model whose input.range tells black and white"))
        }
        _ => Err(refused("pictures must be uint8, uint16, of a model's signed integers, or floats")),
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
    pub(super) fn open(path: &Path, split: Option<Split>, values: Option<Values>) -> Result<Self, DataError> {
        let path = if path.is_dir() { file_in(path, split)? } else { path.to_owned() };
        let (pictures, labels, white) = match path.extension() {
            Some(extension) if extension == "npz" => in_archive(&path, split)?,
            _ => (Array::open(&path)?, labels_beside(&path)?, None),
        };
        let pictures = Pictures::new(pictures, values, white)?;
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

/// The pictures, their labels, and which number is white.
fn in_archive(path: &Path, split: Option<Split>) -> Result<(Array, Option<Array>, Option<u16>), DataError> {
    let mut archive = Npz::open(path)?;
    let suffixes: &[&str] = match split {
        None => &["", "_test", "_train"],
        Some(Split::Train) => &["", "_train"],
        Some(Split::Test) => &["", "_test"],
    };
    let names = archive.names();
    let suffix = suffixes.iter().find(|suffix| names.contains(&format!("x{suffix}"))).unwrap_or(&"");
    let (pictures, labels) = (archive.required(&format!("x{suffix}"))?, archive.array(&format!("y{suffix}"))?);
    Ok((pictures, labels, white_in(&mut archive)?))
}

/// The number that is white in an archive of integers, where it says so.
pub(super) fn white_in(archive: &mut Npz) -> Result<Option<u16>, DataError> {
    let Some(array) = archive.array(WHITE)? else { return Ok(None) };
    let is_one = array.shape().iter().product::<usize>() == 1;
    let numbers = if is_one { array.numbers(0, 1)? } else { Vec::new() };
    match numbers.as_slice() {
        &[white] if white.fract() == 0.0 && (1.0..=f64::from(u16::MAX)).contains(&white) => Ok(Some(white as u16)),
        _ => Err(broken(array.path(), format!("array '{WHITE}' must hold one whole number from 1 to 65535"))),
    }
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

    use super::super::array::write_array;
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
    fn channels_come_first_or_last_and_numbers_of_16_bits_are_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        let read = |bytes: Vec<u8>| {
            fs::write(&path, bytes).unwrap();
            Dataset::open(&path, &Options::default()).unwrap().get(0).unwrap().picture
        };
        let levels: Vec<u16> = (0..40).map(|level| 3 * level).collect();
        let first = read(npy(&[1, 2, 4, 5], levels.clone()));
        assert_eq!((first.channels(), first.depth()), (2, Depth::SIXTEEN_BITS));
        assert_eq!(first.planes().nth(1).unwrap()[0], 60.0 / 65_535.0);
        let last = read(npy(&[1, 4, 5, 2], levels.clone()));
        assert_eq!(last.to_interleaved_levels(), levels);
        assert_eq!(read(npy(&[1, 3, 1, 2], vec![9_u8; 6])).channels(), 3);
    }

    #[test]
    fn white_is_one_number_however_it_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npz");
        let read = |shape: &[usize], white: Vec<u16>| {
            let mut archive = npyz::npz::NpzWriter::create(&path).unwrap();
            write_array(&mut archive, "x", &[1, 1, 2], [0_u16, 4095]).unwrap();
            write_array(&mut archive, WHITE, shape, white).unwrap();
            archive.zip_writer().finish().unwrap();
            Dataset::open(&path, &Options::default()).and_then(|data| data.get(0)).map(|sample| sample.picture)
        };
        for shape in [&[][..], &[1], &[1, 1]] {
            let picture = read(shape, vec![4095]).unwrap();
            assert_eq!((picture.pixels(), picture.depth()), ([0.0, 1.0].as_slice(), Depth::of_bits(12)));
        }
        assert!(read(&[2], vec![4095, 4095]).unwrap_err().to_string().contains("must hold one whole number"));
        assert!(read(&[0], Vec::new()).is_err());
    }

    #[test]
    fn numbers_of_a_models_own_kind_have_its_range() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        let read = |bytes: Vec<u8>, are_floats| {
            fs::write(&path, bytes).unwrap();
            let values = Some(Values { are_floats, range: [-1024.0, 3071.0] });
            Dataset::open(&path, &Options { values, ..Options::default() }).unwrap().get(0)
        };
        let signed = read(npy(&[1, 1, 3], vec![-1024_i16, 0, 3071]), false).unwrap().picture;
        assert_eq!((signed.pixels()[1], signed.depth()), (1024.0 / 4095.0, Depth::of_bits(12)));
        assert_eq!(read(npy(&[1, 1, 3], vec![-1024_i16, 0, 3071]), true).unwrap().picture, signed);
        let floats = read(npy(&[1, 1, 3], vec![-1024.0_f32, 0.0, 3071.0]), true).unwrap().picture;
        assert_eq!(floats, signed);
        let half = read(npy(&[1, 1, 1], vec![0.5_f32]), false).unwrap().picture;
        assert_eq!((half.pixels(), half.depth()), ([0.5].as_slice(), Depth::EIGHT_BITS));
        assert!(read(npy(&[1, 1, 1], vec![4000_i16]), false).unwrap_err().to_string().contains("-1024 to 3071"));
    }

    #[test]
    fn what_is_no_picture_is_refused_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        for (bytes, reason) in [
            (npy(&[1, 2, 2, 2], vec![0_u8; 8]), "[1, 2, 2, 2]"),
            (npy(&[1, 1, 1], vec![0_u64]), "uint8"),
            (npy(&[1, 1, 1], vec![0_i16]), "signed"),
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
