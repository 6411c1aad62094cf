//! IDX, the format of MNIST: big-endian sizes, then bytes; labels in a file of their own. Plain or gzip.

use std::path::{Path, PathBuf};

use super::dataset::{Reader, Sample, Split};
use super::error::{DataError, broken};
use super::file::{file_name, files_in};
use super::source::Source;
use crate::tensor::Picture;

/// Magic numbers: unsigned bytes in three dimensions, and in one.
const PICTURES: u32 = 0x0803;
const LABELS: u32 = 0x0801;
/// Magic number and three sizes.
pub(super) const LONGEST_HEADER: u64 = 16;

/// The sizes in a header, which starts with `magic`.
fn sizes<const COUNT: usize>(header: &[u8], magic: u32) -> Option<[u32; COUNT]> {
    let mut words = header.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word));
    if words.next() != Some(magic) {
        return None;
    }
    let mut sizes = [0; COUNT];
    for size in &mut sizes {
        *size = words.next()?;
    }
    Some(sizes)
}

/// Length of a whole file by its header; `None` for anything but pictures or labels.
pub(super) fn claimed_len(header: &[u8]) -> Option<u64> {
    if let Some([count, rows, columns]) = sizes(header, PICTURES) {
        let area = u64::from(rows) * u64::from(columns);
        return area.checked_mul(u64::from(count))?.checked_add(LONGEST_HEADER);
    }
    sizes(header, LABELS).map(|[count]| u64::from(count) + 8)
}

/// Whether the name is the usual one of a file of pictures.
pub(super) fn holds_pictures(path: &Path) -> bool {
    let name = file_name(path);
    name.contains("images") && name.contains("idx3")
}

/// Pictures in one file, labels (where there are any) in the one beside it.
#[derive(Debug)]
pub(super) struct Idx {
    path: PathBuf,
    pictures: Source,
    labels: Option<Vec<u8>>,
    count: usize,
    height: usize,
    width: usize,
}

impl Idx {
    /// A file of pictures, or a folder with one for `split`.
    pub(super) fn open(path: &Path, split: Option<Split>) -> Result<Self, DataError> {
        let path = if path.is_dir() { pictures_in(path, split)? } else { path.to_owned() };
        let pictures = checked_source(&path)?;
        let header = pictures.read(0, LONGEST_HEADER as usize).map_err(|error| broken(&path, error))?;
        let [count, height, width] = sizes(&header, PICTURES)
            .ok_or_else(|| broken(&path, "not an IDX file of pictures (unsigned bytes, three dimensions)"))?
            .map(|size| size as usize);
        if height == 0 || width == 0 {
            return Err(broken(&path, format!("pictures of {height}x{width}")));
        }
        let labels = labels_beside(&path, count)?;
        Ok(Self { path, pictures, labels, count, height, width })
    }
}

fn pictures_in(folder: &Path, split: Option<Split>) -> Result<PathBuf, DataError> {
    let files = files_in(folder)?.into_iter().filter(|path| holds_pictures(path)).collect();
    let mut found = Split::choose(split, files);
    if found.is_empty() {
        return Err(DataError::nothing_found(folder, split, "IDX files (*-images-idx3-ubyte[.gz])"));
    }
    Ok(found.swap_remove(0))
}

/// Refuses a file that is not as long as its header says.
fn checked_source(path: &Path) -> Result<Source, DataError> {
    let source = Source::open(path).map_err(|error| broken(path, error))?;
    let header = source.read(0, source.len().min(LONGEST_HEADER) as usize).map_err(|error| broken(path, error))?;
    let claimed = claimed_len(&header).ok_or_else(|| broken(path, "not an IDX file of unsigned bytes"))?;
    if source.len() < claimed {
        return Err(broken(path, format!("cut short: {} of the {claimed} bytes that the header claims", source.len())));
    }
    Ok(source)
}

