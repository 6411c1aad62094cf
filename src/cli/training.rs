//! What `distill` and `train` share: the pictures, the plan, the progress, the files that come of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use portcullis::data::{DataError, Dataset, Format, Options, Split, split};
use portcullis::model::{Classifier, OnnxModel, PictureSpec};
use portcullis::profile::Loader;
use portcullis::report::{Curve, LearningCurves, Panel, svg_to_png};
use portcullis::tensor::Picture;
use portcullis::train::{
    Accelerator, Adversary, Architecture, Augment, Contract, Epoch, Event, Examples, Front, Method, Objective, Plan,
    Robust, Size, Supervision, TrainError, Trained, train,
};

use super::card::Card;
use super::{Common, pictures};

/// Where an interrupted training goes on from.
const CHECKPOINT: &str = "training.checkpoint";
/// Times that each picture is seen, if nothing is said. A sentinel never sees the same adversarial picture twice, and each
/// has to be made.
const EPOCHS: u16 = 30;
const SENTINEL_EPOCHS: u16 = 8;
/// The weight of perturbed pictures: a share for ARD, a factor for TRADES.
const ARD_WEIGHT: f32 = 0.7;
const TRADES_WEIGHT: f32 = 3.0;

#[derive(clap::Args)]
pub struct TrainingArguments {
    /// Pictures to train on: an image folder, a CSV file of labels, IDX, CIFAR binary or NPZ files, or a synthetic
    /// set, `signs[:SEED[:COUNT]]` or `luggage[:SEED[:COUNT]]`. The training half is taken where there are two.
    #[arg(long, value_name = "PATH")]
    pub data: PathBuf,
    /// Format of the data: folder, idx, cifar or numpy; guessed if not given.
    #[arg(long)]
    format: Option<Format>,
    /// Use so many of the pictures, chosen by the seed; all if not given.
    #[arg(long, value_name = "N")]
    pub count: Option<usize>,
    /// Stop at the first picture that can't be read, instead of leaving it out.
    #[arg(long)]
    strict: bool,
    /// Folder for the network, its model card and its learning curves. A training that was interrupted goes on when
    /// the same command is given again.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Train anew, whatever is in the folder.
    #[arg(long)]
    pub restart: bool,
    /// Size of the network: tiny, small or medium; by the size of the pictures if not given.
    #[arg(long)]
    size: Option<Size>,
    /// Train against an adversary: `pgd` asks for the benign answer on perturbed pictures, `trades` for the same answer
    /// on both.
    #[arg(long, value_name = "pgd|trades", value_parser = method)]
    robust: Option<Method>,
    /// The adversary's largest change of a pixel, pixels being in [0, 1]: a number or a fraction.
    #[arg(long, value_name = "EPS", default_value = "8/255", value_parser = fraction)]
    eps: f32,
    /// The adversary's steps. Each costs as much as a prediction and its gradient.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1000))]
    steps: u16,
    /// Weight of the perturbed pictures: for pgd a share in (0, 1], 0.7 if not given; for trades a factor, 3 if not given.
    #[arg(long, value_name = "W", value_parser = positive::<f32>)]
    robust_weight: Option<f32>,
    /// Times that each picture is seen; 30 if not given, 8 for a sentinel.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    epochs: Option<u16>,
    /// Stop after so many epochs without a smaller validation loss; never if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    patience: Option<u16>,
    /// Pictures a step.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(4..))]
    batch: u16,
    /// The largest learning rate of the cycle.
    #[arg(long, value_name = "RATE", default_value_t = 3e-3, value_parser = positive::<f64>)]
    learning_rate: f64,
    /// Mirror every other picture left to right: for photographs, not for signs or letters.
    #[arg(long)]
    mirror: bool,
    /// Share of the pictures that are blended with another; 0.5 for a plain student, 0 otherwise, if not given.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    mix: Option<f32>,
    /// Seed of everything random: the same command gives the same network.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// What trains: flex is the CPU; cuda and wgpu where they are built in.
    #[arg(long, default_value_t = Accelerator::Flex)]
    device: Accelerator,
}

/// What is to be trained.
pub struct Task<'a> {
    /// `student`, `sentinel` or `classifier`: the name of the file and of the thing.
    pub name: &'static str,
    pub contract: Contract,
    pub supervision: Supervision,
    pub front: Front,
    pub temperature: f32,
    /// How pictures are changed where it is not asked for.
    pub augment: Augment,
    pub loader: &'a Loader,
}

