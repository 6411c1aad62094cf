//! Attacks fool the classifier that comes with the project, within the bounds that they promise.
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

use portcullis::attack::{
    AdaptiveAttack, AdaptiveCarliniWagner, AdaptivePgd, Answer, Apgd, ApgdLoss, Attack, AttackError, Ball, Bim,
    Boundary, CarliniWagner0, CarliniWagner2, CarliniWagnerInf, DeepFool, Ead, Fab, Fgsm, Goal, Guarded, HopSkipJump,
    Jsma, LocalOracle, Made, MiFgsm, Nes, Norm, Oracle, Patch, Pgd, Place, QueryAttack, Rule, Seed, SimBa, Sparse,
    Spatial, Square, Universal, WhiteBox, weakened,
};
use portcullis::data::Sample;
use portcullis::model::Classifier;
use portcullis::tensor::Picture;

#[path = "support/models.rs"]
mod models;

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
        let (lineup, loader) = models::line_up("signs");
        let classifier = lineup.teacher.expect("the classifier");
        let white_box = WhiteBox::open(&loader.runtime, &classifier).expect("gradients");
        let samples = models::drawn("signs:9:60");
        let read = models::readings(&classifier, &samples);
        let rightly = samples.into_iter().zip(read).filter(|(sample, read)| sample.label == Some(*read));
        let signs = rightly.map(|(sample, truth)| (sample.picture, truth)).collect();
        Self { classifier, white_box, signs }
    }

    fn read(&self, pictures: &[Picture]) -> Vec<usize> {
        let sample = |picture: &Picture| Sample { picture: picture.clone(), label: None, name: String::new() };
        models::readings(&self.classifier, &pictures.iter().map(sample).collect::<Vec<_>>())
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

/// The nearest picture in L2 that is worth comparing others with.
const NEAR: CarliniWagner2 = CarliniWagner2 { c: 1.0, kappa: 0.0, steps: 30, learning_rate: 0.01, searches: 2 };

fn mean(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = values.len() as f32;
    values.sum::<f32>() / count
}

fn pixels_changed(seed: &Seed, picture: &Picture) -> usize {
    let area = picture.height() * picture.width();
    let differs = |at: &usize| seed.picture.planes().zip(picture.planes()).any(|(a, b)| a[*at] != b[*at]);
    (0..area).filter(differs).count()
}

#[test]
fn each_attack_is_nearest_by_its_own_measure() {
    let bench = Bench::new();
    let seeds = &bench.seeds(Goal::Not)[..10];
    let run = |name: &str, attack: &dyn Attack| {
        let made = attack.run(&bench.white_box, seeds, &mut || ()).expect("pictures");
        let reached = seeds.iter().zip(bench.read(&made)).filter(|(seed, read)| seed.goal.is_reached(*read)).count();
        assert!(reached >= 8, "{name}: {reached} of 10");
        made
    };
    let far = |norm, made: &[Picture]| mean(seeds.iter().zip(made).map(|(seed, made)| length(norm, seed, made)));
    let near = run("CW-2", &NEAR);
    for norm in [Norm::L1, Norm::L2, Norm::Linf] {
        let fab = run(&format!("FAB {norm:?}"), &Fab { norm, steps: 30, starts: 1, rivals: 4, seed: 1 });
        let more = if norm == Norm::L2 { 1.5 } else { 1.0 };
        assert!(far(norm, &fab) < more * far(norm, &near), "{norm:?}: {} of {}", far(norm, &fab), far(norm, &near));
    }
    let fool = run("DeepFool", &DeepFool { overshoot: 0.1, steps: 30, rivals: 4 });
    assert!(far(Norm::L2, &fool) < 2.0 * far(Norm::L2, &near));
    let largest = run("CW-inf", &CarliniWagnerInf { c: 1.0, kappa: 0.0, steps: 20, learning_rate: 0.01, searches: 8 });
    assert!(far(Norm::Linf, &largest) < far(Norm::Linf, &near));
    let sum = run("EAD", &Ead { c: 1.0, kappa: 0.0, beta: 0.01, steps: 40, learning_rate: 0.05, searches: 3 });
    assert!(far(Norm::L1, &sum) < far(Norm::L1, &near));
    let few = run("CW-0", &CarliniWagner0 { inner: CarliniWagner2 { c: 10.0, ..NEAR }, rounds: 5, share: 0.4 });
    let count = |made: &[Picture]| mean(seeds.iter().zip(made).map(|(seed, made)| pixels_changed(seed, made) as f32));
    assert!(count(&few) < 0.6 * count(&near), "{} of {}", count(&few), count(&near));
}

#[test]
fn a_few_values_turned_all_the_way_reach_a_class() {
    let bench = Bench::new();
    let seeds = &bench.seeds(Goal::Not)[..10];
    let jsma = Jsma { share: 0.05, steps: 170 };
    let made = jsma.run(&bench.white_box, seeds, &mut || ()).expect("pictures");
    let reached = seeds.iter().zip(bench.read(&made)).filter(|(seed, read)| seed.goal.is_reached(*read)).count();
    assert!(reached >= 6, "{reached} of 10");
    for (seed, picture) in seeds.iter().zip(&made) {
        let changed: Vec<f32> =
            seed.picture.pixels().iter().zip(picture.pixels()).filter(|(a, b)| a != b).map(|(_, b)| *b).collect();
        assert!(changed.len() <= picture.pixels().len() / 20);
        assert!(changed.iter().all(|&value| value == 0.0 || value == 1.0));
    }
}

#[test]
fn many_values_turned_at_once_are_still_few_and_as_far_as_asked() {
    let bench = Bench::new();
    let seeds = &bench.seeds(Goal::Not)[..10];
    let attack = Sparse { share: 0.002, steps: 15, reach: 0.5 };
    let made = attack.run(&bench.white_box, seeds, &mut || ()).expect("an attack");
    let reached = bench.read(&made).into_iter().zip(seeds).filter(|(read, seed)| seed.goal.is_reached(*read)).count();
    for (seed, picture) in seeds.iter().zip(&made) {
        let pairs = seed.picture.pixels().iter().zip(picture.pixels());
        let changes = pairs.filter(|(benign, value)| benign != value);
        let halfway =
            |(benign, value): (&f32, &f32)| (value - f32::midpoint(*benign, f32::from(u8::from(value > benign)))).abs();
        let (count, off) = changes.fold((0, 0.0_f32), |(count, off), pair| (count + 1, off.max(halfway(pair))));
        assert!(count <= 15 * 13 && off <= 0.6 / 255.0, "{count} values, {off} off halfway");
    }
    assert!(reached >= 7, "{reached} of 10");
}

#[test]
fn what_is_weakened_still_deceives_and_is_nearer() {
    let bench = Bench::new();
    let seeds = bench.seeds(Goal::Not);
    let made = pgd(1).run(&bench.white_box, &seeds, &mut || ()).expect("an attack");
    let before = bench.success(&seeds, &made);
    let weaker = weakened(&bench.white_box, &seeds, made.clone()).expect("logits");
    let lengths = |made: &[Picture]| -> Vec<f32> {
        seeds.iter().zip(made).map(|(seed, picture)| length(Norm::L2, seed, picture)).collect()
    };
    let (strong, weak) = (lengths(&made), lengths(&weaker));
    assert!((bench.success(&seeds, &weaker) - before).abs() < 1e-9, "one succeeds no more");
    assert!(weak.iter().zip(&strong).all(|(weak, strong)| weak <= strong));
    assert!(weak.iter().sum::<f32>() < 0.7 * strong.iter().sum::<f32>(), "{weak:?} of {strong:?}");
}

#[test]
fn what_is_made_for_all_pictures_fools_those_it_has_not_seen() {
    let bench = Bench::new();
    let seeds = bench.seeds(Goal::Not);
    let universal = Universal { ball: Ball::linf(EPS), step: EPS / 5.0, steps: 15 };
    let made = universal.run(&bench.white_box, &seeds, &mut || ()).expect("pictures");
    let success = bench.success(&seeds, &made);
    assert!(success > 0.2, "universal: {success}");
    let side = 14.0 / 48.0;
    for place in [Place::Middle, Place::Anywhere] {
        let patch = Patch { side, place, steps: 30, learning_rate: 0.05, seed: 1 };
        let made = patch.run(&bench.white_box, &seeds, &mut || ()).expect("pictures");
        let reached = seeds.iter().zip(bench.read(&made)).filter(|(seed, read)| seed.goal.is_reached(*read)).count();
        assert!(reached * 4 >= seeds.len(), "{place:?}: {reached} of {}", seeds.len());
        let most = seeds.iter().zip(&made).map(|(seed, made)| pixels_changed(seed, made)).max();
        // Its side with the largest of its sizes, and a little more at the rim.
        assert!(most <= Some((14.0f32 * 1.15 + 2.0).powi(2) as usize), "{place:?}: {most:?} pixels");
    }
}

fn query_attacks() -> Vec<(&'static str, usize, Box<dyn QueryAttack>)> {
    let queries = 300;
    vec![
        ("hop_skip_jump", queries, Box::new(HopSkipJump { queries, probes: 20, seed: 1 })),
        ("boundary", queries, Box::new(Boundary { queries, seed: 1 })),
        ("sim_ba", queries, Box::new(SimBa { step: 0.5, frequencies: 0.3, queries, seed: 1 })),
        ("nes", queries, Box::new(Nes { eps: 3.0 * EPS, step: EPS, spread: 0.01, pairs: 12, queries, seed: 1 })),
        ("spatial", 40, Box::new(Spatial { turn: 30.0, shift: 0.1, queries: 40, seed: 1 })),
    ]
}

#[test]
fn answers_alone_are_enough_and_every_question_counts() {
    let bench = Bench::new();
    let seeds = &bench.seeds(Goal::Not)[..8];
    for (name, most, attack) in query_attacks() {
        let ask = || attack.run(&mut LocalOracle::new(bench.classifier.clone()), seeds, &mut || ()).expect("pictures");
        let made = ask();
        assert_eq!(made, ask(), "{name} is not the same twice");
        let pictures: Vec<Picture> = made.iter().map(|made| made.picture.clone()).collect();
        let read = bench.read(&pictures);
        let reached = seeds.iter().zip(&read).filter(|(seed, read)| seed.goal.is_reached(**read)).count();
        assert!(reached >= 2, "{name}: {reached} of 8");
        assert!(made.iter().all(|made| (1..=most).contains(&made.queries)), "{name} asks more than it may");
    }
}

#[test]
fn more_questions_lead_nearer() {
    let bench = Bench::new();
    let seeds = &bench.seeds(Goal::Not)[..5];
    let far = |attack: &dyn QueryAttack| {
        let made = attack.run(&mut LocalOracle::new(bench.classifier.clone()), seeds, &mut || ()).expect("pictures");
        mean(seeds.iter().zip(&made).map(|(seed, made)| length(Norm::L2, seed, &made.picture)))
    };
    let jump = |queries| far(&HopSkipJump { queries, probes: 20, seed: 1 });
    let walk = |queries| far(&Boundary { queries, seed: 1 });
    assert!(jump(500) < 0.6 * jump(50), "{} of {}", jump(500), jump(50));
    assert!(walk(500) < 0.9 * walk(50), "{} of {}", walk(500), walk(50));
}

/// A gateway that lets nothing through.
struct Shut;

impl Oracle for Shut {
    fn ask(&mut self, pictures: &[Picture]) -> Result<Vec<Answer>, AttackError> {
        Ok(vec![Answer::Refused; pictures.len()])
    }
}

#[test]
fn refusals_lead_nowhere() {
    let bench = Bench::new();
    let seeds = &bench.seeds(Goal::Not)[..2];
    for (name, _, attack) in query_attacks() {
        let made: Vec<Made> = attack.run(&mut Shut, seeds, &mut || ()).expect("pictures");
        let pictures: Vec<Picture> = made.iter().map(|made| made.picture.clone()).collect();
        let read = bench.read(&pictures);
        let reached = seeds.iter().zip(read).filter(|(seed, read)| seed.goal.is_reached(*read)).count();
        assert_eq!(reached, 0, "{name}");
        assert!(made.iter().all(|made| made.queries > 0), "{name}");
    }
}

#[test]
fn who_knows_the_detectors_is_suspected_less() {
    let (mut lineup, loader) = models::line_up("signs");
    let bench = Bench::new();
    let seeds = &bench.seeds(Goal::Not)[..8];
    let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models/signs/profile.json"));
    let profile = lineup.profile(path).expect("the profile");
    let teacher = lineup.teacher.take().expect("the classifier");
    let guarded = Guarded::open(&loader.runtime, &teacher, &lineup.panel, &profile.combination).expect("gradients");
    let scores = |made: &[Picture]| -> (usize, f64) {
        let looks = guarded.look(made).expect("looks");
        let reached = seeds.iter().zip(&looks).filter(|(seed, look)| seed.goal.is_reached_by(&look.logits)).count();
        (reached, looks.iter().map(|look| look.score).sum::<f64>() / looks.len() as f64)
    };
    let (_, blind) = scores(&pgd(1).run(&bench.white_box, seeds, &mut || ()).expect("pictures"));
    let ball = Ball::linf(EPS);
    let adaptive = |rule, samples| AdaptivePgd { ball, step: EPS / 4.0, steps: 12, starts: 1, rule, samples, seed: 1 };
    let attacks: [(&str, Box<dyn AdaptiveAttack>); 4] = [
        ("selective", Box::new(adaptive(Rule::Selective, 1))),
        ("orthogonal", Box::new(adaptive(Rule::Orthogonal, 1))),
        ("over samples", Box::new(adaptive(Rule::Selective, 2))),
        ("nearest", Box::new(AdaptiveCarliniWagner { c: 1.0, steps: 20, learning_rate: 0.01, searches: 2 })),
    ];
    let threshold = profile.rates.first().expect("a rate").threshold;
    for (name, attack) in attacks {
        let made = attack.run(&guarded, seeds, threshold, &mut || ()).expect("pictures");
        let (reached, score) = scores(&made);
        assert!(reached >= 6, "{name}: {reached} of 8");
        assert!(score < blind, "{name}: {score}, not below {blind}");
    }
}
