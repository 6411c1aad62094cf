//! Pictures on disk as a guarded model's input, and what was observed of them.

use std::collections::HashSet;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use portcullis::data::{AdversarialSet, DataError, Dataset, Format, Options, Sample, Samples, Split, split};
use portcullis::detect::{Observation, Panel};
use portcullis::gateway::{Observer, OfflineTeacher};
use portcullis::model::{PictureSpec, Workers};
use portcullis::profile::InputId;
use portcullis::tensor::{Item, Picture};

/// Seed of the choice of benign pictures.
const SEED: u64 = 1;

/// Which benign pictures to read, and how many.
#[derive(clap::Args)]
pub struct BenignArguments {
    /// Benign pictures: an image folder, a CSV file of labels, IDX, CIFAR binary or NPZ files, or a synthetic set,
    /// `signs[:SEED[:COUNT]]` or `luggage[:SEED[:COUNT]]`.
    #[arg(long, value_name = "PATH")]
    pub data: PathBuf,
    /// Format of the data: folder, idx, cifar or numpy; guessed if not given.
    #[arg(long)]
    pub format: Option<Format>,
    /// Read the training half instead of the test half. A classifier knows its training data too well for them to
    /// tell how it treats fresh ones.
    #[arg(long)]
    pub training_half: bool,
    /// Use so many of the pictures, chosen by the seed; all if not given.
    #[arg(long, value_name = "N")]
    pub count: Option<usize>,
    /// Seed of the choice and of the order.
    #[arg(long, default_value_t = SEED)]
    pub seed: u64,
    /// Stop at the first picture that can't be read, instead of leaving it out.
    #[arg(long)]
    pub strict: bool,
}

impl BenignArguments {
    /// Opens the data, brought to the model's size.
    pub fn open(&self, input: &PictureSpec) -> Result<Dataset> {
        let split = self.training_half.then_some(Split::Train);
        let options = Options { format: self.format, split, ..Options::of(input) };
        let dataset = Dataset::open(&self.data, &options)?;
        if dataset.is_empty() {
            bail!("{} holds no pictures", self.data.display());
        }
        Ok(dataset)
    }

    /// The chosen pictures in the seed's order, without those that `leave_out` knows.
    pub fn read<'a>(
        &self,
        dataset: &'a Dataset,
        leave_out: impl Fn(&Picture) -> bool + 'a,
    ) -> Result<impl Iterator<Item = Result<Picture>> + 'a> {
        Ok(self.samples(dataset, leave_out)?.map(|sample| Ok(sample?.picture)))
    }

    /// As [`Self::read`], with the labels where there are any.
    pub fn samples<'a>(
        &self,
        dataset: &'a Dataset,
        leave_out: impl Fn(&Picture) -> bool + 'a,
    ) -> Result<impl Iterator<Item = Result<Sample>> + 'a> {
        let order = split(dataset.len(), self.seed, &[dataset.len()])?.concat();
        let count = self.count.unwrap_or(usize::MAX);
        let samples = naming_the_skipped(dataset.samples_at(order, self.strict)).map(|sample| Ok(sample?));
        let is_left_out = move |sample: &Result<Sample>| sample.as_ref().is_ok_and(|sample| leave_out(&sample.picture));
        Ok(samples.filter(move |sample| !is_left_out(sample)).take(count))
    }

    /// How many there are of them at most.
    pub fn expected(&self, dataset: &Dataset) -> usize {
        self.count.unwrap_or(usize::MAX).min(dataset.len())
    }
}

/// The samples, while those that cannot be read are named in the log and, at the end, counted.
pub fn naming_the_skipped<'a, I: Iterator<Item = usize> + 'a>(
    samples: Samples<'a, I>,
) -> impl Iterator<Item = Result<Sample, DataError>> + 'a {
    NamingTheSkipped { samples, named: 0 }
}

struct NamingTheSkipped<'a, I> {
    samples: Samples<'a, I>,
    named: usize,
}

impl<I: Iterator<Item = usize>> Iterator for NamingTheSkipped<'_, I> {
    type Item = Result<Sample, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let sample = self.samples.next();
        let skipped = self.samples.skipped();
        for error in &skipped[self.named..] {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            tracing::warn!("left out: {error}{cause}");
        }
        self.named = skipped.len();
        sample
    }
}

impl<I> Drop for NamingTheSkipped<'_, I> {
    fn drop(&mut self) {
        if self.named > 0 {
            tracing::warn!("left out in all because they could not be read: {}", self.named);
        }
    }
}

/// The seeds of adversarial sets: what must not be calibrated on if they are to tell anything.
pub fn seeds_of(sets: &[PathBuf]) -> Result<HashSet<InputId>> {
    let mut seeds = HashSet::new();
    for path in sets {
        let set = AdversarialSet::open(path)?;
        seeds.extend(set.seeds().iter().map(|seed| InputId::from(&seed.picture)));
    }
    Ok(seeds)
}

/// An input's fingerprint and what was observed of it; `None` where nothing could be.
pub type Observed = Vec<(InputId, Option<Observation>)>;

/// Observes pictures or texts with a progress bar.
pub struct Watcher<'a> {
    pub panel: &'a Panel,
    pub teacher: &'a OfflineTeacher,
    pub workers: &'a Workers,
}

impl Watcher<'_> {
    /// Observes all `items`, of which there are about `expected`.
    pub fn observe<I: Into<Item>>(
        &self,
        what: &str,
        expected: usize,
        items: impl Iterator<Item = Result<I>>,
    ) -> Result<Observed> {
        let bar = progress(what, expected);
        let mut failure = None;
        let mut ids = Vec::new();
        let readable = items.map_while(|item| match item {
            Ok(item) => {
                let item = item.into();
                ids.push(InputId::from(&item));
                Some(item)
            }
            Err(error) => {
                failure = Some(error);
                None
            }
        });
        let observer = Observer { panel: self.panel, teacher: self.teacher, workers: self.workers };
        let observations = observer.observe(readable, || bar.inc(1));
        bar.finish_and_clear();
        if let Some(error) = failure {
            return Err(error);
        }
        if let Some(Err(problem)) = observations.first()
            && observations.iter().all(Result::is_err)
        {
            bail!("nothing could be examined: {problem}");
        }
        Ok(ids.into_iter().zip(observations.into_iter().map(Result::ok)).collect())
    }
}

/// A progress bar on the terminal; none anywhere else.
pub fn progress(what: &str, expected: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {per_sec} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(expected as u64).with_style(style).with_message(what.to_owned())
}

/// Now, as RFC 3339 in UTC.
pub fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// Writes a file whole or not at all, making its folder.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    make_parent(path)?;
    portcullis::data::write_atomically(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Makes the folder that a path lies in.
pub fn make_parent(path: &Path) -> Result<()> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))
}
