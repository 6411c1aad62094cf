//! The models that come with the project belong together and are as good as their cards say.
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis::config::Config;
use portcullis::data::{Dataset, Sample};
use portcullis::model::{Classifier, Runtime, Workers};
use portcullis::profile::{Lineup, Loader};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Signs that no model has seen.
const FRESH: &str = "signs:8:800";
/// How much worse a model may be on them than its card says; three standard deviations of 800 pictures at 95%.
const SLACK: f64 = 0.023;
/// All of them together, in bytes.
const LARGEST: u64 = 3_000_000;

fn models() -> PathBuf {
    Path::new(ROOT).join("models/signs")
}

fn line_up() -> Lineup {
    let path = Path::new(ROOT).join("deploy/examples/signs.toml");
    let config = Config::load(&path, [], &[]).expect("a sound configuration");
    let model = config.models.first().expect("a model");
    let workers = Arc::new(Workers::start(2, 64).expect("threads"));
    let loader = Loader { runtime: Runtime::load(None).expect("ONNX Runtime"), workers, intra_threads: 1 };
    let lineup = loader.line_up(model, None).expect("models that fit together");
    lineup.profile(&model.profile.value).expect("a profile that belongs to the models");
    lineup
}

/// The share of right answers on the test half, as the model card states it.
fn stated(name: &str) -> f64 {
    let card = fs::read_to_string(models().join(name).join("MODEL_CARD.md")).expect("a model card");
    let row = card.lines().find(|line| line.starts_with("| test half |")).expect("a row for the test half");
    let share = row.trim_end_matches([' ', '|']).rsplit('|').next().expect("a share");
    share.trim().parse().expect("a number")
}

fn readings(classifier: &Classifier, samples: &[Sample]) -> Vec<usize> {
    let pending: Vec<_> = samples
        .iter()
        .map(|sample| {
            let picture = Arc::new(sample.picture.clone());
            classifier.predict_waiting(move || picture)
        })
        .collect();
    let answers = pending.into_iter().map(|pending| pending.wait().expect("a worker").expect("a prediction"));
    answers.map(|answer| answer.top().0).collect()
}

fn agreement(left: &[usize], right: &[usize]) -> f64 {
    left.iter().zip(right).filter(|(a, b)| a == b).count() as f64 / left.len() as f64
}

#[test]
fn each_reaches_on_fresh_signs_what_its_card_states() {
    let lineup = line_up();
    let classifier = lineup.teacher.expect("the classifier");
    let fresh = Dataset::open(FRESH, &Default::default()).expect("signs");
    let samples: Vec<Sample> = fresh.samples(true).collect::<Result<_, _>>().expect("signs");
    let truths: Vec<usize> = samples.iter().filter_map(|sample| sample.label).collect();
    let read = readings(&classifier, &samples);
    let (accuracy, expected) = (agreement(&read, &truths), stated("classifier"));
    println!("classifier: {accuracy:.4}, stated {expected:.4}");
    assert!(accuracy >= expected - SLACK && expected > 0.9, "accuracy {accuracy}, stated {expected}");
    for student in lineup.panel.students() {
        let agrees = agreement(&readings(&student.classifier, &samples), &read);
        let expected = stated(&student.name);
        println!("{}: {agrees:.4}, stated {expected:.4}", student.name);
        assert!(agrees >= expected - SLACK, "{}: agreement {agrees}, stated {expected}", student.name);
    }
}

#[test]
fn they_are_small_enough_to_be_checked_in() {
    fn size(path: &Path) -> u64 {
        let entries = fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry"));
        entries
            .map(
                |entry| {
                    if entry.path().is_dir() { size(&entry.path()) } else { entry.metadata().map_or(0, |m| m.len()) }
                },
            )
            .sum()
    }
    let total = size(&models());
    assert!(total < LARGEST, "{total} bytes");
}
