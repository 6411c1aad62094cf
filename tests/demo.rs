//! `portcullis demo` shows what it says.
#![expect(clippy::unwrap_used, reason = "a test whose case can't be set up fails")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn demo(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_portcullis")).arg("demo").args(arguments).current_dir(folder).output().unwrap()
}

/// What a demonstration tells, after what all of them must: adversarial pictures are refused far more often than benign ones,
/// and its metrics count the same.
fn told(about: &str, model: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let sheet = folder.path().join("sheet.png");
    let output = demo(Path::new(env!("CARGO_MANIFEST_DIR")), &[about, "--json", "--sheet", sheet.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let pictures = told["pictures"].as_array().unwrap();
    let count = |kind: &Value, what: &str| kind[what].as_u64().unwrap();
    let share = |kind: &Value| count(kind, "refused") as f64 / count(kind, "sent") as f64;
    let (benign, attacks) = pictures.split_first().unwrap();
    assert_eq!(benign["kind"], "benign");
    assert!(attacks.len() >= 3 && attacks.iter().all(|attack| share(attack) > 3.0 * share(benign)), "{told}");

    let refused: u64 = pictures.iter().map(|kind| count(kind, "refused")).sum();
    let blocked = format!("portcullis_actions_total{{model=\"{model}\",action=\"block\"}} {refused}");
    assert!(told["quoted"].as_array().unwrap().contains(&blocked.into()), "the metrics count otherwise: {told}");
    if !told["contact_sheet"].as_str().unwrap().contains("no font") {
        assert!(std::fs::read(sheet).unwrap().starts_with(b"\x89PNG"));
    }
    told
}

#[test]
fn a_stop_sign_that_is_read_as_a_speed_limit_is_refused() {
    let told = told("signs", "signs");
    let example = told["example"].as_str().unwrap();
    assert!(example.contains("\"stop\"") && example.contains("speed-limit"), "not the story: {example}");
}

#[test]
fn a_knife_that_is_taken_for_an_umbrella_is_refused() {
    let told = told("luggage", "luggage");
    let example = told["example"].as_str().unwrap();
    assert!(example.contains("\"knife\"") && example.contains("\"umbrella\""), "not the story: {example}");
    assert!(example.contains("adversarial"), "not refused: {example}");
}

#[test]
fn outside_the_project_it_says_in_one_line_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(folder.path(), &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.lines().count() == 1 && said.contains("is not there"), "{said}");
}
