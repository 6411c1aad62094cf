//! `portcullis evaluate`

use std::path::PathBuf;

use anyhow::{Result, bail};
use portcullis::data::{AdversarialSet, AttackResult};
use portcullis::detect::{Combination, Observation, Panel, scores};
use portcullis::gateway::lineup_with_profile;
use portcullis::profile::{AttackScores, Evaluation, Profile};
use portcullis::report::Table;
use portcullis::tensor::Picture;

use super::pictures::{self, BenignArguments, Observed, Watcher};
use super::{Common, setup};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    benign: BenignArguments,
    /// Adversarial sets (`x`, `y`, `adv_NAME`, `ok_NAME`).
    #[arg(long, required = true, value_name = "NPZ")]
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
    let used = |picture: &Picture| profile.has_seen(picture) || seeds.contains(&portcullis::profile::PictureId::of(picture));
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
        let fresh: Vec<bool> = set.seeds().iter().map(|seed| !profile.has_seen(&seed.picture)).collect();
        seeds_left_out += fresh.iter().filter(|fresh| !**fresh).count();
        for attack in set.attacks() {
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
    let percent = |share: f64| format!("{:.1}%", share * 100.0);
    let rates: Vec<String> = profile.rates.iter().map(|rate| format!("{}%", rate.target * 100.0)).collect();
    println!("{}: {} benign inputs that were not calibrated on\n", profile.model.name, evaluation.benign_inputs);

    let mut measured = Table::new(&["asked FPR", "measured FPR", "95% interval"]);
    for (asked, rate) in rates.iter().zip(&evaluation.false_positives) {
        let [low, high] = rate.interval;
        measured.row(&[asked.clone(), format!("{:.2}%", rate.rate * 100.0), format!("{:.2}% to {:.2}%", low * 100.0, high * 100.0)]);
    }
    println!("{measured}\n");

    let headings: Vec<String> = ["attack", "examples", "AUC"]
        .map(str::to_owned)
        .into_iter()
        .chain(rates.iter().map(|rate| format!("TPR at {rate}")))
        .chain(rates.iter().skip(1).take(1).map(|rate| format!("95% interval at {rate}")))
        .collect();
    let mut table = Table::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    for attack in &evaluation.attacks {
        let combined = &attack.combined;
        let interval = combined.detected.get(1).map(|rate| format!("{} to {}", percent(rate.interval[0]), percent(rate.interval[1])));
        let cells = [attack.name.clone(), attack.examples.to_string(), format!("{:.3}", combined.auc)];
        let detected = combined.detected.iter().map(|rate| percent(rate.rate));
        table.row(&cells.into_iter().chain(detected).chain(interval).collect::<Vec<_>>());
    }
    println!("{table}\n");

    let headings: Vec<String> = ["detector".to_owned()]
        .into_iter()
        .chain(rates.iter().flat_map(|rate| [format!("worst at {rate}"), format!("mean at {rate}")]))
        .collect();
    let mut summary = Table::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    for detector in &evaluation.summary {
        let cells = detector.rates.iter().flat_map(|rate| [percent(rate.worst), percent(rate.mean)]);
        summary.row(&std::iter::once(detector.name.clone()).chain(cells).collect::<Vec<_>>());
    }
    println!("{summary}");
    if seeds_left_out > 0 {
        println!("{seeds_left_out} seeds were calibrated on and left out; calibrate with --exclude to keep them");
    }
}
