//! How many pictures a second are trained on, for each size of network, plain and against an adversary: `make bench-train`.
#![expect(clippy::expect_used, reason = "a benchmark that can't be set up fails")]

use std::path::Path;
use std::time::Instant;

use portcullis::data::{Dataset, Options};
use portcullis::train::{
    Accelerator, Adversary, Architecture, Augment, Event, Examples, Front, Method, Objective, Plan, Robust, Size,
    Supervision, train,
};

/// Side of the pictures, and their number: those of CIFAR-10, and enough for the first steps not to count.
const SIDE: usize = 32;
const PICTURES: usize = 1000;
const CLASSES: usize = 10;
const BATCH: usize = 64;
/// Steps before the clock starts.
const WARM_UP: usize = 3;
/// The adversary's steps.
const STEPS: usize = 7;

fn main() {
    let source = format!("signs:1:{PICTURES}");
    let dataset = Dataset::open(source, &Options { size: Some((SIDE, SIDE)), ..Options::default() }).expect("signs");
    let shape = [3, SIDE, SIDE];
    let examples =
        Examples::read(&dataset, 0..PICTURES.min(dataset.len()), shape, true, |_| {}, || {}).expect("readable");
    let classes = examples.classes().expect("labelled").max(CLASSES);
    println!("{:>8} {:>6} {:>8} {:>12}", "size", "MMAC", "robust", "pictures/s");
    for robust in [None, Some(Method::Ard)] {
        for size in Size::ALL {
            let architecture =
                Architecture { size, front: Front::Pixels, channels: 3, height: SIDE, width: SIDE, classes };
            let rate = rate(&plan(architecture, robust), &examples, classes);
            let name = if robust.is_some() { "pgd-7" } else { "-" };
            println!("{size:>8} {:>6.1} {name:>8} {rate:>12.0}", architecture.multiply_adds() as f64 / 1e6);
        }
    }
}

fn plan(architecture: Architecture, robust: Option<Method>) -> Plan {
    let adversary = Adversary { eps: 8.0 / 255.0, steps: STEPS };
    Plan {
        architecture,
        objective: Objective {
            temperature: 1.0,
            robust: robust.map(|method| Robust { method, adversary, weight: 0.7 }),
        },
        augment: Augment::default(),
        epochs: 1,
        batch: BATCH,
        learning_rate: 1e-3,
        weight_decay: 0.02,
        patience: None,
        seed: 1,
    }
}

/// Pictures a second over the steps of one epoch, the first ones left out.
fn rate(plan: &Plan, examples: &Examples<'_>, classes: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let checkpoint: &Path = &folder.path().join("training.checkpoint");
    let (mut began, mut last, mut steps) = (None, None, 0);
    let supervision = Supervision::Labels { classes };
    train(plan, examples, &supervision, Accelerator::Flex, checkpoint, |event| {
        if let Event::Step(step, ..) = event {
            last = Some(Instant::now());
            if step == WARM_UP {
                began = last;
            } else if step > WARM_UP {
                steps += 1;
            }
        }
    })
    .expect("it trains");
    let seconds = last.zip(began).map_or(f64::NAN, |(last, began)| (last - began).as_secs_f64());
    (steps * BATCH) as f64 / seconds
}