fn labels_beside(pictures: &Path, count: usize) -> Result<Option<Vec<u8>>, DataError> {
    let name = file_name(pictures).replace("images", "labels").replace("idx3", "idx1");
    let plain = name.trim_end_matches(".gz").to_owned();
    let candidates = [name, plain.clone(), format!("{plain}.gz")].map(|name| pictures.with_file_name(name));
    let Some(path) = candidates.into_iter().find(|path| path != pictures && path.is_file()) else {
        return Ok(None);
    };
    let source = checked_source(&path)?;
    let labels = source
        .read(8, count)
        .map_err(|_| broken(&path, format!("{} labels for {count} pictures", source.len().saturating_sub(8))))?;
    Ok(Some(labels))
}

impl Reader for Idx {
    fn len(&self) -> usize {
        self.count
    }

    fn get(&self, index: usize) -> Result<Sample, DataError> {
        let area = self.height * self.width;
        let offset = LONGEST_HEADER + index as u64 * area as u64;
        let bytes = self.pictures.read(offset, area).map_err(|error| broken(&self.path, error))?;
        let picture = Picture::from_interleaved_u8(1, self.height, self.width, &bytes);
        Ok(Sample {
            picture: picture.map_err(|error| broken(&self.path, error))?,
            label: self.labels.as_ref().map(|labels| usize::from(labels[index])),
            name: format!("{}#{index}", file_name(&self.path)),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::super::{Dataset, Format, Options};
    use super::*;

    fn pictures(count: u32, height: u32, width: u32, pixels: &[u8]) -> Vec<u8> {
        let header = [PICTURES, count, height, width].into_iter().flat_map(u32::to_be_bytes);
        header.chain(pixels.iter().copied()).collect()
    }

    fn labels(labels: &[u8]) -> Vec<u8> {
        let header = [LABELS, labels.len() as u32].into_iter().flat_map(u32::to_be_bytes);
        header.chain(labels.iter().copied()).collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn pictures_and_labels_are_read_plain_and_packed() {
        let folder = tempfile::tempdir().unwrap();
        let (train, test) = (pictures(2, 1, 2, &[0, 51, 102, 255]), pictures(1, 1, 2, &[255, 0]));
        fs::write(folder.path().join("train-images-idx3-ubyte.gz"), gzip(&train)).unwrap();
        fs::write(folder.path().join("train-labels-idx1-ubyte"), labels(&[3, 4])).unwrap();
        fs::write(folder.path().join("t10k-images-idx3-ubyte"), test).unwrap();
        let options = Options { split: Some(Split::Train), ..Options::default() };
        let train = Dataset::open(folder.path(), &options).unwrap();
        assert_eq!((train.format(), train.len()), (Format::Idx, 2));
        let sample = train.get(1).unwrap();
        assert_eq!((sample.label, sample.picture.pixels()), (Some(4), [0.4, 1.0].as_slice()));
        let test = Dataset::open(folder.path(), &Options::default()).unwrap();
        assert_eq!(test.get(0).unwrap().label, None);
    }

    #[test]
    fn lying_and_cut_files_are_refused_before_memory_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let packed = folder.path().join("train-images-idx3-ubyte.gz");
        let plain = folder.path().join("t10k-images-idx3-ubyte");
        for (path, bytes) in [
            (&packed, gzip(&pictures(u32::MAX, 1000, 1000, &[0; 9]))),
            (&packed, gzip(&pictures(u32::MAX, u32::MAX, u32::MAX, &[0; 9]))),
            (&packed, gzip(&pictures(2, 2, 2, &[0; 7]))),
            (&plain, pictures(u32::MAX, 1000, 1000, &[0; 9])),
            (&plain, pictures(1, 0, 0, &[])),
            (&plain, vec![0, 0, 8]),
        ] {
            fs::write(path, bytes).unwrap();
            let error = Dataset::open(path, &Options::default()).unwrap_err().to_string();
            assert!(error.contains(&file_name(path)), "{error}");
        }
    }
}
