//! `portcullis evaluate`

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use portcullis::data::{AdversarialSet, AttackResult};
use portcullis::detect::{Combination, Observation, Panel, scores};
use portcullis::gateway::lineup_with_profile;
use portcullis::model::InputSpec;
use portcullis::profile::{AttackDetection, AttackScores, Evaluation, PictureId, Profile, Proportion};
use portcullis::report::Table;
use portcullis::tensor::Picture;

use super::pictures::{self, BenignArguments, Observed, Watcher};
use super::{Common, setup};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    benign: BenignArguments,
    /// Adversarial sets (`x`, `y`, `adv_NAME`, `ok_NAME`); without one only false positives are measured.
    #[arg(long, value_name = "NPZ")]
    adversarial: Vec<PathBuf>,
    /// The guarded model; not needed where only one is configured.
    #[arg(long)]
    model: Option<String>,
}

pub fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    let config = common.load()?;
    let model = setup::choose(&config, arguments.model.as_deref())?;
    let loader = setup::offline_loader(&config)?;
    let runtime = setup::small_runtime()?;
    let (mut lineup, profile) =
        lineup_with_profile(model, &loader).map_err(|mistakes| setup::mistakes(&config, mistakes))?;
    let teacher = setup::offline_teacher(&config, model, &loader, &mut lineup, &runtime)?;
    let watcher = Watcher { panel: &lineup.panel, teacher: &teacher, workers: &loader.workers };

    let dataset = arguments.benign.open(&lineup.identity.input)?;
    let seeds = pictures::seeds_of(&arguments.adversarial)?;
    let used = |picture: &Picture| profile.has_seen(picture) || seeds.contains(&PictureId::of(picture));
    let benign = arguments.benign.read(&dataset, used)?;
    let left = dataset.len().saturating_sub(profile.benign_inputs);
    let observed = watcher.observe("benign inputs", arguments.benign.count.unwrap_or(left).min(left), benign)?;
    let benign = rows(&lineup.panel, &profile.combination, &observed);
    if benign.is_empty() {
        bail!("no benign input is left that was not calibrated on; calibrate on fewer with --count");
    }

    let mut attacks = Vec::new();
    let mut seeds_left_out = 0;
    for path in &arguments.adversarial {
        let set = AdversarialSet::open(path)?;
        check_shape(path, &set, &lineup.identity.input)?;
        let fresh: Vec<bool> = set.seeds().iter().map(|seed| !profile.has_seen(&seed.picture)).collect();
        seeds_left_out += fresh.iter().filter(|fresh| !**fresh).count();
        for attack in set.results() {
            let pictures = successful(attack, &fresh);
            let observed = watcher.observe(&attack.name, pictures.len(), pictures.into_iter().map(Ok))?;
            let rows = rows(&lineup.panel, &profile.combination, &observed);
            attacks.push(AttackScores { name: attack.name.clone(), rows });
        }
    }
    let evaluation = Evaluation::new(&profile, &benign, &attacks);
    if common.json {
        println!("{}", serde_json::to_string_pretty(&evaluation)?);
    } else {
        show(&profile, &evaluation, seeds_left_out);
    }
    Ok(())
}

/// Refuses pictures that would have to be resized: what an attack made of them would not survive it.
fn check_shape(path: &Path, set: &AdversarialSet, input: &InputSpec) -> Result<()> {
    let Some(picture) = set.seeds().first().map(|seed| &seed.picture) else { return Ok(()) };
    let actual = (picture.height(), picture.width(), picture.channels());
    let expected = (input.height, input.width, input.colour.channels());
    let show = |(height, width, channels): (usize, usize, usize)| format!("{height}x{width}x{channels}");
    if actual != expected {
        bail!(
            "{} was made for another model: its pictures are {}, the model's {}",
            path.display(),
            show(actual),
            show(expected)
        );
    }
    Ok(())
}

/// The adversarial examples that fooled the classifier and whose seeds were not calibrated on.
fn successful(attack: &AttackResult, fresh: &[bool]) -> Vec<Picture> {
    let chosen = attack.pictures.iter().zip(&attack.successful).zip(fresh);
    chosen.filter(|((_, fooled), fresh)| **fooled && **fresh).map(|((picture, _), _)| picture.clone()).collect()
}

/// Scores of each detector, then the combined one, a row an input.
fn rows(panel: &Panel, combination: &Combination, observed: &Observed) -> Vec<Vec<f64>> {
    let row = |observation: &Observation| {
        let mut row = scores(panel.detectors(), observation).ok()?;
        row.push(combination.weigh(panel.detectors(), observation).ok()?.1);
        Some(row)
    };
    observed.iter().filter_map(|(_, observation)| row(observation.as_ref()?)).collect()
}

fn show(profile: &Profile, evaluation: &Evaluation, seeds_left_out: usize) {
    let rates: Vec<String> = profile.rates.iter().map(|rate| format!("{}%", rate.target * 100.0)).collect();
    println!("{}: {} benign inputs that were not calibrated on\n", profile.model.name, evaluation.benign_inputs);
    println!("{}\n", false_positives(evaluation, &rates));
    if !evaluation.attacks.is_empty() {
        println!("{}\n", by_attack(evaluation, &rates));
        println!("{}", by_detector(evaluation, &rates));
    }
    if seeds_left_out > 0 {
        println!("{seeds_left_out} seeds were calibrated on and left out; calibrate with --exclude to keep them");
    }
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

fn interval(rate: &Proportion) -> String {
    format!("{:.2}% to {:.2}%", rate.interval[0] * 100.0, rate.interval[1] * 100.0)
}

fn false_positives(evaluation: &Evaluation, rates: &[String]) -> Table {
    let mut table = Table::with_numbers("asked FPR", ["measured FPR", "95% interval"]);
    for (asked, rate) in rates.iter().zip(&evaluation.false_positives) {
        table.row([asked.clone(), format!("{:.2}%", rate.rate * 100.0), interval(rate)]);
    }
    table
}

/// The attacks, the one that is detected least first.
fn by_attack(evaluation: &Evaluation, rates: &[String]) -> Table {
    let per_rate = rates.iter().flat_map(|rate| [format!("TPR at {rate}"), "95% interval".to_owned()]);
    let headings = ["examples".to_owned(), "AUC".to_owned()].into_iter().chain(per_rate);
    let mut table = Table::with_numbers("attack", headings);
    for AttackDetection { name, examples, combined, .. } in &evaluation.attacks {
        let cells = [name.clone(), examples.to_string(), format!("{:.3}", combined.auc)];
        let detected = combined.detected.iter().flat_map(|rate| [percent(rate.rate), interval(rate)]);
        table.row(cells.into_iter().chain(detected));
    }
    table
}

/// The worst and the mean attack for the combination and for each detector alone.
fn by_detector(evaluation: &Evaluation, rates: &[String]) -> Table {
    let per_rate = rates.iter().flat_map(|rate| [format!("worst at {rate}"), format!("mean at {rate}")]);
    let mut table = Table::with_numbers("detector", per_rate);
    for detector in &evaluation.summary {
        let cells = detector.rates.iter().flat_map(|rate| [percent(rate.worst), percent(rate.mean)]);
        table.row(std::iter::once(detector.name.clone()).chain(cells));
    }
    table
}
