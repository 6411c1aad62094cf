//! Attacks on a classifier of pictures: the red team's quick ones.

use anyhow::Result;
use portcullis::attack::{Answer, AttackError, Goal, Level, Method, Named, Oracle, Seed, Suite, WhiteBox};
use portcullis::data::Sample;
use portcullis::detect::Observation;
use portcullis::gateway::Observer;
use portcullis::profile::CANDIDATES;
use portcullis::squeeze::Catalogue;
use portcullis::tensor::{Item, Picture, quantised};

use super::{Adversaries, SEED, Trials, read_rightly, watched};
use crate::cli::pictures::Watcher;

/// Largest change of a pixel, pixels being in [0, 1]: what `redteam` takes if nothing is said.
const EPS: f32 = 8.0 / 255.0;
/// The attack on a classifier whose gradients nobody has.
const BY_QUESTIONS: &str = "square";

/// Attackers on pictures.
pub struct OfPictures<'a> {
    /// The classifier's gradients, or why they are not to be had.
    pub victim: Result<WhiteBox>,
    /// Who asks the classifier, and nothing else.
    pub reader: Watcher<'a>,
}

impl Adversaries for OfPictures<'_> {
    type Sample = Sample;
    const INPUT: &'static str = "picture";

    fn candidates(&self) -> &'static [&'static str] {
        CANDIDATES
    }

    fn catalogue(&self) -> Catalogue {
        Catalogue::Pictures
    }

    fn item(sample: &Sample) -> Item {
        sample.picture.clone().into()
    }

    fn label(sample: &Sample) -> Option<usize> {
        sample.label
    }

    fn attack(&self, samples: &[Sample], judge: &Watcher) -> Result<Trials> {
        let seed = |(sample, class): (&Sample, _)| Seed { picture: sample.picture.clone(), goal: Goal::Not(class) };
        let seeds: Vec<Seed> = read_rightly::<Self>(&self.reader, samples)?.into_iter().map(seed).collect();
        let mut trials = Trials::on(seeds.len(), samples.len(), Self::INPUT)?;
        if let Err(reason) = &self.victim {
            trials.notes.push(format!("no gradients, so questions: {reason:#}"));
        }
        for named in Suite::Quick.attacks(EPS, SEED) {
            let name = named.name;
            let Some(pictures) = self.make(named, &seeds)? else { continue };
            let goals = seeds.iter().map(|seed| seed.goal);
            trials.count(name, judge, goals, pictures.into_iter().map(Item::from).collect())?;
        }
        trials.done(Self::INPUT)
    }
}

impl OfPictures<'_> {
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
