//! Which pictures are attacked, and which the scores are held against.

use std::sync::Arc;

use anyhow::{Result, bail};
use portcullis::attack::Target;
use portcullis::data::{Dataset, Sample, split};
use portcullis::profile::{InputId, Profile};
use portcullis::tensor::{Kind, Picture};

use super::Arguments;
use crate::cli::pictures::{self, BenignArguments, Watcher};
use crate::cli::sets::sets_in;

/// Benign pictures that scores are held against, if --count does not say.
const BENIGN: usize = 500;

/// Pictures that were not calibrated on.
pub struct Chosen {
    /// Those that are attacked: the classifier reads them rightly.
    pub seeds: Arc<Vec<Sample>>,
    /// Others, read rightly or not.
    pub benign: Vec<Picture>,
}

/// Seeds that the classifier reads rightly and that are not what they should be made to look like, and benign pictures
/// beside them.
pub fn choose(
    dataset: &Dataset,
    profile: &Profile,
    watcher: &Watcher,
    targets: &[Target],
    arguments: &Arguments,
) -> Result<Chosen> {
    let (wanted, benign_wanted) = (arguments.seeds(), arguments.benign.count.unwrap_or(BENIGN));
    let excluded = pictures::seeds_of(&sets_in(&arguments.exclude, Kind::Picture)?)?;
    let BenignArguments { seed, strict, data, .. } = &arguments.benign;
    let order = split(dataset.len(), *seed, &[dataset.len()])?.concat();
    let is_fresh = |picture: &Picture| !profile.has_seen(picture) && !excluded.contains(&InputId::from(picture));
    let fresh = pictures::naming_the_skipped(dataset.samples_at(order, *strict))
        .filter(|sample| sample.as_ref().map_or(true, |sample| is_fresh(&sample.picture)));
    // As many again, for those that are read wrongly.
    let candidates = 2 * wanted;
    let drawn: Vec<Sample> = fresh.take(candidates + benign_wanted).collect::<Result<_, _>>()?;
    if drawn.iter().any(|sample| sample.label.is_none()) {
        bail!("a red team needs to know what is on the pictures: {} has no labels", data.display());
    }
    let is_target = |sample: &Sample| {
        targets.iter().any(|target| matches!(target, Target::Class(class) if Some(*class) == sample.label))
    };
    let (mut seeds, mut benign) = (Vec::new(), Vec::new());
    let mut drawn = drawn.into_iter();
    let first: Vec<Sample> = drawn.by_ref().take(candidates).collect();
    let readings = watcher.observe("seeds", first.len(), first.iter().map(|sample| Ok(sample.picture.clone())))?;
    for (sample, (_, observation)) in first.into_iter().zip(readings) {
        let read = observation.map(|observation| observation.original.top().0);
        if seeds.len() < wanted && read == sample.label && !is_target(&sample) {
            seeds.push(sample);
        } else {
            benign.push(sample.picture);
        }
    }
    benign.extend(drawn.map(|sample| sample.picture));
    if seeds.is_empty() || benign.is_empty() {
        bail!("too few pictures are left that were not calibrated on; calibrate on fewer with --count");
    }
    Ok(Chosen { seeds: Arc::new(seeds), benign })
}
