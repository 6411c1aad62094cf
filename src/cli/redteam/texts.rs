//! A red team against a model that takes text.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use portcullis::attack::text::{Lexicon, MadeText, NamedTextAttack, TextSeed, text_suite};
use portcullis::attack::{Goal, Level, LocalOracle, Target};
use portcullis::data::{Message, Messages};
use portcullis::model::Classifier;
use portcullis::profile::Profile;
use portcullis::report::{Assessment, Trial};
use portcullis::squeeze::ItemSqueezer;
use portcullis::squeeze::text::TextSqueezer;

use super::{Arguments, campaign};
use crate::cli::assess::{self, Judge};
use crate::cli::pictures::{self, Watcher};
use crate::cli::texts::{self, set, set::AdversarialText};

/// Benign messages that scores are held against, if --count does not say.
const BENIGN: usize = 500;
/// Questions that an attack may ask for a message, those about squeezed copies included.
const QUERIES: usize = 2000;
/// What an attacker may know: the classifier's answers alone, or the squeezers too.
const LEVELS: [Level; 2] = [Level::Oblivious, Level::Adaptive];

/// Attacks messages that were not calibrated on, and holds what comes of it against others.
pub fn assess(
    arguments: &Arguments,
    (watcher, profile): (&Watcher, &Profile),
    classifier: &Classifier,
) -> Result<Assessment> {
    let messages = texts::read(&arguments.benign.data)?;
    let classes = assess::class_names(messages.classes(), classifier.output().classes);
    let judge = Judge { watcher, profile, classes: &classes };
    let targets = arguments.targets.iter().map(|text| campaign::target(text, &classes)).collect::<Result<Vec<_>>>()?;
    let [target] = targets[..] else { bail!("attacks on text have one target at a time") };
    let chosen = Chosen::of(&messages, &judge, target, arguments)?;
    let benign = judge.benign(chosen.benign.iter().map(|message| message.text.clone()).collect())?;
    let lexicon = Arc::new(lexicon(&messages, arguments)?);
    let campaigns = campaigns(arguments, &lexicon)?;
    let (mut trials, count) = (Vec::new(), campaigns.len());
    for (at, (level, attack)) in (1..).zip(campaigns) {
        let title = format!("{at}/{count} {level} {}", attack.name);
        let made = chosen.attack(&title, (level, &attack), watcher, classifier, target)?;
        pictures::write(&path(&arguments.out, level, attack.name), &set::lines(&made)?)?;
        trials.push(trial(&judge, level, attack.name, &made)?);
    }
    Ok(Assessment::new(profile, &benign, trials, Vec::new()))
}

fn trial(judge: &Judge, level: Level, attack: &str, made: &[AdversarialText]) -> Result<Trial> {
    let definition = format!("{attack}, at most {QUERIES} questions a message");
    judge.trial_of_texts([level.to_string(), attack.to_owned(), definition], made)
}

fn path(folder: &Path, level: Level, attack: &str) -> PathBuf {
    folder.join(format!("{level}_{attack}.jsonl"))
}

/// What the attacker knows of words: from messages apart, or from all that are there.
fn lexicon(messages: &Messages, arguments: &Arguments) -> Result<Lexicon> {
    let apart = arguments.words.as_deref().map(texts::read).transpose()?;
    let known = apart.as_ref().unwrap_or(messages).all();
    Ok(Lexicon::fit(known.iter().filter_map(|message| Some((message.text.as_str(), message.label?)))))
}

