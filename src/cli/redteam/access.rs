//! What attackers of each level have in their hands.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use portcullis::attack::{Guarded, Level, LocalOracle, Loss, Method, Oracle, WhiteBox};
use portcullis::config::Config;
use portcullis::data::Sample;
use portcullis::model::Classifier;
use portcullis::profile::{Known, Lineup, Loader, Profile};
use portcullis::tensor::Picture;

use super::Arguments;
use super::campaign::Campaign;
use super::through::Through;
use crate::cli::assess::Made;
use crate::cli::{pictures, setup};

/// The model under attack, and everything that an attack can go through. What can't be opened says why to those who ask.
pub struct Access<'a> {
    teacher: Result<WhiteBox, String>,
    classifier: Classifier,
    surrogates: Vec<(String, Result<WhiteBox, String>)>,
    guarded: Result<Guarded<'a>, String>,
    /// The cut that adaptive attacks want to stay below: that of the highest rate.
    threshold: f64,
    /// The gateway to ask; started when it is needed.
    gateway: Option<Through>,
    start_gateway: Box<dyn Fn() -> Result<Through> + 'a>,
    costs: Costs,
}

/// How long each kind of work takes for a picture, as far as it was measured.
#[derive(Default)]
struct Costs {
    gradient: Option<Duration>,
    look: Option<Duration>,
    question: Option<Duration>,
    own_question: Option<Duration>,
}

impl<'a> Access<'a> {
    pub fn open(
        config: &'a Config,
        lineup: &'a Lineup,
        profile: &'a Profile,
        loader: &Loader,
        arguments: &'a Arguments,
    ) -> Result<Self> {
        let classifier = lineup.teacher.clone().context("the classifier's file is needed")?;
        let open = |classifier: &Classifier| {
            WhiteBox::open(&loader.runtime, classifier).map_err(|error| format!("{:#}", anyhow!(error)))
        };
        let students = lineup.panel.students();
        let mut surrogates: Vec<(String, Result<WhiteBox, String>)> =
            students.map(|student| (student.name.clone(), open(&student.classifier))).collect();
        for name in &arguments.surrogates {
            surrogates.push((name.clone(), open(&surrogate(config, loader, name, &classifier)?)));
        }
        let guarded = Guarded::open(&loader.runtime, &classifier, &lineup.panel, &profile.combination);
        Ok(Self {
            teacher: open(&classifier),
            surrogates,
            guarded: guarded.map_err(|error| format!("{:#}", anyhow!(error))),
            threshold: profile.rates.iter().map(|rate| rate.threshold).fold(f64::INFINITY, f64::min),
            classifier,
            gateway: arguments
                .gateway
                .as_ref()
                .map(|url| Through::connect(&arguments.peer.endpoint(url)?, lineup.identity.clone()))
                .transpose()?,
            start_gateway: Box::new(|| {
                Through::start(config, setup::loader(config, config.workers.queue)?, lineup.identity.clone())
            }),
            costs: Costs::default(),
        })
    }

    /// Names of the models that examples are carried over from.
    pub fn surrogates(&self) -> impl Iterator<Item = &str> {
        self.surrogates.iter().map(|(name, _)| name.as_str())
    }

    /// What the classifier gives each class.
    pub fn scores(&self, samples: &[Sample]) -> Result<Vec<Vec<f32>>> {
        let pictures: Vec<Picture> = samples.iter().map(|sample| sample.picture.clone()).collect();
        let answers = LocalOracle::new(self.classifier.clone()).ask(&pictures)?;
        let scores = answers.into_iter().map(|answer| match answer {
            portcullis::attack::Answer::Scores(scores) => Ok(scores),
            portcullis::attack::Answer::Refused => bail!("the classifier refused a picture"),
        });
        scores.collect()
    }

    /// Makes what the campaign is to make, with a progress bar.
    pub fn run(&mut self, campaign: &Campaign, title: &str) -> Result<Made> {
        let seeds = campaign.seeds.as_slice();
        let rounds = match campaign.method.as_ref() {
            Method::Gradients(attack) => attack.rounds(),
            Method::Questions(attack) => attack.rounds(seeds.len()),
            Method::Adaptive(attack) => attack.rounds(),
        };
        let bar = pictures::progress(title, rounds);
        let mut watch = || bar.inc(1);
        let (pictures, queries) = match campaign.method.as_ref() {
            Method::Gradients(attack) => (attack.run(self.victim(campaign)?, seeds, &mut watch)?, None),
            Method::Adaptive(attack) => (attack.run(self.guarded()?, seeds, self.threshold, &mut watch)?, None),
            Method::Questions(attack) => {
                let made = if campaign.level == Level::BlackBox {
                    attack.run(self.gateway()?, seeds, &mut watch)?
                } else {
                    attack.run(&mut LocalOracle::new(self.classifier.clone()), seeds, &mut watch)?
                };
                let queries = made.iter().map(|made| made.queries).collect();
                (made.into_iter().map(|made| made.picture).collect(), Some(queries))
            }
        };
        bar.finish_and_clear();
        Ok(campaign.made(pictures, queries))
    }

