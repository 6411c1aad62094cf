//! `portcullis evaluate`

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use portcullis::attack::Goal;
use portcullis::data::{AdversarialSet, AttackResult, Sample};
use portcullis::gateway::lineup_with_profile;
use portcullis::model::{InputSpec, PictureSpec};
use portcullis::profile::{InputId, Profile};
use portcullis::report::{Assessment, BenignOutcome, Trial};
use portcullis::tensor::{Depth, Kind, Picture};

use super::assess::{self, Judge, Made};
use super::pictures::{self, BenignArguments, Watcher};
use super::sets::sets_in;
use super::texts::{self, set};
use super::{Common, setup};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    benign: BenignArguments,
    /// Adversarial sets (`x`, `y`, `adv_NAME`, `ok_NAME`; JSON lines for texts), or folders of such, as `redteam` makes
    /// them; without one only false positives are measured.
    #[arg(long, value_name = "SET")]
    adversarial: Vec<PathBuf>,
    /// A folder for the report as page and JSON.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
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

    let bench = Bench { watcher: &watcher, profile: &profile, arguments };
    let measured = match &lineup.identity.input {
        InputSpec::Picture(input) => bench.pictures(input)?,
        InputSpec::Text(_) | InputSpec::Tokens(_) => bench.texts()?,
    };
    let Measured { benign, trials, seeds_left_out } = measured;
    let assessment = Assessment::new(&profile, &benign, trials, Vec::new());
    assess::publish(common, &assessment, arguments.out.as_deref())?;
    if seeds_left_out > 0 && !common.json {
        println!("{seeds_left_out} seeds were calibrated on and left out; calibrate with --exclude to keep them");
    }
    Ok(())
}

/// What measuring takes.
struct Bench<'a> {
    watcher: &'a Watcher<'a>,
    profile: &'a Profile,
    arguments: &'a Arguments,
}

/// What is held against the profile.
struct Measured {
    benign: Vec<BenignOutcome>,
    trials: Vec<Trial>,
    seeds_left_out: usize,
}

