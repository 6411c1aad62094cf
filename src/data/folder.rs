//! Pictures as files: a folder a class, a flat folder, or files that a CSV file labels.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::dataset::{Reader, Sample};
use super::encoded::decode;
use super::error::{DataError, broken};
use super::file::{file_name, files_in, folders_in};
use super::labels::{self, Labels};
use crate::tensor::Picture;

/// Whether the name is that of a picture.
pub(super) fn is_picture(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    matches!(extension.as_str(), "jpg" | "jpeg" | "png" | "ppm" | "pgm" | "pnm" | "tif" | "tiff" | "webp")
}

/// Whether a folder holds a folder with a picture.
pub(super) fn has_class_folders(folder: &Path) -> Result<bool, DataError> {
    for class in folders_in(folder)? {
        if files_in(&class)?.iter().any(|path| is_picture(path)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The paths of the pictures and their labels; pixels are read when they are asked for.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    files: Vec<(PathBuf, Option<usize>)>,
    classes: Option<Vec<String>>,
}

impl Folder {
    /// A folder, a CSV file of labels, or a single picture.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let opened = if labels::is_csv(path) {
            Self::labelled(path)?
        } else if !path.is_dir() {
            let root = path.parent().unwrap_or(Path::new("")).to_owned();
            Self { root, files: vec![(path.to_owned(), None)], classes: None }
        } else if path.join(labels::FILE).is_file() {
            Self::labelled(&path.join(labels::FILE))?
        } else if has_class_folders(path)? {
            Self::one_folder_a_class(path)?
        } else {
            let files = files_in(path)?.into_iter().filter(|path| is_picture(path)).map(|path| (path, None)).collect();
            Self { root: path.to_owned(), files, classes: None }
        };
        if opened.files.is_empty() {
            return Err(DataError::nothing_found(path, None, "pictures (JPEG, PNG, TIFF, WebP, PPM or PGM)"));
        }
        Ok(opened)
    }

    /// Class indices follow the sorted order of the folders, as they do in torchvision and Keras.
    fn one_folder_a_class(root: &Path) -> Result<Self, DataError> {
        let folders = folders_in(root)?;
        let mut files = Vec::new();
        for (label, folder) in folders.iter().enumerate() {
            let pictures = files_in(folder)?.into_iter().filter(|path| is_picture(path));
            files.extend(pictures.map(|path| (path, Some(label))));
        }
        let classes = folders.iter().map(|folder| file_name(folder)).collect();
        Ok(Self { root: root.to_owned(), files, classes: Some(classes) })
    }

    /// The pictures that a CSV file names, relative to the folder that it lies in.
    fn labelled(csv: &Path) -> Result<Self, DataError> {
        let root = csv.parent().unwrap_or(Path::new("")).to_owned();
        let Labels { rows, classes } = Labels::read(csv)?;
        let files = rows.into_iter().map(|(file, label)| (root.join(file), Some(label))).collect();
        Ok(Self { root, files, classes })
    }
}

impl Reader for Folder {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn get(&self, index: usize) -> Result<Sample, DataError> {
        let (path, label) = &self.files[index];
        let name = path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned();
        Ok(Sample { picture: read(path)?, label: *label, name })
    }

    fn classes(&self) -> Option<Vec<String>> {
        self.classes.clone()
    }
}