    /// How long it takes at most; nothing for what can't be made at all.
    pub fn estimate(&mut self, campaign: &Campaign) -> Result<Duration> {
        let (times, unit) = match campaign.method.as_ref() {
            Method::Gradients(attack) => (attack.rounds() * attack.gradients_a_round(), self.gradient_time(campaign)),
            Method::Adaptive(attack) => (attack.rounds() * attack.looks_a_round(), self.look_time(campaign)),
            Method::Questions(attack) => (attack.queries(), self.question_time(campaign)),
        };
        Ok(unit.unwrap_or_default().mul_f64((times * campaign.seeds.len()) as f64))
    }

    /// Stops the gateway.
    pub fn close(self) -> Result<()> {
        self.gateway.map_or(Ok(()), Through::stop)
    }

    fn victim(&self, campaign: &Campaign) -> Result<&WhiteBox> {
        let opened = match campaign.surrogate {
            Some(at) => &self.surrogates[at].1,
            None => &self.teacher,
        };
        opened.as_ref().map_err(|reason| anyhow!(reason.clone()))
    }

    fn guarded(&self) -> Result<&Guarded<'a>> {
        self.guarded.as_ref().map_err(|reason| anyhow!(reason.clone()))
    }

    fn gateway(&mut self) -> Result<&mut Through> {
        if self.gateway.is_none() {
            self.gateway = Some((self.start_gateway)()?);
        }
        self.gateway.as_mut().context("the gateway is not there")
    }

    fn gradient_time(&mut self, campaign: &Campaign) -> Option<Duration> {
        if self.costs.gradient.is_none() {
            let victim = self.victim(campaign).ok()?;
            let losses: Vec<Loss> = campaign.seeds.iter().map(|seed| Loss::Margin(seed.goal)).collect();
            self.costs.gradient =
                timed(campaign, |pictures| victim.gradients(pictures, &losses[..pictures.len()]).is_ok());
        }
        self.costs.gradient
    }

    fn look_time(&mut self, campaign: &Campaign) -> Option<Duration> {
        if self.costs.look.is_none() {
            let guarded = self.guarded().ok()?;
            self.costs.look = timed(campaign, |pictures| guarded.look(pictures).is_ok());
        }
        self.costs.look
    }

    fn question_time(&mut self, campaign: &Campaign) -> Option<Duration> {
        if campaign.level == Level::BlackBox {
            if self.costs.question.is_none() {
                let gateway = self.gateway().ok()?;
                self.costs.question = timed(campaign, |pictures| gateway.ask(pictures).is_ok());
            }
            return self.costs.question;
        }
        if self.costs.own_question.is_none() {
            let mut oracle = LocalOracle::new(self.classifier.clone());
            self.costs.own_question = timed(campaign, |pictures| oracle.ask(pictures).is_ok());
        }
        self.costs.own_question
    }
}

/// Pictures that the time of a piece of work is measured on.
const TIMED: usize = 32;

/// The time of `work` for a picture, once it is warm.
fn timed(campaign: &Campaign, mut work: impl FnMut(&[Picture]) -> bool) -> Option<Duration> {
    let pictures: Vec<Picture> = campaign.seeds.iter().take(TIMED).map(|seed| seed.picture.clone()).collect();
    work(&pictures[..1]);
    let began = Instant::now();
    work(&pictures).then(|| began.elapsed() / pictures.len() as u32)
}

/// Another configured model, which must take the same pictures and know the same classes.
fn surrogate(config: &Config, loader: &Loader, name: &str, victim: &Classifier) -> Result<Classifier> {
    let model = setup::choose(config, Some(name))?;
    let lineup = loader.line_up(model, Known::default()).map_err(|mistakes| setup::mistakes(config, mistakes))?;
    let surrogate = lineup.teacher.with_context(|| format!("surrogate '{name}' has no path"))?;
    let size = |classifier: &Classifier| {
        let input = classifier.input().pictures()?;
        anyhow::Ok((input.height, input.width, input.colour.channels(), classifier.output().classes))
    };
    let (own, expected) = (size(&surrogate)?, size(victim)?);
    if own != expected {
        bail!("surrogate '{name}' takes other pictures or knows other classes: {own:?}, not {expected:?}");
    }
    Ok(surrogate)
}
