//! Attacks fool the classifier that comes with the project, within the bounds that they promise.
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

use std::path::Path;
use std::sync::Arc;

use portcullis::attack::{Fgsm, Goal, Pgd, Seed, WhiteBox};
use portcullis::data::{Dataset, Sample};
use portcullis::model::{Classifier, OnnxModel, Runtime, Signature, Workers, resolve_input, resolve_output};
use portcullis::tensor::Picture;

const CLASSIFIER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/signs/classifier/classifier.onnx");
const CLASSES: usize = 20;
const EPS: f32 = 8.0 / 255.0;

struct Bench {
    classifier: Classifier,
    white_box: WhiteBox,
    /// Signs that the classifier reads rightly.
    signs: Vec<(Picture, usize)>,
}

impl Bench {
    fn new() -> Self {
        let runtime = Runtime::load(None).expect("ONNX Runtime");
        let workers = Arc::new(Workers::start(2, 64).expect("threads"));
        let model = OnnxModel::load(&runtime, Path::new(CLASSIFIER), 2, 1).expect("the classifier");
        let signature = Signature { inputs: model.inputs().to_vec(), outputs: model.outputs().to_vec() };
        let input = resolve_input(&Default::default(), &signature).expect("its input");
        let output = resolve_output(&Default::default(), &signature).expect("its output");
        let classifier = Classifier::new(Arc::new(model), workers.clone(), input, output);
        let white_box = WhiteBox::open(&runtime, &classifier, &workers).expect("gradients");
        let mut bench = Self { classifier, white_box, signs: Vec::new() };
        let signs = Dataset::open("signs:9:60", &Default::default()).expect("signs");
        let samples: Vec<Sample> = signs.samples(true).collect::<Result<_, _>>().expect("signs");
        let labelled = samples.into_iter().filter_map(|sample| Some((sample.picture, sample.label?)));
        bench.signs = labelled.filter(|(picture, truth)| bench.read(picture) == *truth).collect();
        bench
    }

    fn read(&self, picture: &Picture) -> usize {
        let picture = Arc::new(picture.clone());
        let answer = self.classifier.predict_waiting(move || picture).wait();
        answer.expect("a worker").expect("a prediction").top().0
    }

    fn seeds(&self, goal: impl Fn(usize) -> Goal) -> Vec<Seed> {
        self.signs.iter().map(|(picture, truth)| Seed { picture: picture.clone(), goal: goal(*truth) }).collect()
    }

    /// The share of pictures on which the goal is reached, after a look at how far they went.
    fn success(&self, seeds: &[Seed], made: &[Picture]) -> f64 {
        assert_eq!(seeds.len(), made.len());
        let mut reached = 0;
        for (seed, picture) in seeds.iter().zip(made) {
            let changes = picture.pixels().iter().zip(seed.picture.pixels()).map(|(a, b)| (a - b).abs());
            let farthest = changes.fold(0.0, f32::max);
            assert!(farthest <= EPS + 1e-6, "a pixel moved by {farthest}");
            let bytes = picture.to_interleaved_u8();
            assert_eq!(
                Picture::from_interleaved_u8(3, 48, 48, &bytes).as_ref(),
                Ok(picture),
                "not what a client can send"
            );
            reached += usize::from(seed.goal.is_reached(self.read(picture)));
        }
        reached as f64 / seeds.len() as f64
    }
}

fn pgd(seed: u64) -> Pgd {
    Pgd { eps: EPS, step: EPS / 4.0, steps: 20, seed }
}

#[test]
fn one_step_fools_it_often_and_many_nearly_always() {
    let bench = Bench::new();
    assert!(bench.signs.len() >= 50, "only {} signs are read rightly", bench.signs.len());
    let seeds = bench.seeds(Goal::Not);
    let one = Fgsm { eps: EPS }.attack(&bench.white_box, &seeds).expect("an attack");
    let mut steps = 0;
    let many = pgd(1).attack(&bench.white_box, &seeds, || steps += 1).expect("an attack");
    let (one, many) = (bench.success(&seeds, &one), bench.success(&seeds, &many));
    println!("FGSM {one:.2}, PGD {many:.2} after {steps} steps");
    assert!(one > 0.4 && many > 0.95 && steps == 20, "FGSM {one}, PGD {many} after {steps} steps");
}

#[test]
fn a_sign_becomes_the_one_that_was_asked_for() {
    let bench = Bench::new();
    let seeds = bench.seeds(|truth| Goal::Read((truth + 7) % CLASSES));
    let made = pgd(1).attack(&bench.white_box, &seeds, || ()).expect("an attack");
    let success = bench.success(&seeds, &made);
    assert!(success > 0.9, "{success}");
}

#[test]
fn the_same_seed_gives_the_same_pictures_and_another_others() {
    let bench = Bench::new();
    let seeds = &bench.seeds(Goal::Not)[..5];
    let attack = |seed| Pgd { steps: 2, ..pgd(seed) }.attack(&bench.white_box, seeds, || ()).expect("an attack");
    assert_eq!(attack(3), attack(3));
    assert_ne!(attack(3), attack(4));
}
