//! Writing samples where other programs, and the readers here, find them.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use npyz::npz::NpzWriter;

use super::array::write_array;
use super::dataset::Sample;
use super::error::{DataError, broken};
use super::file::{fill_atomically, stream_atomically, write_atomically};
use super::numpy::WHITE;
use crate::tensor::{Depth, Picture, shown};

/// A failure on the way: of the data that are read, or of what is written.
enum Failure {
    Data(DataError),
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Failure {
    fn at(self, path: &Path) -> DataError {
        match self {
            Self::Data(error) => error,
            Self::Io(source) => DataError::Write { path: path.to_owned(), source },
        }
    }
}

/// Writes samples as PNG files into a new folder, one folder a class, whole or not at all. Every class gets its folder,
/// so that they are numbered as before when they are read again; samples without a label go into the folder itself.
///
/// # Errors
/// When a sample has an error or its label has no class, when `path` holds anything, and when it cannot be written.
pub fn write_folders(
    path: &Path,
    classes: &[String],
    samples: impl Iterator<Item = Result<Sample, DataError>>,
) -> Result<(), DataError> {
    let fill = |root: &Path| {
        for class in classes {
            fs::create_dir(root.join(class))?;
        }
        for (index, sample) in samples.enumerate() {
            let sample = sample.map_err(Failure::Data)?;
            let folder = folder_of(root, classes, &sample)?;
            write_exact_png(File::create(folder.join(format!("{index:06}.png")))?, &sample.picture)?;
        }
        Ok(())
    };
    fill_atomically(path, fill).map_err(|failure: Failure| failure.at(path))
}

fn folder_of(root: &Path, classes: &[String], sample: &Sample) -> Result<PathBuf, Failure> {
    match sample.label {
        None => Ok(root.to_owned()),
        Some(label) => match classes.get(label) {
            Some(class) => Ok(root.join(class)),
            None => Err(Failure::Data(broken(Path::new(&sample.name), format!("class {label} has no name")))),
        },
    }
}

/// Writes a picture for people as PNG: [as it is shown](shown), its pixels rounded to 8 bits.
pub(crate) fn write_png(file: impl Write, picture: &Picture) -> io::Result<()> {
    let picture = shown(picture);
    let colour = if picture.channels() == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    encode_png(file, &picture, &picture.to_interleaved_u8(), colour)
}

/// Writes a grey or coloured picture as PNG of 8 bits or, where it has more, of 16.
pub(super) fn write_exact_png(file: impl Write, picture: &Picture) -> io::Result<()> {
    let colour = match picture.channels() {
        _ if picture.depth().is_8_bit() => return write_png(file, picture),
        1 => ExtendedColorType::L16,
        3 => ExtendedColorType::Rgb16,
        channels => return Err(io::Error::other(format!("PNG holds no picture of {channels} channels"))),
    };
    let levels = picture.clone().with_depth(Depth::SIXTEEN_BITS).to_interleaved_levels();
    encode_png(file, picture, bytemuck::cast_slice(&levels), colour)
}

fn encode_png(file: impl Write, picture: &Picture, bytes: &[u8], colour: ExtendedColorType) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    PngEncoder::new(&mut file).write_image(bytes, width, height, colour).map_err(io::Error::other)?;
    file.flush()
}

/// Writes `count` labelled samples of one shape and depth as the arrays `x` (uint8, or uint16 beyond 8 bits, `N x height x
/// width x channels`) and `y` of an NPZ file, with uint16 also the number of white, `white`; whole or not at all; the names of the classes go beside it, into `NAME.classes.txt`.
///
/// # Errors
/// When there are fewer samples, when one has an error, no label or another shape, and when the file cannot be written.
pub fn write_npz(
    path: &Path,
    classes: &[String],
    count: usize,
    samples: impl Iterator<Item = Result<Sample, DataError>>,
) -> Result<(), DataError> {
    let names = super::names::beside(path);
    let write = || -> Result<(), Failure> {
        stream_atomically(path, |file| write_arrays(NpzWriter::new(file), count, samples))?;
        Ok(write_atomically(&names, (classes.join("\n") + "\n").as_bytes())?)
    };
    write().map_err(|failure| failure.at(path))
}

