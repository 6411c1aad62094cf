//! `portcullis calibrate`

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use portcullis::config::{Config, GuardedModel};
use portcullis::detect::scores;
use portcullis::profile::{Calibration, Loader, PictureId, Profile, calibrate};
use portcullis::report::{Histogram, Table, svg_to_png};
use serde_json::json;

use super::pictures::{self, BenignArguments, Watcher};
use super::{Common, setup};

/// The false-positive rates that a profile is calibrated for.
const RATES: [f64; 3] = [0.05, 0.01, 0.001];

/// Columns of the histogram where the terminal does not tell its width.
const WIDTH: usize = 80;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    benign: BenignArguments,
    /// The guarded model; not needed where only one is configured.
    #[arg(long)]
    model: Option<String>,
    /// False-positive rates to calibrate for, all of them insisted on; 0.05, 0.01 and 0.001, as far as the data reach,
    /// if not given.
    #[arg(long, value_delimiter = ',', value_parser = rate)]
    fpr: Option<Vec<f64>>,
    /// Adversarial sets, or folders of such, whose seeds must not be calibrated on, so that detection can be measured with
    /// them.
    #[arg(long, value_name = "NPZ")]
    exclude: Vec<PathBuf>,
    /// Where to write the profile; the configured place if not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Where to draw the scores' histogram: FILE.svg or FILE.png.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

pub fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    let config = common.load()?;
    let model = setup::choose(&config, arguments.model.as_deref())?;
    let loader = setup::offline_loader(&config)?;
    let rates = arguments.fpr.as_deref();
    let (profile, calibration) = fit(&config, model, &loader, &arguments.benign, &arguments.exclude, rates)?;
    let path = arguments.out.as_deref().unwrap_or(&model.profile.value);
    save(path, &profile)?;
    if let Some(plot) = &arguments.plot {
        draw(plot, model, &profile)?;
    }
    report(common, model, path, &profile, &calibration);
    Ok(())
}

/// Observes benign pictures that are no seeds of the `exclude`d sets, and makes the model's profile of them. Rates that
/// are given are insisted on.
fn fit(
    config: &Config,
    model: &GuardedModel,
    loader: &Loader,
    benign: &BenignArguments,
    exclude: &[PathBuf],
    rates: Option<&[f64]>,
) -> Result<(Profile, Calibration)> {
    let runtime = setup::small_runtime()?;
    let told = setup::told_by_upstream(config, model, &runtime)?;
    let mut lineup = loader.line_up(model, told).map_err(|mistakes| setup::mistakes(config, mistakes))?;
    let teacher = setup::offline_teacher(config, model, loader, &mut lineup, &runtime)?;

    let dataset = benign.open(&lineup.identity.input)?;
    let excluded = pictures::seeds_of(&pictures::sets_in(exclude)?)?;
    let chosen = benign.read(&dataset, |picture| excluded.contains(&PictureId::of(picture)))?;
    let expected = benign.count.unwrap_or(dataset.len()).min(dataset.len());
    let watcher = Watcher { panel: &lineup.panel, teacher: &teacher, workers: &loader.workers };
    let observed = watcher.observe("calibrating", expected, chosen)?;

    let (mut seen, mut rows, mut left_out) = (Vec::new(), Vec::new(), 0);
    for (id, observation) in observed {
        match observation.and_then(|observation| scores(lineup.panel.detectors(), &observation).ok()) {
            Some(row) => {
                seen.push(id);
                rows.push(row);
            }
            None => left_out += 1,
        }
    }
    let (detectors, plan) = (lineup.detector_weights(), lineup.panel.cascade());
    let calibration = calibrate(&detectors, plan, &rows, rates.unwrap_or(&RATES), rates.is_some())?;
    let profile = Profile::new(lineup.identity, lineup.companions, &calibration, seen, left_out, pictures::now());
    Ok((profile, calibration))
}

/// Writes the profile, making its folder.
fn save(path: &Path, profile: &Profile) -> Result<()> {
    let mut json = serde_json::to_vec(profile).context("cannot serialise the profile")?;
    json.push(b'\n');
    pictures::write(path, &json)
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && rate <= 0.5 => Ok(rate),
        _ => Err("a rate lies above 0 and is at most 0.5".into()),
    }
}

fn histogram<R>(model: &GuardedModel, profile: &Profile, show: impl FnOnce(Histogram<'_>) -> R) -> R {
    let thresholds: Vec<(String, f64)> =
        profile.rates.iter().map(|rate| (format!("{}%", rate.target * 100.0), rate.threshold)).collect();
    let title = format!("{}: combined score of benign inputs", model.name.value);
    show(Histogram {
        title: &title,
        scores: profile.combination.combined.scores(),
        adversarial: &[],
        thresholds: &thresholds,
    })
}

fn draw(path: &Path, model: &GuardedModel, profile: &Profile) -> Result<()> {
    let svg = histogram(model, profile, |histogram| histogram.to_svg())?;
    let bytes = match path.extension().and_then(|extension| extension.to_str()) {
        Some("png") => svg_to_png(&svg)?,
        _ => svg.into_bytes(),
    };
    pictures::write(path, &bytes)
}

fn report(common: &Common, model: &GuardedModel, path: &Path, profile: &Profile, calibration: &Calibration) {
    if common.json {
        let out_of_reach: Vec<String> = calibration.out_of_reach.iter().map(ToString::to_string).collect();
        let summary = json!({
            "model": model.name.value,
            "profile": path,
            "benign_inputs": profile.benign_inputs,
            "left_out": profile.left_out,
            "rates": profile.rates,
            "out_of_reach": out_of_reach,
        });
        println!("{summary}");
        return;
    }
    if std::io::stdout().is_terminal() {
        println!("{}\n", histogram(model, profile, |histogram| histogram.to_terminal(WIDTH)));
    }
    let mut table = Table::with_numbers("asked FPR", ["threshold", "measured FPR", "95% interval", "held-out inputs"]);
    for rate in &profile.rates {
        let percent = |share: f64| format!("{:.2}%", share * 100.0);
        let [low, high] = rate.interval;
        table.row([
            format!("{}%", rate.target * 100.0),
            format!("{:.4}", rate.threshold),
            percent(rate.flagged as f64 / rate.held_out.max(1) as f64),
            format!("{} to {}", percent(low), percent(high)),
            rate.held_out.to_string(),
        ]);
    }
    println!("{table}");
    for error in &calibration.out_of_reach {
        println!("not calibrated: {error}");
    }
    let left_out = match profile.left_out {
        0 => String::new(),
        count => format!(", {count} that could not be examined left out"),
    };
    println!("{} benign inputs{left_out}; profile written to {}", profile.benign_inputs, path.display());
}
