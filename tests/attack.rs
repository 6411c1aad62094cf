//! Attacks fool the classifier that comes with the project, within the bounds that they promise.
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

use portcullis::attack::{Attack, Ball, Fgsm, Goal, Pgd, Seed, WhiteBox};
use portcullis::data::Sample;
use portcullis::model::Classifier;
use portcullis::tensor::Picture;

#[path = "support/signs.rs"]
mod signs;

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
        let (lineup, loader) = signs::line_up();
        let classifier = lineup.teacher.expect("the classifier");
        let white_box = WhiteBox::open(&loader.runtime, &classifier).expect("gradients");
        let samples = signs::drawn("signs:9:60");
        let read = signs::readings(&classifier, &samples);
        let rightly = samples.into_iter().zip(read).filter(|(sample, read)| sample.label == Some(*read));
        let signs = rightly.map(|(sample, truth)| (sample.picture, truth)).collect();
        Self { classifier, white_box, signs }
    }

    fn read(&self, pictures: &[Picture]) -> Vec<usize> {
        let sample = |picture: &Picture| Sample { picture: picture.clone(), label: None, name: String::new() };
        signs::readings(&self.classifier, &pictures.iter().map(sample).collect::<Vec<_>>())
    }

    fn seeds(&self, goal: impl Fn(usize) -> Goal) -> Vec<Seed> {
        self.signs.iter().map(|(picture, truth)| Seed { picture: picture.clone(), goal: goal(*truth) }).collect()
    }

    /// The share of pictures on which the goal is reached, after a look at how far they went.
    fn success(&self, seeds: &[Seed], made: &[Picture]) -> f64 {
        assert_eq!(seeds.len(), made.len());
        let mut reached = 0;
        for ((seed, picture), read) in seeds.iter().zip(made).zip(self.read(made)) {
            let changes = picture.pixels().iter().zip(seed.picture.pixels()).map(|(a, b)| (a - b).abs());
            let farthest = changes.fold(0.0, f32::max);
            assert!(farthest <= EPS + 1e-6, "a pixel moved by {farthest}");
            let bytes = picture.to_interleaved_u8();
            assert_eq!(
                Picture::from_interleaved_u8(3, 48, 48, &bytes).as_ref(),
                Ok(picture),
                "not what a client can send"
            );
            reached += usize::from(seed.goal.is_reached(read));
        }
        reached as f64 / seeds.len() as f64
    }
}

fn pgd(seed: u64) -> Pgd {
    Pgd { ball: Ball::linf(EPS), step: EPS / 4.0, steps: 20, starts: 1, seed }
}

#[test]
fn one_step_fools_it_often_and_many_nearly_always() {
    let bench = Bench::new();
    assert!(bench.signs.len() >= 50, "only {} signs are read rightly", bench.signs.len());
    let seeds = bench.seeds(Goal::Not);
    let one = Fgsm { eps: EPS }.run(&bench.white_box, &seeds, &mut || ()).expect("an attack");
    let mut steps = 0;
    let many = pgd(1).run(&bench.white_box, &seeds, &mut || steps += 1).expect("an attack");
    let (one, many) = (bench.success(&seeds, &one), bench.success(&seeds, &many));
    println!("FGSM {one:.2}, PGD {many:.2} after {steps} steps");
    assert!(one > 0.4 && many > 0.95 && steps == 20, "FGSM {one}, PGD {many} after {steps} steps");
}

#[test]
fn a_sign_becomes_the_one_that_was_asked_for() {
    let bench = Bench::new();
    let seeds = bench.seeds(|truth| Goal::Read((truth + 7) % CLASSES));
    let made = pgd(1).run(&bench.white_box, &seeds, &mut || ()).expect("an attack");
    let success = bench.success(&seeds, &made);
    assert!(success > 0.9, "{success}");
}

#[test]
fn the_same_seed_gives_the_same_pictures_and_another_others() {
    let bench = Bench::new();
    let seeds = &bench.seeds(Goal::Not)[..5];
    let attack = |seed| Pgd { steps: 2, ..pgd(seed) }.run(&bench.white_box, seeds, &mut || ()).expect("an attack");
    assert_eq!(attack(3), attack(3));
    assert_ne!(attack(3), attack(4));
}
