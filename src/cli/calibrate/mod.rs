//! `portcullis calibrate`

mod adversaries;
mod auto;
mod explanation;
mod pictures;
mod report;
mod texts;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use portcullis::config::{Config, DetectorConfig, GuardedModel};
use portcullis::detect::{Panel, scores};
use portcullis::gateway::OfflineTeacher;
use portcullis::model::InputSpec;
use portcullis::profile::{Calibration, InputId, Known, Lineup, Loader, Profile, calibrate};
use portcullis::squeeze::Catalogue;
use portcullis::squeeze::text::Vocabulary;
use portcullis::tensor::Item;

use self::auto::{AutoArguments, Choice};
use super::pictures::{self as files, BenignArguments, Observed, Watcher};
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
    /// Messages whose words the squeezers of text may know; if not given, a third of the benign ones, which then do not
    /// calibrate. Those that the classifier was trained on will do.
    #[arg(long, value_name = "PATH")]
    words: Option<PathBuf>,
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

/// What was observed of benign inputs, and what was learnt before from inputs that are set aside.
struct Observations {
    lineup: Lineup,
    observed: Observed,
    set_aside: HashSet<InputId>,
    vocabulary: Arc<Vocabulary>,
    choice: Option<Choice>,
}

/// What observing takes.
struct Bench<'a> {
    config: &'a Config,
    model: &'a GuardedModel,
    loader: &'a Loader,
    teacher: &'a OfflineTeacher,
    arguments: &'a Arguments,
}

/// Observes benign inputs that are no seeds of the excluded sets, and makes the model's profile of them.
fn fit(
    config: &Config,
    model: &GuardedModel,
    squeezing: Option<usize>,
    loader: &Loader,
    arguments: &Arguments,
) -> Result<Fitted> {
    let runtime = setup::small_runtime()?;
    let signature = setup::told_by_upstream(config, model, &runtime)?;
    let known = Known { signature, ..Known::default() };
    let mut lineup = loader.line_up(model, known).map_err(|mistakes| setup::mistakes(config, mistakes))?;
    let classifier = lineup.teacher.clone();
    let teacher = &setup::offline_teacher(config, model, loader, &mut lineup, &runtime)?;
    let bench = Bench { config, model, loader, teacher, arguments };
    let observations = match lineup.identity.input.clone() {
        InputSpec::Picture(input) => pictures::observe(&bench, lineup, &input, classifier.as_ref(), squeezing)?,
        InputSpec::Text(_) | InputSpec::Tokens(_) => texts::observe(&bench, lineup, classifier.as_ref(), squeezing)?,
    };
    let Observations { lineup, observed, set_aside, vocabulary, choice } = observations;
    let (seen, rows, left_out) = scored(&lineup.panel, observed);

    let rates = arguments.fpr.as_deref();
    let (detectors, plan) = (lineup.detector_weights(), lineup.panel.cascade());
    let calibration = calibrate(&detectors, plan, &rows, rates.unwrap_or(&RATES), rates.is_some())?;
    let profile = Profile::new(lineup.identity, lineup.companions, &calibration, seen, left_out, files::now())
        .having_seen(set_aside)
        .knowing(Arc::unwrap_or_clone(vocabulary));
    Ok(Fitted { profile, calibration, choice })
}

impl Bench<'_> {
    /// Observes what is left of the benign inputs, of which there are about `expected`.
    fn observe<I: Into<Item>>(
        &self,
        lineup: &Lineup,
        expected: usize,
        items: impl Iterator<Item = Result<I>>,
    ) -> Result<Observed> {
        let watcher = Watcher { panel: &lineup.panel, teacher: self.teacher, workers: &self.loader.workers };
        watcher.observe("calibrating", expected, items)
    }

    /// The same models under other detectors, or under squeezers that know words.
    fn watched_by(&self, lineup: Lineup, catalogue: &Catalogue, detectors: &[DetectorConfig]) -> Result<Lineup> {
        let lineup = lineup.watched_by(catalogue, detectors, self.model.cascade.as_ref());
        Ok(lineup.map_err(|mistakes| setup::mistakes(self.config, mistakes))?)
    }
}

/// What could be examined, with its scores, and how many could not.
fn scored(panel: &Panel, observed: Observed) -> (Vec<InputId>, Vec<Vec<f64>>, usize) {
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
    files::write(path, &json)
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && rate <= 0.5 => Ok(rate),
        _ => Err("a rate lies above 0 and is at most 0.5".into()),
    }
}
