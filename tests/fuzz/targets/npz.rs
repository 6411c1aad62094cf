//! NumPy's archives, as sets of benign and of adversarial pictures.

use std::fs::File;
use std::os::unix::fs::FileExt;

use portcullis::data::{AdversarialSet, Dataset, Format, Options, Sample};
use tempfile::NamedTempFile;

thread_local! {
    static ARCHIVE: NamedTempFile = NamedTempFile::with_suffix(".npz").expect("a temporary file");
}

/// What is said of arrays in which channels could come first or last.
const UNCLEAR: &str = "pictures must be N x height x width [x channels]";

/// The bytes are an archive's; both readers must see the same in it. A set has channels last, of benign pictures that is
/// told by the shape, if it can be.
pub fn fuzz(input: &[u8]) -> bool {
    let path = ARCHIVE.with(|archive| {
        fill(archive.as_file(), input).expect("the file is writable");
        archive.path().to_owned()
    });
    let Ok(set) = AdversarialSet::open(&path) else { return false };
    for attack in set.results() {
        assert_eq!((attack.pictures.len(), attack.successful.len()), (set.seeds().len(), set.seeds().len()));
    }
    let options = Options { format: Some(Format::Numpy), ..Options::default() };
    let benign = match Dataset::open(&path, &options) {
        Ok(benign) => benign,
        Err(error) => {
            assert!(error.to_string().contains(UNCLEAR), "both read the arrays x and y: {error}");
            return true;
        }
    };
    let samples: Result<Vec<Sample>, _> = benign.samples(true).collect();
    let samples = samples.expect("both read every picture");
    if shape(&samples[0]) == shape(&set.seeds()[0]) {
        assert_eq!(samples, set.seeds());
    }
    true
}

fn shape(sample: &Sample) -> [usize; 3] {
    [sample.picture.channels(), sample.picture.height(), sample.picture.width()]
}

/// A file that is emptied and filled again may wait for the disk; this one is never empty.
fn fill(file: &File, input: &[u8]) -> std::io::Result<()> {
    file.write_all_at(input, 0)?;
    file.set_len(input.len() as u64)
}
