//! Attacks on a classifier of text: those of the red team that know nothing but its answers.

use std::sync::Arc;

use anyhow::{Context, Result};
use portcullis::attack::text::{Lexicon, TextSeed, text_suite};
use portcullis::attack::{Goal, LocalOracle};
use portcullis::data::Message;
use portcullis::detect::Observation;
use portcullis::model::Classifier;
use portcullis::profile::TEXT_CANDIDATES;
use portcullis::squeeze::Catalogue;
use portcullis::squeeze::text::Vocabulary;
use portcullis::tensor::Item;

use super::{Adversaries, SEED, Trials, watched};
use crate::cli::calibrate::auto::MOST_SEEDS;
use crate::cli::pictures::Watcher;

/// Questions that an attack may ask for a message.
const QUERIES: usize = 500;

/// Attackers on messages.
pub struct OfTexts<'a> {
    /// Whom they ask.
    pub classifier: &'a Classifier,
    /// Who asks the classifier, and nothing else.
    pub reader: Watcher<'a>,
    /// The class that they hide, if only that counts.
    pub hidden: Option<usize>,
    /// What they know of words, and the squeezers.
    pub told: &'a [Message],
    pub vocabulary: Arc<Vocabulary>,
}

impl Adversaries for OfTexts<'_> {
    type Sample = Message;
    const INPUT: &'static str = "message";

    fn candidates(&self) -> &'static [&'static str] {
        TEXT_CANDIDATES
    }

    fn catalogue(&self) -> Catalogue {
        Catalogue::Texts(self.vocabulary.clone())
    }

    fn item(sample: &Message) -> Item {
        sample.text.clone().into()
    }

    fn attack(&self, samples: &[Message], judge: &Watcher) -> Result<Trials> {
        let seeds = self.seeds(samples)?;
        let mut trials = Trials::on(seeds.len(), samples.len(), Self::INPUT)?;
        let known = self.told.iter().filter_map(|message| Some((message.text.as_str(), message.label?)));
        let lexicon = Arc::new(Lexicon::fit(known));
        for named in text_suite(&lexicon, SEED) {
            let mut oracle = LocalOracle::new(self.classifier.clone());
            let attack = |watch: &mut dyn FnMut()| named.attack.run(&mut oracle, &[], &seeds, QUERIES, watch);
            let made = watched(named.name, seeds.len(), attack).with_context(|| format!("{} failed", named.name))?;
            let goals = seeds.iter().map(|seed| seed.goal);
            trials.count(named.name, judge, goals, made.into_iter().map(|made| made.text.into()).collect())?;
        }
        trials.done(Self::INPUT)
    }
}

impl OfTexts<'_> {
    /// Those messages that the classifier reads as they are labelled and that are worth hiding; an unlabelled one is what it
    /// reads.
    fn seeds(&self, samples: &[Message]) -> Result<Vec<TextSeed>> {
        let texts = samples.iter().map(|sample| Ok(sample.text.clone()));
        let readings = self.reader.observe("seeds", samples.len(), texts)?;
        let seed = |(sample, (_, seen)): (&Message, (_, Option<Observation>))| {
            let (class, _) = seen?.original.top();
            let is_right = sample.label.is_none_or(|label| label == class);
            let is_hidden = self.hidden.is_none_or(|hidden| hidden == class);
            (is_right && is_hidden).then(|| TextSeed { text: sample.text.clone(), goal: Goal::Not(class) })
        };
        Ok(samples.iter().zip(readings).filter_map(seed).take(MOST_SEEDS).collect())
    }
}
