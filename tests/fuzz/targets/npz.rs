//! NumPy's archives, as sets of benign and of adversarial pictures.

use portcullis::data::{AdversarialSet, Dataset, Format, Options, Sample};
use tempfile::TempDir;

thread_local! {
    static FOLDER: TempDir = TempDir::with_prefix("portcullis-fuzz-").expect("a temporary folder");
}

/// The bytes are an archive's; both readers must see the same in it.
pub fn fuzz(input: &[u8]) -> bool {
    let path = FOLDER.with(|folder| folder.path().join("set.npz"));
    std::fs::write(&path, input).expect("the folder is writable");
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
