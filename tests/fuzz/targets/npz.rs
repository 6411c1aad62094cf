//! NumPy's archives, as sets of benign and of adversarial pictures.

use std::fs::File;
use std::os::unix::fs::FileExt;

use portcullis::data::{AdversarialSet, Dataset, Format, Options, Sample};
use tempfile::NamedTempFile;

thread_local! {
    static ARCHIVE: NamedTempFile = NamedTempFile::with_suffix(".npz").expect("a temporary file");
}

/// The bytes are an archive's; both readers must see the same in it.
pub fn fuzz(input: &[u8]) -> bool {
    let path = ARCHIVE.with(|archive| {
        fill(archive.as_file(), input).expect("the file is writable");
        archive.path().to_owned()
    });
    let options = Options { format: Some(Format::Numpy), ..Options::default() };
    let benign = Dataset::open(&path, &options);
    let samples: Option<Result<Vec<Sample>, _>> = benign.ok().map(|data| data.samples(true).collect());
    let Ok(set) = AdversarialSet::open(&path) else { return false };
    for attack in set.results() {
        assert_eq!((attack.pictures.len(), attack.successful.len()), (set.seeds().len(), set.seeds().len()));
    }
    let samples = samples.expect("both read the arrays x and y").expect("both read every picture");
    assert_eq!(samples, set.seeds());
    true
}

/// A file that is emptied and filled again may wait for the disk; this one is never empty.
fn fill(file: &File, input: &[u8]) -> std::io::Result<()> {
    file.write_all_at(input, 0)?;
    file.set_len(input.len() as u64)
}
