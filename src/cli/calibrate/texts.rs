//! Benign texts, some of which tell the words first.

use std::sync::Arc;

use anyhow::Result;
use portcullis::profile::{InputId, Lineup};
use portcullis::squeeze::Catalogue;
use portcullis::squeeze::text::Vocabulary;

use super::{Bench, Observations};
use crate::cli::texts;

/// One in so many texts tells the words. None of these calibrates: fresh texts have words that nobody has seen before, and
/// so must those that set the threshold.
const PART: usize = 3;

/// Observes benign texts. Squeezers know the words of the files that are there for that, or else of a part of the texts.
pub fn observe(bench: &Bench<'_>, lineup: Lineup) -> Result<Observations> {
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
    let set_aside = told.iter().map(|message| InputId::from(message.text.as_str())).collect();
    let lineup = bench.watched_by(lineup, &Catalogue::Texts(vocabulary.clone()), &bench.model.detectors)?;
    let observed = bench.observe(&lineup, left.len(), left.into_iter().map(|message| Ok(message.text)))?;
    Ok(Observations { lineup, observed, set_aside, vocabulary, choice: None })
}
