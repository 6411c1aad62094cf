//! `portcullis distill`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use portcullis::config::{Config, ConfigError};
use portcullis::model::{Classifier, InputSpec};
use portcullis::tensor::Picture;
use portcullis::train::{Contract, Supervision};

use super::training::{Task, TrainingArguments};
use super::{Common, setup};

/// Temperature, and share of the pictures that are blended: the teacher answers for blends as for anything, so they are
/// more data.
const PLAIN: (f32, f32) = (4.0, 0.5);
/// The same against an adversary, who gives more than enough to learn: measured in `docs/training.md`.
const ROBUST: (f32, f32) = (1.0, 0.0);
/// What a teacher's file is guarded as, so that it is read as any guarded model.
const TEACHER: &str = "upstream.embedded = true\n[[models]]\nname = \"teacher\"\nprofile = \"none\"\n\
                       [[models.detectors]]\nkind = \"feature_squeezing\"\nsqueezers = [\"bit_depth(5)\"]\n";

#[derive(clap::Args)]
pub struct Arguments {
    /// The classifier to imitate, an ONNX file; a guarded model of the configuration if not given.
    #[arg(long, value_name = "ONNX")]
    teacher: Option<PathBuf>,
    /// What the teacher's file does not tell of its input, as in the configuration's `models.input`:
    /// `--input range=[0,255] --input colour=bgr`.
    #[arg(long, value_name = "KEY=VALUE", value_parser = super::key_value, requires = "teacher")]
    input: Vec<(String, String)>,
    /// The same of its output: `--output kind=logits`.
    #[arg(long, value_name = "KEY=VALUE", value_parser = super::key_value, requires = "teacher")]
    output: Vec<(String, String)>,
    /// The guarded model to imitate, where several are configured.
    #[arg(long, conflicts_with = "teacher")]
    model: Option<String>,
    /// Softens the answers of both, so that the less probable classes teach as well; 4 if not given, 1 if robust.
    #[arg(long, value_parser = temperature)]
    temperature: Option<f32>,
    #[command(flatten)]
    training: TrainingArguments,
}

pub fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    arguments.training.prepare("student")?;
    let config = match &arguments.teacher {
        Some(path) => alone(path, arguments)?,
        None => common.load()?,
    };
    let model = setup::choose(&config, arguments.model.as_deref())?;
    let loader = setup::offline_loader(&config)?;
    let lineup = loader.line_up(model, None).map_err(|mistakes| setup::mistakes(&config, mistakes))?;
    let teacher = lineup.teacher.context("the teacher's ONNX file is needed: give its path, or --teacher")?;
    let inputs = teacher.model().inputs();
    ensure!(
        inputs.len() == 1,
        "the teacher takes {} inputs; only classifiers of one picture can be distilled",
        inputs.len()
    );
    answers(&teacher)?;

    let input = teacher.input().clone();
    let dataset = arguments.training.open(&input)?;
    let examples = arguments.training.read(&dataset, &input)?;
    let (temperature, mix) = if arguments.training.is_robust() { ROBUST } else { PLAIN };
    let task = Task {
        name: "student",
        contract: contract(&teacher, input),
        supervision: Supervision::Teacher(teacher),
        temperature: arguments.temperature.unwrap_or(temperature),
        mix,
        loader: &loader,
    };
    let result = arguments.training.run(&task, &examples)?;
    if common.json {
        println!("{}", result.json())
    } else {
        result.print()
    }
    Ok(())
}

/// A configuration in which nothing but the teacher is guarded.
fn alone(path: &Path, arguments: &Arguments) -> Result<Config, ConfigError> {
    let of = |section: &'static str| {
        move |(key, value): &(String, String)| (format!("models.teacher.{section}.{key}"), value.clone())
    };
    let path = ("models.teacher.path".to_owned(), path.display().to_string());
    let told = arguments.input.iter().map(of("input")).chain(arguments.output.iter().map(of("output")));
    let flags: Vec<(String, String)> = std::iter::once(path).chain(told).collect();
    Config::parse(TEACHER, Path::new(""), [], &flags).map_err(|mistakes| ConfigError::mistakes(None, mistakes))
}

/// The student takes and answers what its teacher does.
fn contract(teacher: &Classifier, input: InputSpec) -> Contract {
    let output = teacher.output().clone();
    let port = teacher.model().outputs().iter().find(|port| port.name == output.name);
    let trailing = port.map_or(0, |port| port.shape.len().saturating_sub(2));
    Contract { input, output, trailing }
}

/// Asks the teacher once, so that one which cannot answer is found before any work is done.
fn answers(teacher: &Classifier) -> Result<()> {
    let black: Arc<Picture> = teacher.input().black();
    let answer = teacher.predict_waiting(move || black).wait().context("the teacher was not asked")?;
    answer.context("the teacher does not answer with a distribution over its classes").map(|_| ())
}

fn temperature(text: &str) -> Result<f32, String> {
    let value = text.parse::<f32>().ok().filter(|value| (0.1..=100.0).contains(value));
    value.ok_or_else(|| "it lies between 0.1 and 100".into())
}
