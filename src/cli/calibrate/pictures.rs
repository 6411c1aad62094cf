//! Benign pictures, some of which may choose the squeezers first.

use anyhow::Result;
use portcullis::model::{Classifier, PictureSpec};
use portcullis::profile::{InputId, Lineup};
use portcullis::squeeze::Catalogue;
use portcullis::tensor::{Kind, Picture};

use super::auto::Chooser;
use super::{Bench, Observations};
use crate::cli::pictures;
use crate::cli::sets::sets_in;

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
        let Bench { loader, teacher, model, arguments, .. } = *bench;
        let chosen = Chooser { loader, teacher, classifier, model, detector }.choose(
            &mut samples,
            expected,
            arguments.auto.budget(),
        )?;
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
