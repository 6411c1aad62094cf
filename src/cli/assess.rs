//! What commands that measure detection have in common: inputs judged, and the report published.

use std::path::Path;

use anyhow::Result;
use portcullis::attack::Goal;
use portcullis::data::Sample;
use portcullis::detect::{Observation, Part, scores};
use portcullis::profile::{InputId, Profile};
use portcullis::report::{Assessment, BenignOutcome, Distortion, Effort, Exhibit, Outcome, TextExhibit, Trial};
use portcullis::tensor::{Item, Picture};

use super::Common;
use super::pictures::{self, Watcher};
use super::texts::set::AdversarialText;

/// Pictures of an attack that are kept for the page.
const EXHIBITS: usize = 3;

/// What an attack made of its seeds.
pub struct Made {
    pub pictures: Vec<Picture>,
    /// What it was after; nothing where it is known to have come to nothing.
    pub goals: Vec<Option<Goal>>,
    pub queries: Option<Vec<usize>>,
    /// Whether pixels were moved instead of changed.
    pub moves_pixels: bool,
    /// The largest L2 distance at which a goal counts as reached, where reaching it is no feat.
    pub within: Option<f64>,
}

/// Names of the classes; their numbers where nobody named them.
pub fn class_names(named: Option<&[String]>, classes: usize) -> Vec<String> {
    let named = named.unwrap_or_default();
    (0..classes).map(|class| named.get(class).cloned().unwrap_or_else(|| format!("class {class}"))).collect()
}

/// Who tells what classifier and detectors make of pictures.
pub struct Judge<'a> {
    pub watcher: &'a Watcher<'a>,
    pub profile: &'a Profile,
    pub classes: &'a [String],
}