fn read(path: &Path) -> Result<Picture, DataError> {
    let file = File::open(path).map_err(|source| DataError::Io { path: path.to_owned(), source })?;
    decode(BufReader::new(file)).map_err(|error| broken(path, error))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{Dataset, Format, Options};
    use super::*;

    fn save(root: &Path, name: &str, pixels: [u8; 3]) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_pixel(4, 2, image::Rgb(pixels)).save(path).unwrap();
    }

    fn open(path: &Path) -> Result<Dataset, DataError> {
        Dataset::open(path, &Options::default())
    }

    #[test]
    fn a_folder_a_class_gives_labels_in_sorted_order() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), "stop/1.png", [255, 0, 51]);
        save(folder.path(), "give way/2.ppm", [0; 3]);
        save(folder.path(), "give way/1.png", [0; 3]);
        fs::write(folder.path().join("give way/notes.txt"), "no picture").unwrap();
        let data = open(folder.path()).unwrap();
        assert_eq!((data.format(), data.len()), (Format::Folder, 3));
        assert_eq!(data.classes().unwrap(), ["give way", "stop"]);
        let sample = data.get(2).unwrap();
        assert_eq!((sample.label, sample.name.as_str()), (Some(1), "stop/1.png"));
        assert_eq!((sample.picture.height(), sample.picture.width()), (2, 4));
        assert_eq!(sample.picture.planes().map(|plane| plane[0]).collect::<Vec<_>>(), [1.0, 0.0, 0.2]);
    }

    #[test]
    fn a_flat_folder_or_one_file_has_no_labels() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), "b.png", [1; 3]);
        image::GrayImage::from_pixel(3, 3, image::Luma([51])).save(folder.path().join("a.pgm")).unwrap();
        let data = open(folder.path()).unwrap();
        assert_eq!((data.len(), data.classes()), (2, None));
        let grey = data.get(0).unwrap();
        assert_eq!((grey.label, grey.picture.channels(), grey.picture.pixels()[0]), (None, 1, 0.2));
        assert_eq!(open(&folder.path().join("b.png")).unwrap().get(0).unwrap().name, "b.png");
    }

    #[test]
    fn files_of_16_bits_keep_their_levels_and_are_rounded_where_fewer_are_wanted() {
        use crate::tensor::Depth;

        let folder = tempfile::tempdir().unwrap();
        let grey = image::ImageBuffer::from_pixel(3, 2, image::Luma([0x1234_u16]));
        let rgb = image::ImageBuffer::from_pixel(3, 2, image::Rgb([1_u16, 0x8000, 0xffff]));
        for extension in ["png", "tiff"] {
            let [one, three] = ["grey", "rgb"].map(|name| folder.path().join(name).with_extension(extension));
            grey.save(&one).unwrap();
            rgb.save(&three).unwrap();
            let picture = |path: &Path| open(path).unwrap().get(0).unwrap().picture;
            assert_eq!(
                (picture(&one).to_interleaved_levels()[0], picture(&one).depth()),
                (0x1234, Depth::SIXTEEN_BITS)
            );
            assert_eq!(picture(&three).to_interleaved_levels()[..3], [1, 0x8000, 0xffff]);
            let options = Options { depth: Some(Depth::EIGHT_BITS), ..Options::default() };
            let coarse = Dataset::open(&three, &options).unwrap().get(0).unwrap().picture;
            assert_eq!(coarse, crate::tensor::to_8_bit(&coarse));
            assert_eq!(coarse.to_interleaved_u8()[..3], [0, 0x80, 0xff]);
        }
    }

    #[test]
    fn a_csv_file_labels_the_pictures_that_it_names() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), "a.png", [1; 3]);
        save(folder.path(), "deep/b.png", [1; 3]);
        for name in [labels::FILE, "fold-1.csv"] {
            fs::write(folder.path().join(name), "file,label\ndeep/b.png,spam\na.png,ham\nmissing.png,ham\n").unwrap();
        }
        for path in [folder.path().to_owned(), folder.path().join("fold-1.csv")] {
            let data = open(&path).unwrap();
            assert_eq!((data.len(), data.classes()), (3, Some(vec!["ham".to_owned(), "spam".to_owned()])));
            let mut samples = data.samples(false);
            let read: Vec<_> = samples.by_ref().map(|sample| sample.unwrap()).collect();
            let read: Vec<_> = read.iter().map(|sample| (sample.name.as_str(), sample.label)).collect();
            assert_eq!(read, [("deep/b.png", Some(1)), ("a.png", Some(0))]);
            assert!(samples.skipped()[0].to_string().contains("missing.png"));
        }
    }

    #[test]
    fn numbers_get_their_names_from_a_file_of_classes() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), "a.png", [1; 3]);
        fs::write(folder.path().join(labels::FILE), "a.png,1\n").unwrap();
        assert_eq!(open(folder.path()).unwrap().classes(), None);
        fs::write(folder.path().join("classes.txt"), "ham\nspam\n").unwrap();
        let data = open(folder.path()).unwrap();
        assert_eq!((data.get(0).unwrap().label, data.classes().unwrap()[1].as_str()), (Some(1), "spam"));
    }

    #[test]
    fn broken_pictures_are_skipped_and_named_unless_strict() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), "a.png", [1; 3]);
        fs::write(folder.path().join("b.jpg"), b"\xff\xd8\xff no more").unwrap();
        save(folder.path(), "c.png", [1; 3]);
        let data = open(folder.path()).unwrap();
        let mut samples = data.samples(false);
        assert_eq!(samples.by_ref().filter_map(Result::ok).count(), 2);
        assert_eq!(samples.skipped().len(), 1);
        assert!(samples.skipped()[0].to_string().contains("b.jpg"));
        let strict: Vec<_> = data.samples(true).collect();
        assert_eq!(strict.len(), 2);
        assert!(strict[1].as_ref().unwrap_err().to_string().contains("b.jpg"));
    }

    #[test]
    fn a_decompression_bomb_is_refused_by_its_header() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bomb.pgm");
        fs::write(&path, "P5 100000 100000 255\n").unwrap();
        let error = open(&path).unwrap().get(0).unwrap_err().to_string();
        assert!(error.contains("100000x100000") && error.contains("bomb.pgm"), "{error}");
    }

    #[test]
    fn size_and_colour_are_brought_about_for_every_picture() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), "a.png", [255, 255, 0]);
        let options = Options { size: Some((8, 8)), colour: Some(crate::tensor::Colour::Grey), ..Options::default() };
        let picture = Dataset::open(folder.path(), &options).unwrap().get(0).unwrap().picture;
        assert_eq!((picture.channels(), picture.height(), picture.width()), (1, 8, 8));
        assert!(picture.pixels().iter().all(|&pixel| pixel == 226.0 / 255.0));
    }
}
