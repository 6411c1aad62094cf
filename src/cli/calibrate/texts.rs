//! Benign texts, some of which tell the words first, or choose the squeezers.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Context, Result};
use portcullis::data::Message;
use portcullis::model::Classifier;
use portcullis::profile::{InputId, Lineup};
use portcullis::squeeze::Catalogue;
use portcullis::squeeze::text::Vocabulary;

use super::adversaries::{Adversaries, OfTexts};
use super::auto::{Chooser, nobody};
use super::{Bench, Observations};
use crate::cli::texts;

/// One in so many texts tells the words. None of these calibrates: fresh texts have words that nobody has seen before, and
/// so must those that set the threshold.
const PART: usize = 3;

/// Observes benign texts. Squeezers know the words of the files that are there for that, or else of a part of the texts. If
/// there is a detector whose squeezers are to be chosen, at the position `squeezing`, some of the texts make that choice first,
/// by attacks on the `classifier` with the messages that told the words.
pub fn observe(
    bench: &Bench<'_>,
    mut lineup: Lineup,
    classifier: Option<&Classifier>,
    squeezing: Option<usize>,
) -> Result<Observations> {
    let (benign, arguments) = (&bench.arguments.benign, bench.arguments);
    let excluded = texts::seeds_of(&arguments.exclude)?;
    let messages = texts::read(&benign.data)?;
    let mut left = texts::choose(&messages, benign, |text| excluded.contains(&InputId::from(text)))?;
    let mut told = Vec::new();
    match &arguments.words {
        Some(words) => told = texts::read(words)?.all().to_vec(),
        None => told.extend(left.drain(..left.len() / PART)),
    }
    let vocabulary = Arc::new(Vocabulary::fit(told.iter().map(|message| message.text.as_str())));
    let mut set_aside: HashSet<_> = told.iter().map(|message| InputId::from(message.text.as_str())).collect();
    let mut detectors = bench.model.detectors.clone();
    let mut choice = None;
    if let Some(detector) = squeezing {
        let benign: Vec<Message> = left.drain(..Chooser::part(left.len(), OfTexts::INPUT)?).collect();
        let Bench { loader, teacher, model, .. } = *bench;
        let chooser = Chooser { loader, teacher, model, detector };
        let classifier = classifier.context("the classifier's file is needed to attack it: give the model's path")?;
        let (nobody, hidden, told) = (nobody()?, chooser.hidden(), told.as_slice());
        let reader = chooser.watcher(&nobody);
        let adversaries = OfTexts { classifier, reader, hidden, told, vocabulary: vocabulary.clone() };
        let chosen = chooser.choose(&adversaries, &benign, told, arguments.auto.budget())?;
        detectors.clone_from(&chosen.detectors);
        set_aside.extend(chosen.seen.iter().cloned());
        choice = Some(chosen);
    }
    lineup = bench.watched_by(lineup, &Catalogue::Texts(vocabulary.clone()), &detectors)?;
    let observed = bench.observe(&lineup, left.len(), left.into_iter().map(|message| Ok(message.text)))?;
    Ok(Observations { lineup, observed, set_aside, vocabulary, choice })
}