impl Judge<'_> {
    /// What becomes of benign inputs.
    pub fn benign<I: Into<Item>>(&self, items: Vec<I>) -> Result<Vec<BenignOutcome>> {
        let observed = self.watcher.observe("benign inputs", items.len(), items.into_iter().map(Ok))?;
        let outcome = |seen: &Observation| {
            let kept = self.consensus(seen).map(|class| class == seen.original.top().0);
            Some(BenignOutcome { scores: self.row(seen)?, kept, effort: self.effort(seen)? })
        };
        Ok(observed.iter().filter_map(|(_, observation)| outcome(observation.as_ref()?)).collect())
    }

    /// What became of what an attack made; `labels` are level, attack and definition.
    pub fn trial(&self, labels: [String; 3], seeds: &[Sample], made: &Made) -> Result<Trial> {
        let [level, attack, definition] = labels;
        let observed = self.watcher.observe("judging", made.pictures.len(), made.pictures.iter().cloned().map(Ok))?;
        let mut outcomes = Vec::with_capacity(seeds.len());
        let mut exhibits: Vec<Exhibit> = Vec::new();
        let threshold = self.first_threshold();
        for (index, (_, observation)) in observed.iter().enumerate() {
            let (seed, picture) = (&seeds[index], &made.pictures[index]);
            let reading = observation.as_ref().map(|seen| seen.original.top());
            let distortion = Distortion::between(&seed.picture, picture);
            let is_near = made.within.is_none_or(|within| distortion.l2 <= within);
            let is_reached = reading.zip(made.goals[index]).is_some_and(|((class, _), goal)| goal.is_reached(class));
            let outcome = Outcome {
                seed: index,
                fooled: is_reached && is_near,
                scores: observation.as_ref().and_then(|seen| self.row(seen)),
                distortion: (!made.moves_pixels).then_some(distortion),
                restored: observation
                    .as_ref()
                    .zip(seed.label)
                    .and_then(|(seen, label)| Some(self.consensus(seen)? == label)),
                queries: made.queries.as_ref().map(|queries| queries[index]),
            };
            if let Some((class, confidence)) = reading.filter(|_| outcome.gets_through(threshold)) {
                exhibits.push(Exhibit {
                    original: seed.picture.clone(),
                    adversarial: picture.clone(),
                    attack: format!("{level} {attack}").trim_start().to_owned(),
                    truth: seed.label.map_or_else(String::new, |label| self.name(label)),
                    reading: self.name(class),
                    confidence,
                    refused: false,
                });
                exhibits.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
                exhibits.truncate(EXHIBITS);
            }
            outcomes.push(outcome);
        }
        Ok(Trial { level, attack, definition, outcomes, exhibits, texts: Vec::new() })
    }

    /// What became of texts that an attack made; `labels` are level, attack and definition.
    pub fn trial_of_texts(&self, labels: [String; 3], made: &[AdversarialText]) -> Result<Trial> {
        let [level, attack, definition] = labels;
        let observed = self.watcher.observe("judging", made.len(), made.iter().map(|made| Ok(made.text.clone())))?;
        let outcome = |((seed, made), (_, seen)): ((usize, &AdversarialText), &(InputId, Option<Observation>))| {
            let seen = seen.as_ref();
            Outcome {
                seed,
                fooled: seen.is_some_and(|seen| made.goal().is_reached(seen.original.top().0)),
                scores: seen.and_then(|seen| self.row(seen)),
                distortion: None,
                restored: seen.and_then(|seen| Some(self.consensus(seen)? == made.label)),
                queries: Some(made.queries),
            }
        };
        let outcomes: Vec<Outcome> = made.iter().enumerate().zip(&observed).map(outcome).collect();
        let readings = observed.iter().map(|(_, seen)| Some(seen.as_ref()?.original.top()));
        let texts = self.strongest(made.iter().zip(readings).zip(&outcomes));
        Ok(Trial { level, attack, definition, outcomes, exhibits: Vec::new(), texts })
    }

    /// The texts that get through of which the classifier is surest.
    fn strongest<'t>(
        &self,
        judged: impl Iterator<Item = ((&'t AdversarialText, Option<(usize, f64)>), &'t Outcome)>,
    ) -> Vec<TextExhibit> {
        let through = judged.filter(|(_, outcome)| outcome.gets_through(self.first_threshold()));
        let exhibit = |((made, reading), _): ((&AdversarialText, Option<(usize, f64)>), _)| {
            let (class, confidence) = reading?;
            Some(TextExhibit {
                seed: made.seed.clone(),
                text: made.text.clone(),
                truth: self.name(made.label),
                reading: self.name(class),
                confidence,
            })
        };
        let mut texts: Vec<TextExhibit> = through.filter_map(exhibit).collect();
        texts.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
        texts.truncate(EXHIBITS);
        texts
    }

    /// The threshold of the profile's first rate, which flags most.
    fn first_threshold(&self) -> f64 {
        self.profile.rates.first().map_or(f64::INFINITY, |rate| rate.threshold)
    }

    /// The class that squeezed copies and students together read.
    fn consensus(&self, observation: &Observation) -> Option<usize> {
        Some(self.watcher.panel.consensus(observation)?.top().0)
    }

    fn name(&self, class: usize) -> String {
        self.classes.get(class).cloned().unwrap_or_else(|| format!("class {class}"))
    }

    /// What the gateway would have asked.
    fn effort(&self, observation: &Observation) -> Option<Effort> {
        let panel = self.watcher.panel;
        let asks_on = self.profile.combination.asks_on(panel.detectors(), observation).ok()?;
        let parts = if asks_on { &[Part::First, Part::Rest][..] } else { &[Part::First] };
        let sum = |count: &dyn Fn(Part) -> usize| parts.iter().map(|&part| count(part)).sum::<usize>() as f64;
        Some(Effort {
            copies: sum(&|part| panel.squeezers_of(part).len()),
            companions: sum(&|part| panel.companions_of(part).len()),
        })
    }

    /// Scores of each detector, then the combined one.
    fn row(&self, observation: &Observation) -> Option<Vec<f64>> {
        let mut row = scores(self.watcher.panel.detectors(), observation).ok()?;
        row.push(self.profile.combination.score(&row));
        Some(row)
    }
}

/// Prints the report, and writes it as page and JSON into the folder, if there is one.
pub fn publish(common: &Common, assessment: &Assessment, folder: Option<&Path>) -> Result<()> {
    let json = serde_json::to_string_pretty(assessment)?;
    let page = folder.map(|folder| folder.join("report.html"));
    if let (Some(page), Some(folder)) = (&page, folder) {
        let made = format!("Portcullis {}, {}", env!("CARGO_PKG_VERSION"), pictures::now());
        pictures::write(page, assessment.to_html(&made)?.as_bytes())?;
        pictures::write(&folder.join("report.json"), json.as_bytes())?;
    }
    if common.json {
        println!("{json}");
        return Ok(());
    }
    println!("{}: held against {} benign inputs\n", assessment.model, assessment.benign);
    if let Some(worst) = assessment.worst() {
        println!("{worst}\n");
        println!("{}\n", assessment.by_attack());
        println!("{}\n", assessment.by_detector());
        println!("{}\n", assessment.by_cost());
        if let Some(restored) = assessment.by_restoration() {
            println!("{restored}\n");
        }
    }
    println!("{}", assessment.false_positives());
    println!("\nextra predictions for a benign input: {}", assessment.effort);
    for (attack, reason) in &assessment.not_made {
        println!("\nnot made: {attack}: {reason}");
    }
    if let Some(page) = page {
        println!("\ncurves and what gets through: {}", page.display());
    }
    Ok(())
}
