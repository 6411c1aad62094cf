//! `portcullis train`

use anyhow::{Result, ensure};
use portcullis::model::{OutputSpec, PictureSpec};
use portcullis::tensor::{Colour, Datatype, Depth, Layout, OutputKind};
use portcullis::train::{Augment, Contract, Front, Supervision};

use super::training::{Task, TrainingArguments};
use super::{Common, setup};

#[derive(clap::Args)]
pub struct Arguments {
    /// Side of the pictures in pixels that the classifier takes; that of the first picture if not given.
    #[arg(long, value_name = "PX", value_parser = clap::value_parser!(u16).range(8..=1024))]
    side: Option<u16>,
    #[command(flatten)]
    training: TrainingArguments,
}

pub fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    arguments.training.prepare("classifier")?;
    let loader = setup::unconfigured_loader()?;
    let first = arguments.training.peek()?.get(0)?.picture;
    let side = arguments.side.map(usize::from);
    let (height, width) = (side.unwrap_or(first.height()), side.unwrap_or(first.width()));
    let input = input(first.channels(), height, width, first.depth());
    let dataset = arguments.training.open(&input)?;
    let examples = arguments.training.read(&dataset, &input)?;
    let classes = examples.classes()?.max(dataset.classes().map_or(0, |names| names.len()));
    ensure!(classes >= 2, "the pictures are all of one class; a classifier needs two");
    let output = OutputSpec { name: "probabilities".into(), kind: OutputKind::Probabilities, classes };
    let task = Task {
        name: "classifier",
        contract: Contract { input, output, trailing: 0 },
        supervision: Supervision::Labels { classes },
        front: Front::Pixels,
        temperature: 1.0,
        augment: Augment::default(),
        loader: &loader,
    };
    arguments.training.run(&task, &examples)?.show(common);
    Ok(())
}

/// What our own classifiers take: planar pixels, from 0 to 1 or, where there are more than 8 bits, as whole numbers.
fn input(channels: usize, height: usize, width: usize, depth: Depth) -> PictureSpec {
    let colour = Colour::of_channels(channels);
    PictureSpec {
        name: "image".into(),
        datatype: if depth.is_8_bit() { Datatype::Fp32 } else { Datatype::Uint16 },
        layout: Layout::Nchw,
        colour,
        height,
        width,
        range: [0.0, if depth.is_8_bit() { 1.0 } else { depth.white().into() }],
        depth,
        mean: vec![0.0; colour.channels()],
        std: vec![1.0; colour.channels()],
        encoded: None,
    }
}
