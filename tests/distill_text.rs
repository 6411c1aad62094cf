//! `portcullis distill` makes a student of a classifier of text, in seconds, in every build.
#![expect(clippy::unwrap_used, reason = "a test whose case can't be set up fails")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn shared() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    if !path.exists() {
        println!("skipped: ../shared is missing");
        return None;
    }
    Some(path)
}

fn distill(folder: &Path, more: &[&str]) -> Output {
    let shared = shared().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.current_dir(folder).arg("distill").arg("--teacher").arg(shared.join("models/sms_spam.onnx"));
    command.args(["--count", "600", "--out", "student", "--json", "--data"]);
    command.arg(shared.join("data/sms_spam/SMSSpamCollection")).args(more).output().unwrap()
}

#[test]
fn a_student_of_the_spam_filter_is_made_checked_and_described() {
    if shared().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let made = distill(folder.path(), &[]);
    assert!(made.status.success(), "{made:?}");
    let told: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!((told["messages"]["training"].as_u64(), told["messages"]["validation"].as_u64()), (Some(540), Some(60)));
    assert!(told["validation"]["alike"].as_u64().unwrap() >= 54, "{told}");
    assert!(told["export_difference"].as_f64().unwrap() < 1e-4);
    let card = std::fs::read_to_string(folder.path().join("student/MODEL_CARD.md")).unwrap();
    assert!(card.contains("sms_spam.onnx") && card.contains("540 messages to learn from"), "{card}");

    let student = folder.path().join("student/student.onnx");
    let first = std::fs::read(&student).unwrap();
    let again = distill(folder.path(), &[]);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("--restart"), "{again:?}");
    assert!(distill(folder.path(), &["--restart"]).status.success());
    assert_eq!(std::fs::read(&student).unwrap(), first, "the same command makes the same student");
}
