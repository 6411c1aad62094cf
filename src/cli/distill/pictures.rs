//! Students of pictures.

use anyhow::Result;
use portcullis::model::{Classifier, PictureSpec};
use portcullis::profile::Loader;
use portcullis::train::{Augment, Contract, Front, Supervision};

use super::texts;
use crate::cli::Common;
use crate::cli::training::{Task, TrainingArguments};

/// Temperature, and share of the pictures that are blended: the teacher answers for blends as for anything, so they are
/// more data.
const PLAIN: (f32, f32) = (4.0, 0.5);
/// The same against an adversary, who gives more than enough to learn: measured in `docs/training.md`.
const ROBUST: (f32, f32) = (1.0, 0.0);

#[derive(clap::Args)]
pub struct StudentArguments {
    /// Softens the answers of both, so that the less probable classes teach as well; 4 if not given, 1 if robust.
    #[arg(long, value_parser = temperature)]
    temperature: Option<f32>,
    #[command(flatten)]
    training: TrainingArguments,
}

impl StudentArguments {
    /// What a student of text needs of them.
    pub fn of_texts(&self) -> texts::StudentArguments {
        let TrainingArguments { data, count, out, restart, seed, .. } = &self.training;
        let (data, out) = (data.clone(), out.clone());
        texts::StudentArguments { data, count: *count, out, restart: *restart, seed: *seed }
    }
}

pub fn run(common: &Common, arguments: &StudentArguments, teacher: Classifier, loader: &Loader) -> Result<()> {
    arguments.training.prepare("student")?;
    let input = teacher.input().pictures()?.clone();
    let dataset = arguments.training.open(&input)?;
    let examples = arguments.training.read(&dataset, &input)?;
    let (temperature, mix) = if arguments.training.is_robust() { ROBUST } else { PLAIN };
    let task = Task {
        name: "student",
        contract: contract(&teacher, input),
        supervision: Supervision::Teacher(Box::new(teacher)),
        front: Front::Pixels,
        temperature: arguments.temperature.unwrap_or(temperature),
        augment: Augment { mix, ..Augment::default() },
        loader,
    };
    arguments.training.run(&task, &examples)?.show(common);
    Ok(())
}

/// The student takes and answers what its teacher does.
fn contract(teacher: &Classifier, input: PictureSpec) -> Contract {
    let output = teacher.output().clone();
    let port = teacher.model().outputs().iter().find(|port| port.name == output.name);
    let trailing = port.map_or(0, |port| port.shape.len().saturating_sub(2));
    Contract { input, output, trailing }
}

fn temperature(text: &str) -> Result<f32, String> {
    let value = text.parse::<f32>().ok().filter(|value| (0.1..=100.0).contains(value));
    value.ok_or_else(|| "it lies between 0.1 and 100".into())
}