/// What came of a training.
pub struct Outcome<'a> {
    pub task: &'a Task<'a>,
    pub plan: Plan,
    pub trained: Trained,
    pub file: PathBuf,
    pub difference: f32,
    pub took: Duration,
    /// Agreement with the supervision on the test half, and its number of pictures, where there is one.
    pub test: Option<(f64, usize)>,
    pub data: PathBuf,
}

impl TrainingArguments {
    /// The training half, brought to the input's size; all where the data are not in halves.
    pub fn open(&self, input: &PictureSpec) -> Result<Dataset> {
        let half = |split| self.half(input, split);
        let dataset = half(Some(Split::Train)).or_else(|_| half(None))?;
        ensure!(!dataset.is_empty(), "{} holds no pictures", self.data.display());
        Ok(dataset)
    }

    /// Opens the data before anything is known of a model.
    pub fn peek(&self) -> Result<Dataset> {
        let open = |split| Dataset::open(&self.data, &Options { format: self.format, split, ..Options::default() });
        let dataset = open(Some(Split::Train)).or_else(|_| open(None))?;
        ensure!(!dataset.is_empty(), "{} holds no pictures", self.data.display());
        Ok(dataset)
    }

    fn half(&self, input: &PictureSpec, split: Option<Split>) -> Result<Dataset, DataError> {
        Dataset::open(&self.data, &Options { format: self.format, split, ..Options::of(input) })
    }

    /// The test half, if it is another than the one that is trained on.
    fn test_half(&self, input: &PictureSpec) -> Option<Dataset> {
        let first = |dataset: &Dataset| dataset.get(0).ok();
        let [train, test] = [Split::Train, Split::Test].map(|split| self.half(input, Some(split)).ok());
        test.filter(|test| train.is_some_and(|train| first(&train) != first(test)))
    }

