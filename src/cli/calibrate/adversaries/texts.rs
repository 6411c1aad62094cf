//! Attacks on a classifier of text: those of the red team that know nothing but its answers.

use std::sync::Arc;

use anyhow::{Context, Result};
use portcullis::attack::text::{Lexicon, TextSeed, text_suite};
use portcullis::attack::{Goal, LocalOracle};
use portcullis::data::Message;
use portcullis::model::Classifier;
use portcullis::profile::TEXT_CANDIDATES;
use portcullis::squeeze::Catalogue;
use portcullis::squeeze::text::Vocabulary;
use portcullis::tensor::Item;

use super::{Adversaries, SEED, Trials, read_rightly, watched};
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

    fn label(sample: &Message) -> Option<usize> {
        sample.label
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
    /// Those messages that are worth hiding, of those that the classifier reads rightly.
    fn seeds(&self, samples: &[Message]) -> Result<Vec<TextSeed>> {
        let right = read_rightly::<Self>(&self.reader, samples)?.into_iter();
        let hidden = right.filter(|(_, class)| self.hidden.is_none_or(|hidden| hidden == *class));
        let seed = |(sample, class): (&Message, _)| TextSeed { text: sample.text.clone(), goal: Goal::Not(class) };
        Ok(hidden.map(seed).take(MOST_SEEDS).collect())
    }
}
