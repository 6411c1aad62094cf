//! `portcullis sentinel`

use anyhow::{Context, Result, ensure};
use portcullis::detect::SENTINEL_CLASSES;
use portcullis::model::OutputSpec;
use portcullis::tensor::OutputKind;
use portcullis::train::{Augment, Contract, Front, Provocation, Supervision};

use super::Common;
use super::teacher::TeacherArguments;
use super::training::{Task, TrainingArguments};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    teacher: TeacherArguments,
    /// The largest change of a pixel that the attacks make, in 8-bit steps.
    #[arg(long, default_value_t = 8.0, value_parser = super::steps_of_255)]
    attack_eps: f32,
    #[command(flatten)]
    training: TrainingArguments,
}

pub fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    ensure!(!arguments.training.is_robust(), "a sentinel learns from attacks already: leave --robust out");
    arguments.training.prepare("sentinel")?;
    let (teacher, loader) = arguments.teacher.open(common)?;
    let input = teacher.input().pictures()?.clone();
    let attacks = Provocation::new(&loader.runtime, teacher, arguments.attack_eps / 255.0)
        .context("a sentinel learns from attacks by gradients")?;
    let dataset = arguments.training.open(&input)?;
    let examples = arguments.training.read(&dataset, &input)?;
    let output =
        OutputSpec { name: "probabilities".into(), kind: OutputKind::Probabilities, classes: SENTINEL_CLASSES };
    let task = Task {
        name: "sentinel",
        contract: Contract { input, output, trailing: 0 },
        supervision: Supervision::Attacks(Box::new(attacks)),
        front: Front::Residuals,
        temperature: 1.0,
        // Turned and scaled pictures have other noise than those that come.
        augment: Augment::NONE,
        loader: &loader,
    };
    arguments.training.run(&task, &examples)?.show(common);
    Ok(())
}
