//! `portcullis calibrate`

mod adversaries;
mod auto;
mod explanation;
mod report;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use portcullis::config::{Config, GuardedModel};
use portcullis::detect::{Panel, scores};
use portcullis::profile::{Calibration, Loader, PictureId, Profile, calibrate};
use portcullis::tensor::Picture;

use self::auto::{AutoArguments, Choice, Chooser};
use super::pictures::{self, BenignArguments, Observed, Watcher};
use super::{Common, setup};

/// The false-positive rates that a profile is calibrated for.
const RATES: [f64; 3] = [0.05, 0.01, 0.001];

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    benign: BenignArguments,
    /// The guarded model; not needed where only one is configured.
    #[arg(long)]
    model: Option<String>,
    #[command(flatten)]
    auto: AutoArguments,
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
    let squeezing = arguments.auto.detector(model)?;
    let loader = setup::offline_loader(&config)?;
    let fitted = fit(&config, model, squeezing, &loader, arguments)?;
    let path = arguments.out.as_deref().unwrap_or(&model.profile.value);
    save(path, &fitted.profile)?;
    if let Some(plot) = &arguments.plot {
        report::draw(plot, model, &fitted.profile)?;
    }
    report::report(common, model, path, &fitted);
    Ok(())
}

/// A profile, and how it came about.
struct Fitted {
    profile: Profile,
    calibration: Calibration,
    /// Which squeezers were chosen, if they were.
    choice: Option<Choice>,
}

/// Observes benign pictures that are no seeds of the excluded sets, and makes the model's profile of them. If there is a
/// detector whose squeezers are to be chosen, some of the pictures make that choice first.
fn fit(
    config: &Config,
    model: &GuardedModel,
    squeezing: Option<usize>,
    loader: &Loader,
    arguments: &Arguments,
) -> Result<Fitted> {
    let runtime = setup::small_runtime()?;
    let told = setup::told_by_upstream(config, model, &runtime)?;
    let mut lineup = loader.line_up(model, told).map_err(|mistakes| setup::mistakes(config, mistakes))?;
    let classifier = lineup.teacher.clone();
    let teacher = setup::offline_teacher(config, model, loader, &mut lineup, &runtime)?;

    let benign = &arguments.benign;
    let dataset = benign.open(&lineup.identity.input)?;
    let excluded = pictures::seeds_of(&pictures::sets_in(&arguments.exclude)?)?;
    let mut samples = benign.samples(&dataset, |picture| excluded.contains(&PictureId::of(picture)))?;
    let mut expected = benign.expected(&dataset);

    let mut choice = None;
    if let Some(detector) = squeezing {
        let chooser = Chooser { loader, teacher: &teacher, classifier: classifier.as_ref(), model, detector };
        let chosen = chooser.choose(&mut samples, expected, arguments.auto.budget())?;
        expected -= chosen.seen.len();
        lineup = lineup
            .watched_by(&chosen.detectors, model.cascade.as_ref())
            .map_err(|mistakes| setup::mistakes(config, mistakes))?;
        choice = Some(chosen);
    }
    let chose = |picture: &Picture| choice.iter().any(|choice| choice.seen.contains(&PictureId::of(picture)));
    let left = samples
        .map(|sample| Ok(sample?.picture))
        .filter(|picture| picture.as_ref().map_or(true, |picture| !chose(picture)));
    let watcher = Watcher { panel: &lineup.panel, teacher: &teacher, workers: &loader.workers };
    let observed = watcher.observe("calibrating", expected, left)?;
    let (seen, rows, left_out) = scored(&lineup.panel, observed);

    let rates = arguments.fpr.as_deref();
    let (detectors, plan) = (lineup.detector_weights(), lineup.panel.cascade());
    let calibration = calibrate(&detectors, plan, &rows, rates.unwrap_or(&RATES), rates.is_some())?;
    let profile = Profile::new(lineup.identity, lineup.companions, &calibration, seen, left_out, pictures::now())
        .having_seen(choice.iter().flat_map(|choice| choice.seen.iter().cloned()));
    Ok(Fitted { profile, calibration, choice })
}

/// What could be examined, with its scores, and how many could not.
fn scored(panel: &Panel, observed: Observed) -> (Vec<PictureId>, Vec<Vec<f64>>, usize) {
    let (mut seen, mut rows, mut left_out) = (Vec::new(), Vec::new(), 0);
    for (id, observation) in observed {
        match observation.and_then(|observation| scores(panel.detectors(), &observation).ok()) {
            Some(row) => {
                seen.push(id);
                rows.push(row);
            }
            None => left_out += 1,
        }
    }
    (seen, rows, left_out)
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