fn write_arrays<W: Write + Seek>(
    mut archive: NpzWriter<W>,
    count: usize,
    samples: impl Iterator<Item = Result<Sample, DataError>>,
) -> Result<(), Failure> {
    let mut samples = samples.take(count).peekable();
    let (shape, depth) = match samples.peek() {
        Some(Ok(first)) => (shape(&first.picture), first.picture.depth()),
        _ => ([0; 3], Depth::EIGHT_BITS),
    };
    let (mut labels, mut failure) = (Vec::with_capacity(count), None);
    let levels = samples.map_while(|sample| match sample.and_then(|sample| levels_and_label(&sample, shape, depth)) {
        Ok((levels, label)) => {
            labels.push(label);
            Some(levels)
        }
        Err(error) => {
            failure = Some(error);
            None
        }
    });
    let all = [count, shape[0], shape[1], shape[2]];
    let written = match depth.is_8_bit() {
        true => write_array(&mut archive, "x", &all, levels.flatten().map(|level| level as u8)),
        false => write_array(&mut archive, "x", &all, levels.flatten()),
    };
    if let Some(error) = failure {
        return Err(Failure::Data(error));
    }
    if labels.len() < count {
        return Err(Failure::Data(DataError::TooFew { needed: count, len: labels.len() }));
    }
    written?;
    write_array(&mut archive, "y", &[count], labels)?;
    if !depth.is_8_bit() {
        write_array(&mut archive, WHITE, &[1], [depth.white()])?;
    }
    Ok(archive.zip_writer().finish().map_err(io::Error::from)?.flush()?)
}

fn shape(picture: &Picture) -> [usize; 3] {
    [picture.height(), picture.width(), picture.channels()]
}

fn levels_and_label(sample: &Sample, shape: [usize; 3], depth: Depth) -> Result<(Vec<u16>, i64), DataError> {
    let wrong = |reason: &str| broken(Path::new(&sample.name), reason);
    if self::shape(&sample.picture) != shape {
        return Err(wrong("its shape is not that of the first picture; ask for a size"));
    }
    if sample.picture.depth() != depth {
        return Err(wrong("it has not as many bits as the first picture"));
    }
    let label = sample.label.ok_or_else(|| wrong("it has no label"))?;
    Ok((sample.picture.to_interleaved_levels(), label as i64))
}

#[cfg(test)]
mod tests {
    use super::super::{Dataset, Options, Split};
    use super::*;

    fn signs() -> Dataset {
        let options = Options { split: Some(Split::Train), size: Some((12, 10)), ..Options::default() };
        Dataset::open("signs:1:25", &options).unwrap()
    }

    fn assert_same(written: &Dataset, names: &[String]) {
        let signs = signs();
        assert_eq!((written.len(), written.classes().as_deref()), (signs.len(), Some(names)));
        let order = |data: &Dataset| {
            let mut samples: Vec<_> = data.samples(true).map(Result::unwrap).collect();
            samples.sort_by_key(|sample| (sample.label, sample.picture.to_interleaved_u8()));
            samples.into_iter().map(|sample| (sample.label, sample.picture)).collect::<Vec<_>>()
        };
        assert_eq!(order(written), order(&signs));
    }

    #[test]
    fn what_is_written_is_read_back_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let names = signs().classes().unwrap();
        let (pngs, npz) = (folder.path().join("pngs"), folder.path().join("signs.npz"));
        write_folders(&pngs, &names, signs().samples(true)).unwrap();
        assert_same(&Dataset::open(&pngs, &Options::default()).unwrap(), &names);
        write_npz(&npz, &names, 25, signs().samples(true)).unwrap();
        assert_same(&Dataset::open(&npz, &Options::default()).unwrap(), &names);
    }

    #[test]
    fn nothing_is_left_of_what_cannot_be_finished() {
        let folder = tempfile::tempdir().unwrap();
        let names = signs().classes().unwrap();
        let (pngs, npz) = (folder.path().join("pngs"), folder.path().join("signs.npz"));
        let cut = || (0..5).map(|index| signs().get(if index == 3 { 99 } else { index }));
        assert!(matches!(write_folders(&pngs, &names, cut()), Err(DataError::OutOfBounds { index: 99, .. })));
        assert!(matches!(write_npz(&npz, &names, 5, cut()), Err(DataError::OutOfBounds { index: 99, .. })));
        let too_few = write_npz(&npz, &names, 26, signs().samples(true));
        assert!(matches!(too_few, Err(DataError::TooFew { needed: 26, len: 25 })));
        assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
    }
}
