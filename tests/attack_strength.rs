//! Attacks are as strong as those of a public attack library on the same classifier and the same pictures: success at most
//! one point lower, distortion at most a twentieth larger. Minutes of work: `make strength` runs it.
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

use std::path::Path;

use portcullis::attack::{
    Apgd, ApgdLoss, Attack, Ball, Bim, CarliniWagner2, Fgsm, Goal, LocalOracle, Norm, Pgd, QueryAttack, Seed, Square,
    WhiteBox,
};
use portcullis::config::Config;
use portcullis::data::Dataset;
use portcullis::model::Runtime;
use portcullis::profile::Loader;
use portcullis::tensor::Picture;

const CONFIG: &str = "deploy/examples/five_classifiers.toml";
const DATA: &str = "../shared/data/cifar10";
/// Pictures for attacks that take minutes, and for quick ones.
const COUNT: usize = 200;
const MANY: usize = 1000;
const QUICK: [&str; 2] = ["FGSM", "BIM"];
const LEVEL: f32 = 1.0 / 255.0;

/// What a public library reaches: share of successes, mean L2 over them where the attack makes it small.
struct Known(f64, Option<f64>);

/// A targeted attack, of which any error counts as a success.
const LEAST_LIKELY: &str = "PGD to the least likely";

enum Method {
    Gradients(Box<dyn Attack>),
    Queries(Box<dyn QueryAttack>),
}

fn known() -> Vec<(&'static str, Known, Method)> {
    let white = |attack: Box<dyn Attack>| Method::Gradients(attack);
    let pgd = |ball, step, steps| white(Box::new(Pgd { ball, step, steps, starts: 1, seed: 7 }));
    let linf = |levels: f32| Ball::linf(levels * LEVEL);
    let cw = |c, kappa| white(Box::new(CarliniWagner2 { c, kappa, steps: 80, learning_rate: 0.01, searches: 1 }));
    let square = Square { eps: 8.0 * LEVEL, queries: 400, share: 0.8, seed: 7 };
    let apgd = |loss| white(Box::new(Apgd { ball: linf(8.0), loss, steps: 20, seed: 7 }));
    vec![
        ("FGSM 4/255", Known(0.900, None), white(Box::new(Fgsm { eps: 4.0 * LEVEL }))),
        ("FGSM 8/255", Known(0.925, None), white(Box::new(Fgsm { eps: 8.0 * LEVEL }))),
        ("BIM 2/255", Known(0.865, None), white(Box::new(Bim { eps: 2.0 * LEVEL, step: 0.3 * LEVEL, steps: 10 }))),
        ("PGD 8/255", Known(1.0, None), pgd(linf(8.0), LEVEL, 20)),
        ("PGD 4/255", Known(1.0, None), pgd(linf(4.0), 0.5 * LEVEL, 20)),
        ("PGD-L2 0.5", Known(0.995, Some(0.50)), pgd(Ball { norm: Norm::L2, eps: 0.5 }, 0.05, 20)),
        (LEAST_LIKELY, Known(1.0, None), pgd(linf(8.0), LEVEL, 40)),
        ("APGD-CE 8/255", Known(1.0, None), apgd(ApgdLoss::CrossEntropy)),
        ("APGD-DLR 8/255", Known(1.0, None), apgd(ApgdLoss::Dlr)),
        ("CW-2 c 1", Known(0.960, Some(0.37)), cw(1.0, 0.0)),
        // The library keeps the nearest picture that is misread, however little: so does kappa 0.
        ("CW-2 c 5", Known(0.960, Some(0.38)), cw(5.0, 0.0)),
        ("CW-2 c 5 kappa 5", Known(0.960, None), cw(5.0, 5.0)),
        ("Square 8/255", Known(0.930, None), Method::Queries(Box::new(square))),
    ]
}

