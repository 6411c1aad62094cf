//! `portcullis calibrate --auto`: squeezers chosen by what they find of attacks on the user's classifier and pictures.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use portcullis::attack::WhiteBox;
use portcullis::config::{ConfigError, DetectorConfig, DetectorKind, GuardedModel, Located, Location};
use portcullis::data::Sample;
use portcullis::detect::{Panel, scores};
use portcullis::gateway::OfflineTeacher;
use portcullis::model::Classifier;
use portcullis::profile::{CANDIDATES, CandidateScores, InputId, Loader, select};
use portcullis::squeeze::{self, Catalogue, ItemSqueezer, Squeezer};

use super::adversaries::{Adversaries, Trials};
use super::explanation::{Explanation, Material};
use crate::cli::pictures::Watcher;

/// One in so many pictures serves the choice.
const PART: usize = 4;
/// The most and the fewest pictures that the choice is made on.
const MOST: usize = 400;
const FEWEST: usize = 60;
/// One in how many of these is attacked, and how many at most.
const SEEDS_PART: usize = 3;
const MOST_SEEDS: usize = 64;
/// Pictures that the time of squeezing is measured on.
const TIMED: usize = 16;

#[derive(clap::Args)]
pub struct AutoArguments {
    /// Choose the squeezers first, by attacks on a quarter of the pictures, at most 400, that are then not calibrated on.
    /// A table explains the choice; the configuration needs the line below it.
    #[arg(long)]
    auto: bool,
    /// The most squeezed copies that --auto may choose: each is one more prediction for every picture.
    #[arg(long, value_name = "N", default_value = "3", requires = "auto")]
    budget: NonZeroUsize,
}

impl AutoArguments {
    /// The position of the detector whose squeezers are to be chosen; `None` where none are.
    pub fn detector(&self, model: &GuardedModel) -> Result<Option<usize>> {
        if !self.auto {
            return Ok(None);
        }
        let squeezes = |detector: &DetectorConfig| matches!(detector.kind, DetectorKind::FeatureSqueezing { .. });
        let mut found = (0..model.detectors.len()).filter(|&at| squeezes(&model.detectors[at]));
        let name = &model.name.value;
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(Some(only)),
            (None, _) => bail!("model '{name}' has no feature_squeezing to choose for; add it, with any squeezers"),
            (Some(_), Some(_)) => bail!("model '{name}' has several feature_squeezing; --auto can choose for one only"),
        }
    }

    pub fn budget(&self) -> usize {
        self.budget.get()
    }
}

/// What was chosen.
pub struct Choice {
    /// The model's detectors with the chosen squeezers.
    pub detectors: Vec<DetectorConfig>,
    /// The pictures that the choice was made on.
    pub seen: HashSet<InputId>,
    pub explanation: Explanation,
}

/// Everything that a choice needs of the guarded model.
pub struct Chooser<'a> {
    pub loader: &'a Loader,
    pub teacher: &'a OfflineTeacher,
    /// The classifier's file, where there is one to take gradients of.
    pub classifier: Option<&'a Classifier>,
    pub model: &'a GuardedModel,
    /// The position of the detector whose squeezers are chosen.
    pub detector: usize,
}