impl Bench<'_> {
    fn judge<'b>(&'b self, classes: &'b [String]) -> Judge<'b> {
        Judge { watcher: self.watcher, profile: self.profile, classes }
    }

    fn pictures(&self, input: &PictureSpec) -> Result<Measured> {
        let (profile, arguments) = (self.profile, self.arguments);
        let dataset = arguments.benign.open(input)?;
        let classes = assess::class_names(dataset.classes().as_deref(), profile.model.output.classes);
        let judge = self.judge(&classes);
        let sets = sets_in(&arguments.adversarial, Kind::Picture)?;
        let seeds = pictures::seeds_of(&sets)?;
        let used = |picture: &Picture| profile.has_seen(picture) || seeds.contains(&InputId::from(picture));
        let benign = judge.benign(arguments.benign.read(&dataset, used)?.collect::<Result<Vec<_>>>()?)?;
        if benign.is_empty() {
            bail!("no benign input is left that was not calibrated on; calibrate on fewer with --count");
        }
        let (mut trials, mut seeds_left_out) = (Vec::new(), 0);
        let mut numbers: HashMap<InputId, usize> = HashMap::new();
        for path in &sets {
            let set = AdversarialSet::open(path)?;
            check_shape(path, &set, input)?;
            let is_fresh: Vec<bool> = set.seeds().iter().map(|seed| !profile.has_seen(&seed.picture)).collect();
            seeds_left_out += is_fresh.iter().filter(|is_fresh| !**is_fresh).count();
            let seeds = labelled(fresh(set.seeds(), &is_fresh), self.watcher)?;
            for result in set.results() {
                let made = Made {
                    pictures: fresh(&result.pictures, &is_fresh),
                    goals: goals(&seeds, result, &is_fresh),
                    queries: None,
                    moves_pixels: false,
                    within: None,
                };
                let mut trial = judge.trial([String::new(), result.name.clone(), String::new()], &seeds, &made)?;
                for (outcome, seed) in trial.outcomes.iter_mut().zip(&seeds) {
                    let next = numbers.len();
                    outcome.seed = *numbers.entry(InputId::from(&seed.picture)).or_insert(next);
                }
                trials.push(trial);
            }
        }
        Ok(Measured { benign, trials, seeds_left_out })
    }

    fn texts(&self) -> Result<Measured> {
        let (profile, arguments) = (self.profile, self.arguments);
        let messages = texts::read(&arguments.benign.data)?;
        let sets = sets_in(&arguments.adversarial, Kind::Text)?;
        let seeds = texts::seeds_of(&sets)?;
        let used = |text: &str| profile.has_seen(text) || seeds.contains(&InputId::from(text));
        let benign = texts::choose(&messages, &arguments.benign, used)?;
        let classes = assess::class_names(messages.classes(), profile.model.output.classes);
        let judge = self.judge(&classes);
        let benign = judge.benign(benign.into_iter().map(|message| message.text).collect())?;
        let (mut trials, mut seeds_left_out) = (Vec::new(), 0);
        let mut numbers: HashMap<String, usize> = HashMap::new();
        for path in &sets {
            let (fresh, seen): (Vec<_>, Vec<_>) =
                set::read(path)?.into_iter().partition(|made| !profile.has_seen(made.seed.as_str()));
            seeds_left_out += seen.len();
            let Some(first) = fresh.first() else { continue };
            let labels = [first.level.clone(), first.attack.clone(), String::new()];
            let mut trial = judge.trial_of_texts(labels, &fresh)?;
            for (outcome, made) in trial.outcomes.iter_mut().zip(fresh) {
                let next = numbers.len();
                outcome.seed = *numbers.entry(made.seed).or_insert(next);
            }
            trials.push(trial);
        }
        Ok(Measured { benign, trials, seeds_left_out })
    }
}

/// Refuses pictures that would have to be resized: what an attack made of them would not survive it.
fn check_shape(path: &Path, set: &AdversarialSet, input: &PictureSpec) -> Result<()> {
    let Some(picture) = set.seeds().first().map(|seed| &seed.picture) else { return Ok(()) };
    let actual = (picture.height(), picture.width(), picture.channels(), picture.depth());
    let expected = (input.height, input.width, input.colour.channels(), input.depth);
    let show = |(height, width, channels, depth): (usize, usize, usize, Depth)| match depth {
        Depth::EIGHT_BITS => format!("{height}x{width}x{channels}"),
        depth => format!("{height}x{width}x{channels} of {} levels", depth.levels()),
    };
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

/// Those whose seeds were not calibrated on.
fn fresh<T: Clone>(all: &[T], is_fresh: &[bool]) -> Vec<T> {
    all.iter().zip(is_fresh).filter(|(_, is_fresh)| **is_fresh).map(|(one, _)| one.clone()).collect()
}

/// The seeds with their labels; where the set has none, with what the classifier reads.
fn labelled(mut seeds: Vec<Sample>, watcher: &Watcher) -> Result<Vec<Sample>> {
    if seeds.iter().any(|seed| seed.label.is_none()) {
        let observed = watcher.observe("seeds", seeds.len(), seeds.iter().map(|seed| Ok(seed.picture.clone())))?;
        for (seed, (_, observation)) in seeds.iter_mut().zip(observed) {
            seed.label = seed.label.or(observation.map(|seen| seen.original.top().0));
        }
    }
    Ok(seeds)
}

/// What an attack was after, where the set says that it succeeded.
fn goals(seeds: &[Sample], result: &AttackResult, is_fresh: &[bool]) -> Vec<Option<Goal>> {
    let successful = fresh(&result.successful, is_fresh);
    seeds.iter().zip(successful).map(|(seed, successful)| Some(Goal::Not(seed.label.filter(|_| successful)?))).collect()
}