    /// The readable pictures of `dataset`.
    pub fn read<'a>(&self, dataset: &'a Dataset, input: &PictureSpec) -> Result<Examples<'a>> {
        let count = self.count.unwrap_or(usize::MAX).min(dataset.len());
        let mut chosen = split(dataset.len(), self.seed, &[count])?.concat();
        chosen.sort_unstable();
        let shape = [input.colour.channels(), input.height, input.width];
        let bar = pictures::progress("reading", count);
        let mut broken = 0_usize;
        let name = |error: DataError| {
            broken += 1;
            tracing::warn!("left out: {:#}", anyhow::Error::from(error));
        };
        let examples = Examples::read(dataset, chosen, shape, self.strict, name, || bar.inc(1))?;
        bar.finish_and_clear();
        if broken > 0 {
            tracing::warn!("left out in all because they could not be read: {broken}");
        }
        Ok(examples)
    }

    /// Whether it is against an adversary.
    pub fn is_robust(&self) -> bool {
        self.robust.is_some()
    }

    /// The folder to write to, which holds no finished network unless that may go.
    pub fn prepare(&self, name: &str) -> Result<()> {
        let file = self.file(name);
        if self.restart {
            let _ = fs::remove_file(self.out.join(CHECKPOINT));
        } else if file.exists() {
            bail!("{} is there already; choose another --out, or train anew with --restart", file.display());
        }
        fs::create_dir_all(&self.out).with_context(|| format!("cannot make the folder {}", self.out.display()))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.out.join(name).with_extension("onnx")
    }

    fn plan(&self, task: &Task<'_>) -> Plan {
        let input = &task.contract.input;
        let robust = self.robust.map(|method| Robust {
            method,
            adversary: Adversary { eps: self.eps, steps: usize::from(self.steps) },
            weight: self.robust_weight.unwrap_or(match method {
                Method::Ard => ARD_WEIGHT,
                Method::Trades => TRADES_WEIGHT,
            }),
        });
        Plan {
            architecture: Architecture {
                size: self.size.unwrap_or(match task.front {
                    Front::Pixels => Size::suited_to(input.height, input.width),
                    Front::Residuals => Size::Tiny,
                }),
                front: task.front,
                channels: input.colour.channels(),
                height: input.height,
                width: input.width,
                classes: task.contract.output.classes,
            },
            objective: Objective { temperature: task.temperature, robust },
            augment: Augment { mirror: self.mirror, mix: self.mix.unwrap_or(task.augment.mix), ..task.augment },
            epochs: usize::from(self.epochs.unwrap_or(match task.supervision {
                Supervision::Attacks(_) => SENTINEL_EPOCHS,
                Supervision::Teacher(_) | Supervision::Labels { .. } => EPOCHS,
            })),
            batch: usize::from(self.batch),
            learning_rate: self.learning_rate,
            weight_decay: 0.02,
            patience: self.patience.map(usize::from),
            seed: self.seed,
        }
    }

    /// Trains, checks and writes everything.
    pub fn run<'a>(&self, task: &'a Task<'a>, examples: &Examples<'_>) -> Result<Outcome<'a>> {
        let plan = self.plan(task);
        let began = Instant::now();
        let trained = self.fit(&plan, task, examples)?;
        let metadata =
            [("portcullis.version", env!("CARGO_PKG_VERSION")), ("portcullis.plan", &serde_json::to_string(&plan)?)];
        let export = trained.export(&task.contract, &metadata, &task.loader.runtime)?;
        let file = self.file(task.name);
        pictures::write(&file, &export.bytes)?;
        let test = self.test(task, &file)?;
        let data = self.data.clone();
        let took = began.elapsed();
        let result = Outcome { task, plan, trained, file, difference: export.difference, took, test, data };
        pictures::write(&self.out.join("MODEL_CARD.md"), Card(&result).to_string().as_bytes())?;
        draw(&self.out, task.name, &result.trained)?;
        // The training is finished: what it would have gone on from is of no more use.
        let _ = fs::remove_file(self.out.join(CHECKPOINT));
        Ok(result)
    }

    fn fit(&self, plan: &Plan, task: &Task<'_>, examples: &Examples<'_>) -> Result<Trained, TrainError> {
        let style = ProgressStyle::with_template("{prefix}{msg} {wide_bar} {pos}/{len} steps, {eta} left");
        let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let checkpoint = self.out.join(CHECKPOINT);
        let trained = train(plan, examples, &task.supervision, self.device, &checkpoint, |event| match event {
            Event::Resumed(history) => tracing::info!("goes on after epoch {}", history.len()),
            Event::Step(done, all, loss) => {
                bar.set_length(all as u64);
                bar.set_position(done as u64);
                bar.set_message(format!("loss {loss:.4}"));
            }
            Event::Epoch(history) => {
                bar.suspend(|| tell(history, plan.epochs));
                let right = history.last().map_or(0.0, |epoch| epoch.agreement);
                bar.set_prefix(format!("right {:.1}%, ", right * 100.0));
            }
        });
        bar.finish_and_clear();
        trained
    }

    /// How often the written file agrees with the teacher, or the labels, on the test half, where there is one.
    fn test(&self, task: &Task<'_>, file: &Path) -> Result<Option<(f64, usize)>> {
        let teacher = match &task.supervision {
            Supervision::Teacher(teacher) => Some(teacher),
            Supervision::Labels { .. } => None,
            // What a sentinel is worth, a red team tells.
            Supervision::Attacks(_) => return Ok(None),
        };
        let Some(dataset) = self.test_half(&task.contract.input) else { return Ok(None) };
        let Loader { runtime, workers, intra_threads, .. } = task.loader;
        let model = OnnxModel::load(runtime, file, workers.count(), *intra_threads)?;
        let Contract { input, output, .. } = &task.contract;
        let student = Classifier::new(model.into(), workers.clone(), input.clone(), output.clone());
        let (mut same, mut all) = (0_usize, 0_usize);
        let bar = pictures::progress("testing", dataset.len());
        for sample in dataset.samples(self.strict) {
            let sample = sample?;
            bar.inc(1);
            let expected = match teacher {
                Some(teacher) => Some(top(teacher, &sample.picture)?),
                None => sample.label,
            };
            let Some(expected) = expected else { continue };
            all += 1;
            same += usize::from(top(&student, &sample.picture)? == expected);
        }
        bar.finish_and_clear();
        Ok((all > 0).then(|| (same as f64 / all as f64, all)))
    }
}

/// The class that a classifier sees.
fn top(classifier: &Classifier, picture: &Picture) -> Result<usize> {
    let picture = Arc::new(picture.clone());
    let answer = classifier.predict_waiting(move || picture).wait().context("the classifier was not asked")?;
    Ok(answer.context("the classifier failed")?.top().0)
}

fn tell(history: &[Epoch], epochs: usize) {
    let Some(epoch) = history.last() else { return };
    let perturbed = epoch.perturbed.map(|share| format!(", {:.1}% when perturbed", share * 100.0));
    tracing::info!(
        "epoch {}/{epochs}: loss {:.4}, validation {:.4}, right {:.1}%{}",
        history.len(),
        epoch.training,
        epoch.validation,
        epoch.agreement * 100.0,
        perturbed.unwrap_or_default()
    );
}