impl Chooser<'_> {
    /// Takes its part of the `samples`, of which there are about `expected`, and chooses by them.
    pub fn choose(
        &self,
        samples: impl Iterator<Item = Result<Sample>>,
        expected: usize,
        budget: usize,
    ) -> Result<Choice> {
        let part: Vec<Sample> = samples.take((expected / PART).min(MOST)).collect::<Result<_>>()?;
        let (got, needed) = (part.len(), FEWEST * PART);
        ensure!(got >= FEWEST, "--auto needs {needed} benign pictures: a quarter of them chooses, and that is {got}");
        // Whether the classifier reads a picture rightly must not decide what thresholds are set by.
        let (attacked, benign) = part.split_at((got / SEEDS_PART).min(MOST_SEEDS));

        let configured = self.configured();
        let names = candidates(&configured);
        let panel = one_by_one(&names)?;
        let (scores, trials) = self.score(&panel, benign, attacked)?;
        let selection = select(&scores, budget);
        let chosen: Vec<String> = selection.chosen().iter().map(|&candidate| names[candidate].clone()).collect();
        ensure!(!chosen.is_empty(), "no squeezer tells what the attacks made from benign pictures: none is chosen");
        // Another order would be another detector.
        let squeezers = if same(&chosen, &configured) { configured.clone() } else { chosen };
        let squeezers_of_pictures = panel.squeezers().iter().filter_map(ItemSqueezer::of_pictures);
        let times = squeezers_of_pictures.map(|squeezer| time(squeezer, benign)).collect();
        Ok(Choice {
            detectors: self.with(&squeezers),
            seen: part.iter().map(|sample| InputId::from(&sample.picture)).collect(),
            explanation: Explanation::new(
                Material { budget, names, configured, scores, trials, times },
                &selection,
                squeezers,
            ),
        })
    }

    /// What each detector of the panel makes of benign pictures and of attacks on others.
    fn score(&self, panel: &Panel, benign: &[Sample], attacked: &[Sample]) -> Result<(CandidateScores, Trials)> {
        let judge = self.watcher(panel);
        let pictures = benign.iter().map(|sample| Ok(sample.picture.clone()));
        let observed = judge.observe("benign pictures", benign.len(), pictures)?;
        let benign = observed.iter().filter_map(|(_, seen)| scores(panel.detectors(), seen.as_ref()?).ok()).collect();
        let nobody = one_by_one(&[])?;
        let adversaries = Adversaries::new(self.white_box(), self.watcher(&nobody));
        let (trials, attacks) = adversaries.attack(attacked, &judge)?;
        Ok((CandidateScores { benign, attacks }, trials))
    }

    fn watcher<'b>(&'b self, panel: &'b Panel) -> Watcher<'b> {
        Watcher { panel, teacher: self.teacher, workers: &self.loader.workers }
    }

    fn white_box(&self) -> Result<WhiteBox> {
        let classifier = self.classifier.context("the classifier's file is not at hand")?;
        Ok(WhiteBox::open(&self.loader.runtime, classifier)?)
    }

    /// The configured squeezers in their canonical spelling.
    fn configured(&self) -> Vec<String> {
        let DetectorKind::FeatureSqueezing { squeezers, .. } = &self.model.detectors[self.detector].kind else {
            return Vec::new();
        };
        squeezers.iter().filter_map(|name| Some(squeeze::parse(name).ok()?.name())).collect()
    }

    /// The model's detectors, with other squeezers.
    fn with(&self, squeezers: &[String]) -> Vec<DetectorConfig> {
        let mut detectors = self.model.detectors.clone();
        let DetectorConfig { kind, at, .. } = &mut detectors[self.detector];
        if let DetectorKind::FeatureSqueezing { squeezers: configured, .. } = kind {
            *configured = located(squeezers, at);
        }
        detectors
    }
}

/// What is chosen from: the list, and what is configured beyond it.
fn candidates(configured: &[String]) -> Vec<String> {
    let mut names: Vec<String> = CANDIDATES.iter().map(|&name| name.to_owned()).collect();
    for name in configured {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// A panel with a detector for each squeezer.
fn one_by_one(squeezers: &[String]) -> Result<Panel> {
    let detector = |name: &String| {
        let kind = squeezing(std::slice::from_ref(name), &Location::Default);
        DetectorConfig { name: name.clone(), kind, weight: 1.0, at: Location::Default }
    };
    let detectors: Vec<DetectorConfig> = squeezers.iter().map(detector).collect();
    Ok(Panel::new(&Catalogue::Pictures, &detectors, None, Vec::new())
        .map_err(|mistakes| ConfigError::mistakes(None, mistakes))?)
}

fn squeezing(squeezers: &[String], at: &Location) -> DetectorKind {
    DetectorKind::FeatureSqueezing { squeezers: located(squeezers, at), hidden: None }
}

fn located(squeezers: &[String], at: &Location) -> Vec<Located<String>> {
    squeezers.iter().map(|name| Located { value: name.clone(), at: at.clone() }).collect()
}

/// Whether both name the same squeezers, in whatever order.
fn same(chosen: &[String], configured: &[String]) -> bool {
    chosen.len() == configured.len() && chosen.iter().all(|name| configured.contains(name))
}

/// What squeezing a picture takes once it is warm.
fn time(squeezer: &dyn Squeezer, samples: &[Sample]) -> Duration {
    let timed = &samples[..samples.len().min(TIMED)];
    let squeeze = |sample: &Sample| drop(squeezer.squeeze(&sample.picture));
    timed.iter().take(1).for_each(squeeze);
    let began = Instant::now();
    timed.iter().for_each(squeeze);
    began.elapsed() / timed.len().max(1) as u32
}
