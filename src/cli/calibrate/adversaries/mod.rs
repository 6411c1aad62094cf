//! What attackers who know nothing of any gateway make of inputs that squeezers are chosen by.

mod pictures;
mod texts;

use anyhow::{Result, ensure};
use portcullis::attack::{AttackError, Goal};
use portcullis::detect::{Observation, scores};
use portcullis::squeeze::Catalogue;
use portcullis::tensor::Item;

pub use self::pictures::OfPictures;
pub use self::texts::OfTexts;
use crate::cli::pictures::{self as files, Watcher};

/// Seed of the attacks: what `redteam` takes if nothing is said.
const SEED: u64 = 1;
/// Fewer successful inputs of an attack, or fewer inputs to attack, say too little.
const FEWEST: usize = 10;

/// A row an input, a column a detector.
pub type Rows = Vec<Vec<f64>>;

/// Attackers on inputs of one kind.
pub trait Adversaries {
    /// An input, with its label if it has one.
    type Sample;
    /// What one is called.
    const INPUT: &'static str;

    /// Names of squeezers to choose from.
    fn candidates(&self) -> &'static [&'static str];

    /// Where these come from.
    fn catalogue(&self) -> Catalogue;

    /// What the classifier looks at.
    fn item(sample: &Self::Sample) -> Item;

    /// The class that it is said to be of.
    fn label(sample: &Self::Sample) -> Option<usize>;

    /// Attacks the samples; `judge` scores what deceives the classifier, attack by attack.
    fn attack(&self, samples: &[Self::Sample], judge: &Watcher) -> Result<Trials>;
}

/// The attacks that count.
pub struct Trials {
    /// Inputs that were attacked.
    pub seeds: usize,
    pub attacks: Vec<&'static str>,
    /// Scores of what deceived the classifier, an attack each.
    pub rows: Vec<Rows>,
    /// What does not count, and why.
    pub notes: Vec<String>,
}

impl Trials {
    /// None yet, on so many of `of` inputs, which the classifier reads as they are labelled.
    fn on(seeds: usize, of: usize, input: &str) -> Result<Self> {
        let problem = "as they are labelled: too few to attack";
        ensure!(seeds >= FEWEST, "the classifier reads {seeds} of {of} {input}s {problem}");
        Ok(Self { seeds, attacks: Vec::new(), rows: Vec::new(), notes: Vec::new() })
    }

    /// Counts what an attack made, if enough of it deceives the classifier: one input for each goal.
    fn count(
        &mut self,
        name: &'static str,
        judge: &Watcher,
        goals: impl Iterator<Item = Goal>,
        made: Vec<Item>,
    ) -> Result<()> {
        let observed = judge.observe(&format!("judging {name}"), made.len(), made.into_iter().map(Ok))?;
        let row = |((_, observation), goal): ((_, Option<Observation>), Goal)| {
            let seen = observation.filter(|seen| goal.is_reached(seen.original.top().0))?;
            scores(judge.panel.detectors(), &seen).ok()
        };
        let rows: Rows = observed.into_iter().zip(goals).filter_map(row).collect();
        if rows.len() < FEWEST {
            self.notes.push(format!("{name} does not count: it succeeded on {} of {}", rows.len(), self.seeds));
        } else {
            self.attacks.push(name);
            self.rows.push(rows);
        }
        Ok(())
    }

    /// All of them, of which there is one at least.
    fn done(self, input: &str) -> Result<Self> {
        let notes = self.notes.join("; ");
        ensure!(!self.attacks.is_empty(), "there is no attack to choose by ({notes}): give more {input}s");
        Ok(self)
    }
}

/// Those samples that the classifier reads as they are labelled, with that class; an unlabelled one is what it reads.
fn read_rightly<'a, A: Adversaries>(reader: &Watcher, samples: &'a [A::Sample]) -> Result<Vec<(&'a A::Sample, usize)>> {
    let items = samples.iter().map(|sample| Ok(A::item(sample)));
    let readings = reader.observe("seeds", samples.len(), items)?;
    let right = |(sample, (_, observation)): (&'a A::Sample, (_, Option<Observation>))| {
        let (class, _) = observation?.original.top();
        A::label(sample).is_none_or(|label| label == class).then_some((sample, class))
    };
    Ok(samples.iter().zip(readings).filter_map(right).collect())
}

/// Work with a progress bar.
fn watched<T>(
    name: &str,
    rounds: usize,
    work: impl FnOnce(&mut dyn FnMut()) -> Result<T, AttackError>,
) -> Result<T, AttackError> {
    let bar = files::progress(&format!("attacking: {name}"), rounds);
    let made = work(&mut || bar.inc(1));
    bar.finish_and_clear();
    made
}