/// Each attack at each level that is asked for.
fn campaigns(arguments: &Arguments, lexicon: &Arc<Lexicon>) -> Result<Vec<(Level, NamedTextAttack)>> {
    let suite = || text_suite(lexicon, arguments.attack_seed);
    let known: Vec<&str> = suite().iter().map(|attack| attack.name).collect();
    for name in &arguments.attacks {
        ensure!(known.contains(&name.as_str()), "there is no attack '{name}' on text; there are: {}", known.join(", "));
    }
    let is_wanted = |attack: &NamedTextAttack| {
        arguments.attacks.is_empty() || arguments.attacks.iter().any(|name| name == attack.name)
    };
    let levels = LEVELS.into_iter().filter(|level| arguments.levels.is_empty() || arguments.levels.contains(level));
    let campaigns: Vec<_> =
        levels.flat_map(|level| suite().into_iter().filter(is_wanted).map(move |attack| (level, attack))).collect();
    ensure!(!campaigns.is_empty(), "attacks on text are oblivious or adaptive");
    Ok(campaigns)
}

/// Messages that were not calibrated on.
struct Chosen {
    /// Those that are attacked: the classifier reads them rightly, and not as it is to be made to.
    seeds: Vec<(Message, usize)>,
    /// Others, read rightly or not.
    benign: Vec<Message>,
}

impl Chosen {
    fn of(messages: &Messages, judge: &Judge, target: Target, arguments: &Arguments) -> Result<Self> {
        let excluded = texts::seeds_of(&arguments.exclude)?;
        let leave_out = |text: &str| judge.profile.has_seen(text) || excluded.contains(&text.into());
        let (wanted, count) = (arguments.seeds(), arguments.benign.count.unwrap_or(BENIGN));
        let all = texts::in_order(messages, arguments.benign.seed, leave_out)?;
        ensure!(
            all.iter().all(|message| message.label.is_some()),
            "a red team needs to know what messages are: {} has no labels",
            arguments.benign.data.display()
        );
        let readings = judge.watcher.observe("seeds", all.len(), all.iter().map(|message| Ok(message.text.clone())))?;
        let (mut seeds, mut benign) = (Vec::new(), Vec::new());
        for (message, (_, seen)) in all.into_iter().zip(readings) {
            let read = seen.map(|seen| seen.original.top().0);
            let label = message.label.filter(|label| Some(*label) == read && target != Target::Class(*label));
            match label {
                Some(label) if seeds.len() < wanted => seeds.push((message, label)),
                _ if benign.len() < count => benign.push(message),
                _ => {}
            }
        }
        ensure!(
            !seeds.is_empty() && !benign.is_empty(),
            "too few messages are left that were not calibrated on; calibrate on fewer with --count"
        );
        Ok(Self { seeds, benign })
    }

    /// What an attack makes of the seeds. An adaptive one is told of the squeezers.
    fn attack(
        &self,
        title: &str,
        (level, attack): (Level, &NamedTextAttack),
        watcher: &Watcher,
        classifier: &Classifier,
        target: Target,
    ) -> Result<Vec<AdversarialText>> {
        let knows: Vec<Box<dyn TextSqueezer>> = match level {
            Level::Adaptive => watcher.panel.squeezers().iter().filter_map(ItemSqueezer::of_texts).collect(),
            _ => Vec::new(),
        };
        let goal = |label: usize| target.goal(label, &vec![0.0; classifier.output().classes]);
        let seed = |(message, label): &(Message, usize)| TextSeed { text: message.text.clone(), goal: goal(*label) };
        let seeds: Vec<TextSeed> = self.seeds.iter().map(seed).collect();
        let bar = pictures::progress(title, seeds.len());
        let mut oracle = LocalOracle::new(classifier.clone());
        let made = attack.attack.run(&mut oracle, &knows, &seeds, QUERIES, &mut || bar.inc(1));
        bar.finish_and_clear();
        let made = made.with_context(|| format!("{} failed", attack.name))?;
        let text =
            |((message, label), MadeText { text, queries, .. }): (&(Message, usize), MadeText)| AdversarialText {
                level: level.to_string(),
                attack: attack.name.to_owned(),
                seed: message.text.clone(),
                label: *label,
                wanted: match goal(*label) {
                    Goal::Read(class) => Some(class),
                    Goal::Not(_) => None,
                },
                text,
                queries,
            };
        Ok(self.seeds.iter().zip(made).map(text).collect())
    }
}