/// The first pictures of the test set that the classifier reads rightly.
fn first_that_are_read_rightly(white_box: &WhiteBox) -> Vec<Seed> {
    let data = Dataset::open(DATA, &Default::default()).expect("pictures");
    let samples: Vec<_> = data.samples(true).take(2 * MANY).collect::<Result<_, _>>().expect("pictures");
    let pictures: Vec<Picture> = samples.iter().map(|sample| sample.picture.clone()).collect();
    let logits = white_box.logits(&pictures).expect("logits");
    let seeds = samples.into_iter().zip(logits).filter_map(|(sample, logits)| {
        let goal = Goal::Not(sample.label?);
        (!goal.is_reached_by(&logits)).then_some(Seed { picture: sample.picture, goal })
    });
    seeds.take(MANY).collect()
}

fn towards_the_least_likely(white_box: &WhiteBox, seeds: &[Seed]) -> Vec<Seed> {
    let pictures: Vec<Picture> = seeds.iter().map(|seed| seed.picture.clone()).collect();
    let least =
        |logits: &Vec<f32>| (0..logits.len()).min_by(|&a, &b| logits[a].total_cmp(&logits[b])).expect("classes");
    let logits = white_box.logits(&pictures).expect("logits");
    pictures
        .into_iter()
        .zip(&logits)
        .map(|(picture, logits)| Seed { picture, goal: Goal::Read(least(logits)) })
        .collect()
}

#[test]
#[ignore = "takes minutes; `make strength` runs it"]
fn attacks_are_as_strong_as_those_of_a_public_library() {
    if !Path::new(DATA).exists() {
        println!("skipped: there is no {DATA}");
        return;
    }
    let config = Config::load(Path::new(CONFIG), [], &[]).expect("a sound configuration");
    let model = config.models.iter().find(|model| model.name.value.contains("cifar")).expect("a CIFAR-10 model");
    let runtime = Runtime::load(None).expect("ONNX Runtime");
    let loader = Loader::start(runtime, 2, 64).expect("threads");
    let lineup = loader.line_up(model, Default::default()).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let classifier = lineup.teacher.expect("the classifier");
    let white_box = WhiteBox::open(&loader.runtime, &classifier).expect("gradients");
    let seeds = first_that_are_read_rightly(&white_box);

    let mut weak = Vec::new();
    for (name, Known(success, distance), method) in known() {
        let seeds = if QUICK.iter().any(|quick| name.starts_with(quick)) { &seeds[..] } else { &seeds[..COUNT] };
        let begin = if name == LEAST_LIKELY { towards_the_least_likely(&white_box, seeds) } else { seeds.to_vec() };
        let began = std::time::Instant::now();
        let made: Vec<Picture> = match method {
            Method::Gradients(attack) => attack.run(&white_box, &begin, &mut || ()).expect("pictures"),
            Method::Queries(attack) => {
                let made = attack.run(&mut LocalOracle::new(classifier.clone()), &begin, &mut || ()).expect("pictures");
                made.into_iter().map(|made| made.picture).collect()
            }
        };
        let logits = white_box.logits(&made).expect("logits");
        let reached =
            seeds.iter().zip(&made).zip(&logits).filter(|((seed, _), logits)| seed.goal.is_reached_by(logits));
        let lengths: Vec<f64> = reached
            .map(|((seed, picture), _)| {
                let pairs = picture.pixels().iter().zip(seed.picture.pixels());
                f64::from(Norm::L2.length(&pairs.map(|(a, b)| a - b).collect::<Vec<_>>()))
            })
            .collect();
        let share = lengths.len() as f64 / seeds.len() as f64;
        let mean = lengths.iter().sum::<f64>() / lengths.len().max(1) as f64;
        println!("{name:24} {share:.3} of {success:.3}, L2 {mean:.3} of {distance:?}, {:.1?}", began.elapsed());
        if share < success - 0.0101 || distance.is_some_and(|distance| mean > 1.05 * distance) {
            weak.push(name);
        }
    }
    assert!(weak.is_empty(), "weaker than a public library: {weak:?}");
}