fn draw(folder: &Path, name: &str, trained: &Trained) -> Result<()> {
    let points = |value: &dyn Fn(&Epoch) -> Option<f64>| -> Vec<(f64, f64)> {
        (1..).zip(&trained.history).filter_map(|(at, epoch)| Some((f64::from(at), value(epoch)?))).collect()
    };
    let (training, validation) = (points(&|epoch| Some(epoch.training)), points(&|epoch| Some(epoch.validation)));
    let (benign, perturbed) = (points(&|epoch| Some(epoch.agreement)), points(&|epoch| epoch.perturbed));
    let losses = [Curve { name: "training", points: &training }, Curve { name: "validation", points: &validation }];
    let mut shares = vec![Curve { name: "validation", points: &benign }];
    if !perturbed.is_empty() {
        shares.push(Curve { name: "validation, perturbed", points: &perturbed });
    }
    let panels = [
        Panel { y: "loss in nats", percent: false, curves: &losses },
        Panel { y: "right answers", percent: true, curves: &shares },
    ];
    let best = Some(trained.best as f64 + 1.0);
    let svg = LearningCurves { title: &format!("Training of the {name}"), panels: &panels, best }.to_svg()?;
    pictures::write(&folder.join("learning_curves.svg"), svg.as_bytes())?;
    match svg_to_png(&svg) {
        Ok(png) => pictures::write(&folder.join("learning_curves.png"), &png),
        // The SVG tells the same.
        Err(error) => {
            tracing::warn!("no learning_curves.png: {error}");
            Ok(())
        }
    }
}

impl Outcome<'_> {
    /// Tells what it came to.
    pub fn show(&self, common: &Common) {
        if common.json { println!("{}", self.json()) } else { self.print() }
    }

    fn print(&self) {
        let best = &self.trained.history[self.trained.best];
        let what = match self.task.supervision {
            Supervision::Teacher(_) => "agreement",
            Supervision::Labels { .. } => "accuracy",
            Supervision::Attacks(_) => "benign and adversarial told apart",
        };
        let took = HumanDuration(self.took);
        println!("{} written to {} after {took}", self.task.name, self.file.display());
        println!("{what} on {} validation pictures: {:.4}", self.trained.pictures[1], best.agreement);
        if let Some(perturbed) = best.perturbed {
            println!("{what} on the same, perturbed: {perturbed:.4}");
        }
        if let Some((share, pictures)) = self.test {
            println!("{what} on {pictures} test pictures: {share:.4}");
        }
        println!("largest difference of the exported network from the trained one: {:.1e}", self.difference);
        if let Some(peak) = peak_memory() {
            println!("peak memory: {} MiB", peak / 1024);
        }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "file": self.file,
            "plan": self.plan,
            "epochs": self.trained.history,
            "best_epoch": self.trained.best + 1,
            "pictures": { "training": self.trained.pictures[0], "validation": self.trained.pictures[1] },
            "test": self.test.map(|(share, pictures)| serde_json::json!({ "right": share, "pictures": pictures })),
            "export_difference": self.difference,
            "seconds": self.took.as_secs_f64(),
            "peak_memory_kib": peak_memory(),
        })
    }
}

/// The most memory that this process has held, in KiB, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
}

fn method(name: &str) -> Result<Method, String> {
    match name {
        "pgd" => Ok(Method::Ard),
        "trades" => Ok(Method::Trades),
        _ => Err("it is pgd or trades".into()),
    }
}

/// A number, or a fraction such as `8/255`, above 0 and at most 1.
fn fraction(text: &str) -> Result<f32, String> {
    let (above, below) = text.split_once('/').unwrap_or((text, "1"));
    let number = |part: &str| part.trim().parse::<f32>().ok();
    let value = number(above).zip(number(below)).map(|(above, below)| above / below);
    value
        .filter(|&value| value > 0.0 && value <= 1.0)
        .ok_or_else(|| "it lies above 0 and is at most 1, as 8/255".into())
}

fn positive<T: FromStr + Into<f64> + Copy>(text: &str) -> Result<T, String> {
    let value = text.parse::<T>().ok().filter(|&value| value.into().is_finite() && value.into() > 0.0);
    value.ok_or_else(|| "it is a number above 0".into())
}

fn share(text: &str) -> Result<f32, String> {
    let value = text.parse::<f32>().ok().filter(|value| (0.0..=1.0).contains(value));
    value.ok_or_else(|| "it lies between 0 and 1".into())
}
