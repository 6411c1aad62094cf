//! `portcullis calibrate --auto`: squeezers chosen by what they find of attacks on the user's classifier and inputs.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use portcullis::config::{ConfigError, DetectorConfig, DetectorKind, GuardedModel, Located, Location};
use portcullis::detect::{Panel, scores};
use portcullis::gateway::OfflineTeacher;
use portcullis::profile::{CandidateScores, InputId, Loader, select};
use portcullis::squeeze::{Catalogue, ItemSqueezer};
use portcullis::tensor::Item;

use super::adversaries::Adversaries;
use super::explanation::{Explanation, Material};
use crate::cli::pictures::Watcher;

/// One in so many inputs serves the choice.
const PART: usize = 4;
/// The most and the fewest inputs that the choice is made on.
const MOST: usize = 400;
const FEWEST: usize = 60;
/// Inputs that are attacked at most.
pub const MOST_SEEDS: usize = 64;
/// Inputs that the time of squeezing is measured on.
const TIMED: usize = 16;

#[derive(clap::Args)]
pub struct AutoArguments {
    /// Choose the squeezers first, by attacks on pictures or messages. A quarter of the benign ones, at most 400, are then not calibrated on.
    /// A table explains the choice; the configuration needs the line below it.
    #[arg(long)]
    auto: bool,
    /// The most squeezed copies that --auto may choose: each is one more prediction for every input.
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
    /// The inputs that the choice was made on.
    pub seen: HashSet<InputId>,
    pub explanation: Explanation,
}

/// Everything that a choice needs of the guarded model.
pub struct Chooser<'a> {
    pub loader: &'a Loader,
    pub teacher: &'a OfflineTeacher,
    pub model: &'a GuardedModel,
    /// The position of the detector whose squeezers are chosen.
    pub detector: usize,
}

impl Chooser<'_> {
    /// Of about `expected` inputs as many as serve the choice.
    ///
    /// # Errors
    /// When these are too few.
    pub fn part(expected: usize, input: &str) -> Result<usize> {
        let (part, needed) = ((expected / PART).min(MOST), FEWEST * PART);
        ensure!(part >= FEWEST, "--auto needs {needed} benign {input}s: a quarter of them chooses, and that is {part}");
        Ok(part)
    }

    /// Chooses by what is benign and what attackers make of others.
    pub fn choose<A: Adversaries>(
        &self,
        adversaries: &A,
        benign: &[A::Sample],
        attacked: &[A::Sample],
        budget: usize,
    ) -> Result<Choice> {
        let catalogue = adversaries.catalogue();
        let configured = self.configured(&catalogue);
        let names = candidates(adversaries.candidates(), &configured);
        let panel = self.one_by_one(&names, &catalogue)?;
        let judge = self.watcher(&panel);
        let items: Vec<Item> = benign.iter().map(A::item).collect();
        let observed = judge.observe(&format!("benign {}s", A::INPUT), items.len(), items.iter().cloned().map(Ok))?;
        let rows = observed.iter().filter_map(|(_, seen)| scores(panel.detectors(), seen.as_ref()?).ok()).collect();
        let mut trials = adversaries.attack(attacked, &judge)?;
        let scores = CandidateScores { benign: rows, attacks: std::mem::take(&mut trials.rows) };
        let selection = select(&scores, budget);
        let chosen: Vec<String> = selection.chosen().iter().map(|&candidate| names[candidate].clone()).collect();
        let input = A::INPUT;
        ensure!(!chosen.is_empty(), "no squeezer tells what the attacks made from benign {input}s: none is chosen");
        // Another order would be another detector.
        let squeezers = if same(&chosen, &configured) { configured.clone() } else { chosen };
        let times = panel.squeezers().iter().map(|squeezer| time(squeezer, &items)).collect();
        let material = Material { input, budget, names, configured, scores, trials, times };
        Ok(Choice {
            detectors: self.with(&squeezers),
            seen: items.iter().chain(&attacked.iter().map(A::item).collect::<Vec<_>>()).map(InputId::from).collect(),
            explanation: Explanation::new(material, &selection, squeezers),
        })
    }

    /// Who asks the teacher, for what `panel` looks at.
    pub fn watcher<'b>(&'b self, panel: &'b Panel) -> Watcher<'b> {
        Watcher { panel, teacher: self.teacher, workers: &self.loader.workers }
    }

    /// The class that attacks hide, where only that counts.
    pub fn hidden(&self) -> Option<usize> {
        match &self.model.detectors[self.detector].kind {
            DetectorKind::FeatureSqueezing { hidden, .. } => hidden.as_ref().map(|hidden| hidden.value),
            _ => None,
        }
    }

    /// The configured squeezers in their canonical spelling.
    fn configured(&self, catalogue: &Catalogue) -> Vec<String> {
        let DetectorKind::FeatureSqueezing { squeezers, .. } = &self.model.detectors[self.detector].kind else {
            return Vec::new();
        };
        squeezers.iter().filter_map(|name| Some(catalogue.parse(&name.value).ok()?.name())).collect()
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

    /// A panel with a detector for each squeezer.
    fn one_by_one(&self, squeezers: &[String], catalogue: &Catalogue) -> Result<Panel> {
        let detector = |name: &String| {
            let squeezers = located(std::slice::from_ref(name), &Location::Default);
            let hidden = self.hidden().map(|value| Located { value, at: Location::Default });
            let kind = DetectorKind::FeatureSqueezing { squeezers, hidden };
            DetectorConfig { name: name.clone(), kind, weight: 1.0, at: Location::Default }
        };
        panel(&squeezers.iter().map(detector).collect::<Vec<_>>(), catalogue)
    }
}

/// Nobody who looks at anything.
pub fn nobody() -> Result<Panel> {
    panel(&[], &Catalogue::Pictures)
}

fn panel(detectors: &[DetectorConfig], catalogue: &Catalogue) -> Result<Panel> {
    Ok(Panel::new(catalogue, detectors, None, Vec::new()).map_err(|mistakes| ConfigError::mistakes(None, mistakes))?)
}

/// What is chosen from: the list, and what is configured beyond it.
fn candidates(list: &[&str], configured: &[String]) -> Vec<String> {
    let mut names: Vec<String> = list.iter().map(|&name| name.to_owned()).collect();
    for name in configured {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

fn located(squeezers: &[String], at: &Location) -> Vec<Located<String>> {
    squeezers.iter().map(|name| Located { value: name.clone(), at: at.clone() }).collect()
}

/// Whether both name the same squeezers, in whatever order.
fn same(chosen: &[String], configured: &[String]) -> bool {
    chosen.len() == configured.len() && chosen.iter().all(|name| configured.contains(name))
}

/// What squeezing an input takes once it is warm.
fn time(squeezer: &ItemSqueezer, items: &[Item]) -> Duration {
    let timed = &items[..items.len().min(TIMED)];
    let squeeze = |item: &Item| drop(squeezer.squeeze(item));
    timed.iter().take(1).for_each(squeeze);
    let began = Instant::now();
    timed.iter().for_each(squeeze);
    began.elapsed() / timed.len().max(1) as u32
}
