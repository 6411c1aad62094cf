//! What the red team's quick attacks make of pictures that squeezers are chosen by.

use anyhow::{Result, ensure};
use portcullis::attack::{Answer, AttackError, Goal, Level, Method, Named, Oracle, Seed, Suite, WhiteBox};
use portcullis::data::Sample;
use portcullis::detect::{Observation, scores};
use portcullis::gateway::Observer;
use portcullis::tensor::{Picture, quantised};

use crate::cli::pictures::{self, Watcher};

/// Largest change of a pixel, pixels being in [0, 1], and seed of the attacks: what `redteam` takes if nothing is said.
const EPS: f32 = 8.0 / 255.0;
const SEED: u64 = 1;
/// The attack on a classifier whose gradients nobody has.
const BY_QUESTIONS: &str = "square";
/// Fewer successful pictures of an attack, or fewer pictures to attack, say too little.
const FEWEST: usize = 10;

/// The attacks that count.
pub struct Trials {
    /// Pictures that were attacked.
    pub seeds: usize,
    pub attacks: Vec<&'static str>,
    /// What does not count, and why.
    pub notes: Vec<String>,
}

/// A row a picture, a column a detector.
type Rows = Vec<Vec<f64>>;

/// Attackers who know nothing of any gateway.
pub struct Adversaries<'a> {
    /// The classifier's gradients, or why they are not to be had.
    victim: Result<WhiteBox>,
    /// Who asks the classifier, and nothing else.
    reader: Watcher<'a>,
}

impl<'a> Adversaries<'a> {
    pub fn new(victim: Result<WhiteBox>, reader: Watcher<'a>) -> Self {
        Self { victim, reader }
    }

    /// Attacks the samples; `judge` scores what deceives the classifier, attack by attack.
    pub fn attack(&self, samples: &[Sample], judge: &Watcher) -> Result<(Trials, Vec<Rows>)> {
        let seeds = self.seeds(samples)?;
        let (count, of) = (seeds.len(), samples.len());
        ensure!(
            count >= FEWEST,
            "the classifier reads {count} of {of} pictures as they are labelled: too few to attack"
        );
        let no_gradients = self.victim.as_ref().err().map(|reason| format!("no gradients, so questions: {reason:#}"));
        let mut trials = Trials { seeds: count, attacks: Vec::new(), notes: no_gradients.into_iter().collect() };
        let mut all = Vec::new();
        for named in Suite::Quick.attacks(EPS, SEED) {
            let name = named.name;
            let Some(pictures) = self.make(named, &seeds)? else { continue };
            let rows = successful(judge, name, &seeds, pictures)?;
            if rows.len() < FEWEST {
                trials.notes.push(format!("{name} does not count: it succeeded on {} of {count}", rows.len()));
                continue;
            }
            trials.attacks.push(name);
            all.push(rows);
        }
        let notes = trials.notes.join("; ");
        ensure!(!all.is_empty(), "there is no attack to choose by ({notes}): give more pictures");
        Ok((trials, all))
    }

    /// Those samples that the classifier reads as they are labelled; an unlabelled one is what it reads.
    fn seeds(&self, samples: &[Sample]) -> Result<Vec<Seed>> {
        let pictures = samples.iter().map(|sample| Ok(sample.picture.clone()));
        let readings = self.reader.observe("seeds", samples.len(), pictures)?;
        let seed = |(sample, (_, observation)): (&Sample, (_, Option<Observation>))| {
            let (class, _) = observation?.original.top();
            let is_right = sample.label.is_none_or(|label| label == class);
            is_right.then(|| Seed { picture: sample.picture.clone(), goal: Goal::Not(class) })
        };
        Ok(samples.iter().zip(readings).filter_map(seed).collect())
    }

    /// A picture a seed, if the attack is one of those: oblivious ones by gradients, or one by questions without.
    fn make(&self, attack: Named, seeds: &[Seed]) -> Result<Option<Vec<Picture>>> {
        let Named { level, name, method, .. } = attack;
        Ok(match (method, &self.victim) {
            (Method::Gradients(attack), Ok(victim)) if level == Level::Oblivious => {
                Some(watched(name, attack.rounds(), |watch| attack.run(victim, seeds, watch))?)
            }
            (Method::Questions(attack), Err(_)) if name == BY_QUESTIONS => {
                let mut asked = Asked(&self.reader);
                let made = watched(name, attack.rounds(seeds.len()), |watch| attack.run(&mut asked, seeds, watch))?;
                Some(made.into_iter().map(|made| made.picture).collect())
            }
            _ => None,
        })
    }
}

/// Scores of those pictures that deceive the classifier.
fn successful(judge: &Watcher, attack: &str, seeds: &[Seed], pictures: Vec<Picture>) -> Result<Rows> {
    let observed = judge.observe(&format!("judging {attack}"), pictures.len(), pictures.into_iter().map(Ok))?;
    let row = |((_, observation), seed): ((_, Option<Observation>), &Seed)| {
        let seen = observation.filter(|seen| seed.goal.is_reached(seen.original.top().0))?;
        scores(judge.panel.detectors(), &seen).ok()
    };
    Ok(observed.into_iter().zip(seeds).filter_map(row).collect())
}

/// Work with a progress bar.
fn watched<T>(
    name: &str,
    rounds: usize,
    work: impl FnOnce(&mut dyn FnMut()) -> Result<T, AttackError>,
) -> Result<T, AttackError> {
    let bar = pictures::progress(&format!("attacking: {name}"), rounds);
    let made = work(&mut || bar.inc(1));
    bar.finish_and_clear();
    made
}

/// The classifier, in this process or behind the upstream, as somebody to ask.
struct Asked<'a>(&'a Watcher<'a>);

impl Oracle for Asked<'_> {
    /// Where there is no prediction the answer counts as withheld.
    fn ask(&mut self, pictures: &[Picture]) -> Result<Vec<Answer>, AttackError> {
        let Watcher { panel, teacher, workers } = *self.0;
        let observations = Observer { panel, teacher, workers }
            .observe(pictures.iter().map(|picture| quantised(picture).into()), || ());
        let answer =
            |seen: Result<Observation, String>| seen.map_or(Answer::Refused, |seen| Answer::of(&seen.original));
        Ok(observations.into_iter().map(answer).collect())
    }
}
