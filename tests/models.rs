//! The models that come with the project belong together and are as good as their cards say.
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

use std::fs;
use std::path::{Path, PathBuf};

#[path = "support/models.rs"]
mod models;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// How much worse a model may be on fresh pictures than its card says; three standard deviations of 800 pictures at 95%.
const SLACK: f64 = 0.023;
/// All of one classifier together, in bytes.
const LARGEST: u64 = 3_500_000;

fn folder(example: &str) -> PathBuf {
    Path::new(ROOT).join("models").join(example)
}

/// The share of right answers on the test half, as the model card states it.
fn stated(example: &str, name: &str) -> f64 {
    let card = fs::read_to_string(folder(example).join(name).join("MODEL_CARD.md")).expect("a model card");
    let row = card.lines().find(|line| line.starts_with("| test half |")).expect("a row for the test half");
    let share = row.trim_end_matches([' ', '|']).rsplit('|').next().expect("a share");
    share.trim().parse().expect("a number")
}

fn agreement(left: &[usize], right: &[usize]) -> f64 {
    left.iter().zip(right).filter(|(a, b)| a == b).count() as f64 / left.len() as f64
}

/// Each model of an example reaches on pictures that none has seen what its card states, but for `slack`.
fn assert_as_good_as_stated(example: &str, fresh: &str, slack: f64) {
    let (lineup, _) = models::line_up(example);
    let classifier = lineup.teacher.expect("the classifier");
    let samples = models::drawn(fresh);
    let truths: Vec<usize> = samples.iter().filter_map(|sample| sample.label).collect();
    let read = models::readings(&classifier, &samples);
    let (accuracy, expected) = (agreement(&read, &truths), stated(example, "classifier"));
    println!("classifier: {accuracy:.4}, stated {expected:.4}");
    assert!(accuracy >= expected - slack && expected > 0.9, "accuracy {accuracy}, stated {expected}");
    for student in lineup.panel.students() {
        let agrees = agreement(&models::readings(&student.classifier, &samples), &read);
        let expected = stated(example, &student.name);
        println!("{}: {agrees:.4}, stated {expected:.4}", student.name);
        assert!(agrees >= expected - slack, "{}: agreement {agrees}, stated {expected}", student.name);
    }
}

#[test]
fn each_reaches_on_fresh_signs_what_its_card_states() {
    assert_as_good_as_stated("signs", "signs:8:800", SLACK);
}

#[test]
fn each_reaches_on_fresh_bags_what_its_card_states() {
    // A quarter of the scans, which take longer to draw, for twice the deviation.
    assert_as_good_as_stated("luggage", "luggage:8:210", 2.0 * SLACK);
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
    for example in ["signs", "luggage"] {
        let total = size(&folder(example));
        assert!(total < LARGEST, "{example}: {total} bytes");
    }
}
