//! Benign pictures, some of which may choose the squeezers first.

use anyhow::{Result, anyhow};
use portcullis::attack::WhiteBox;
use portcullis::model::{Classifier, PictureSpec};
use portcullis::profile::{InputId, Lineup};
use portcullis::squeeze::Catalogue;
use portcullis::tensor::{Kind, Picture};

use super::adversaries::{Adversaries, OfPictures};
use super::auto::{Chooser, MOST_SEEDS, nobody};
use super::{Bench, Observations};
use crate::cli::pictures;
use crate::cli::sets::sets_in;

/// One in how many pictures that serve the choice is attacked.
const SEEDS_PART: usize = 3;

/// Observes benign pictures. If there is a detector whose squeezers are to be chosen, at the position `squeezing`, some of
/// the pictures make that choice first, by attacks on the `classifier` where its file is at hand.
pub fn observe(
    bench: &Bench<'_>,
    mut lineup: Lineup,
    input: &PictureSpec,
    classifier: Option<&Classifier>,
    squeezing: Option<usize>,
) -> Result<Observations> {
    let (benign, sets) = (&bench.arguments.benign, &bench.arguments.exclude);
    let dataset = benign.open(input)?;
    let excluded = pictures::seeds_of(&sets_in(sets, Kind::Picture)?)?;
    let mut samples = benign.samples(&dataset, |picture| excluded.contains(&InputId::from(picture)))?;
    let mut expected = benign.expected(&dataset);

    let mut choice = None;
    if let Some(detector) = squeezing {
        let part = samples.by_ref().take(Chooser::part(expected, OfPictures::INPUT)?).collect::<Result<Vec<_>>>()?;
        // Whether the classifier reads a picture rightly must not decide what thresholds are set by.
        let (attacked, benign) = part.split_at((part.len() / SEEDS_PART).min(MOST_SEEDS));
        let Bench { loader, teacher, model, arguments, .. } = *bench;
        let chooser = Chooser { loader, teacher, model, detector };
        let victim = match classifier {
            Some(classifier) => WhiteBox::open(&loader.runtime, classifier).map_err(Into::into),
            None => Err(anyhow!("the classifier's file is not at hand")),
        };
        let nobody = nobody()?;
        let adversaries = OfPictures { victim, reader: chooser.watcher(&nobody) };
        let chosen = chooser.choose(&adversaries, benign, attacked, arguments.auto.budget())?;
        expected -= chosen.seen.len();
        lineup = bench.watched_by(lineup, &Catalogue::Pictures, &chosen.detectors)?;
        choice = Some(chosen);
    }
    let set_aside = choice.as_ref().map(|choice| choice.seen.clone()).unwrap_or_default();
    let chose = |picture: &Picture| set_aside.contains(&InputId::from(picture));
    let left = samples
        .map(|sample| Ok(sample?.picture))
        .filter(|picture| picture.as_ref().map_or(true, |picture| !chose(picture)));
    let observed = bench.observe(&lineup, expected, left)?;
    Ok(Observations { lineup, observed, set_aside, vocabulary: Default::default(), choice })
}
