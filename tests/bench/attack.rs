//! How long twenty steps of PGD take on 300 pictures of CIFAR-10 against the ResNet-20 of ../shared, on all cores: seconds
//! a line, one for each run. `attack.py` runs this in turns with PyTorch, and compares.
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on says why and ends")]

use std::path::Path;
use std::time::Instant;

use portcullis::attack::{Attack, Ball, Goal, Pgd, Seed, WhiteBox};
use portcullis::config::Config;
use portcullis::data::Dataset;
use portcullis::model::Runtime;
use portcullis::profile::Loader;

const PICTURES: usize = 300;
const EPS: f32 = 8.0 / 255.0;
const RUNS: usize = 2;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = Config::load(&root.join("deploy/examples/five_classifiers.toml"), [], &[]).expect("a configuration");
    let model = config.models.iter().find(|model| model.name.value == "cifar10").expect("a CIFAR-10 model");
    let runtime = Runtime::load(None).expect("ONNX Runtime");
    let loader = Loader::start(runtime, 0, 64).expect("threads");
    let lineup = loader.line_up(model, Default::default()).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let victim = WhiteBox::open(&loader.runtime, &lineup.teacher.expect("the classifier")).expect("gradients");
    let data = Dataset::open(root.join("../shared/data/cifar10"), &Default::default()).expect("pictures");
    let seeds: Vec<Seed> = (0..PICTURES)
        .map(|index| {
            let sample = data.get(index).expect("a picture");
            Seed { picture: sample.picture, goal: Goal::Not(sample.label.expect("a label")) }
        })
        .collect();
    let pgd = Pgd { ball: Ball::linf(EPS), step: EPS / 8.0, steps: 20, starts: 1, seed: 1 };
    pgd.run(&victim, &seeds[..32], &mut || ()).expect("pictures");
    for _ in 0..RUNS {
        let began = Instant::now();
        pgd.run(&victim, &seeds, &mut || ()).expect("pictures");
        println!("{:.3}", began.elapsed().as_secs_f64());
    }
}
