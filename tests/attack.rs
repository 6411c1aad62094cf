//! Attacks fool the classifier that comes with the project, within the bounds that they promise.
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

use portcullis::attack::{
    Apgd, ApgdLoss, Attack, Ball, Bim, CarliniWagner2, Fgsm, Goal, LocalOracle, MiFgsm, Norm, Pgd, QueryAttack, Seed,
    Square, WhiteBox,
};
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

fn length(norm: Norm, seed: &Seed, picture: &Picture) -> f32 {
    let pairs = picture.pixels().iter().zip(seed.picture.pixels());
    norm.length(&pairs.map(|(a, b)| a - b).collect::<Vec<_>>())
}

#[test]
fn every_walk_within_a_largest_change_fools_it_and_stays_there() {
    let bench = Bench::new();
    let seeds = &bench.seeds(Goal::Not)[..30];
    let ball = Ball::linf(EPS);
    let apgd = |loss| Box::new(Apgd { ball, loss, steps: 10, seed: 1 });
    let attacks: [Box<dyn Attack>; 5] = [
        Box::new(Bim { eps: EPS, step: EPS / 4.0, steps: 10 }),
        Box::new(MiFgsm { eps: EPS, step: EPS / 4.0, steps: 10, decay: 1.0 }),
        apgd(ApgdLoss::CrossEntropy),
        apgd(ApgdLoss::Dlr),
        apgd(ApgdLoss::TargetedDlr(2)),
    ];
    for (index, attack) in attacks.iter().enumerate() {
        let made = attack.run(&bench.white_box, seeds, &mut || ()).expect("pictures");
        let success = bench.success(seeds, &made);
        assert!(success > 0.9, "attack {index}: {success}");
    }
}

#[test]
fn other_norms_are_kept_up_to_rounding() {
    let bench = Bench::new();
    let seeds = &bench.seeds(Goal::Not)[..20];
    for (norm, eps, step) in [(Norm::L2, 2.0, 0.4), (Norm::L1, 60.0, 12.0)] {
        let pgd = Pgd { ball: Ball { norm, eps }, step, steps: 10, starts: 2, seed: 1 };
        let made = pgd.run(&bench.white_box, seeds, &mut || ()).expect("pictures");
        let read = bench.read(&made);
        let reached = seeds.iter().zip(&read).filter(|(seed, read)| seed.goal.is_reached(**read)).count();
        assert!(reached >= 15, "{norm:?}: {reached} of 20");
        let farthest = seeds.iter().zip(&made).map(|(seed, made)| length(norm, seed, made)).fold(0.0, f32::max);
        assert!(farthest <= 1.1 * eps, "{norm:?}: {farthest}");
    }
}

#[test]
fn the_nearest_picture_is_nearer_than_any_that_uses_its_ball_up() {
    let bench = Bench::new();
    let seeds = &bench.seeds(Goal::Not)[..16];
    let cw = CarliniWagner2 { c: 1.0, kappa: 0.0, steps: 30, learning_rate: 0.01, searches: 2 };
    let near = cw.run(&bench.white_box, seeds, &mut || ()).expect("pictures");
    let far = pgd(1).run(&bench.white_box, seeds, &mut || ()).expect("pictures");
    let reached = seeds.iter().zip(bench.read(&near)).filter(|(seed, read)| seed.goal.is_reached(*read)).count();
    assert!(reached >= 15, "{reached} of 16");
    for ((seed, near), far) in seeds.iter().zip(&near).zip(&far) {
        let [near, far] = [near, far].map(|picture| length(Norm::L2, seed, picture));
        assert!(near < far, "{near} against {far}");
    }
}

#[test]
fn squares_need_only_answers_and_count_them() {
    let bench = Bench::new();
    let seeds = &bench.seeds(Goal::Not)[..12];
    let square = Square { eps: EPS, queries: 400, share: 0.8, seed: 1 };
    let ask = || square.run(&mut LocalOracle::new(bench.classifier.clone()), seeds, &mut || ()).expect("pictures");
    let made = ask();
    assert_eq!(made, ask());
    let pictures: Vec<Picture> = made.iter().map(|made| made.picture.clone()).collect();
    let success = bench.success(seeds, &pictures);
    assert!(success >= 0.4, "{success}");
    for ((made, seed), read) in made.iter().zip(seeds).zip(bench.read(&pictures)) {
        assert!(made.queries == 400 || seed.goal.is_reached(read));
        assert!((1..=400).contains(&made.queries));
    }
}
