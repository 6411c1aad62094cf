//! The models that come with the project belong together and are as good as their cards say.
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

use std::fs;
use std::path::{Path, PathBuf};

#[path = "support/signs.rs"]
mod signs;

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

/// The share of right answers on the test half, as the model card states it.
fn stated(name: &str) -> f64 {
    let card = fs::read_to_string(models().join(name).join("MODEL_CARD.md")).expect("a model card");
    let row = card.lines().find(|line| line.starts_with("| test half |")).expect("a row for the test half");
    let share = row.trim_end_matches([' ', '|']).rsplit('|').next().expect("a share");
    share.trim().parse().expect("a number")
}

fn agreement(left: &[usize], right: &[usize]) -> f64 {
    left.iter().zip(right).filter(|(a, b)| a == b).count() as f64 / left.len() as f64
}

#[test]
fn each_reaches_on_fresh_signs_what_its_card_states() {
    let (lineup, _) = signs::line_up();
    let classifier = lineup.teacher.expect("the classifier");
    let samples = signs::drawn(FRESH);
    let truths: Vec<usize> = samples.iter().filter_map(|sample| sample.label).collect();
    let read = signs::readings(&classifier, &samples);
    let (accuracy, expected) = (agreement(&read, &truths), stated("classifier"));
    println!("classifier: {accuracy:.4}, stated {expected:.4}");
    assert!(accuracy >= expected - SLACK && expected > 0.9, "accuracy {accuracy}, stated {expected}");
    for student in lineup.panel.students() {
        let agrees = agreement(&signs::readings(&student.classifier, &samples), &read);
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
