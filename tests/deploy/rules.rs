//! Prometheus' rules, on series that must raise an alert and such that must not.

use std::process::Command;

use crate::{root, succeeded, tool};

fn promtool(arguments: &[&str], files: &str) {
    let Some(promtool) = tool("prometheus", "promtool") else { return };
    let folder = root().join(files);
    let mut files: Vec<_> = folder.read_dir().expect("readable").map(|entry| entry.expect("readable").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yml"));
    assert!(!files.is_empty());
    succeeded(&Command::new(promtool).args(arguments).args(files).output().expect("promtool starts"));
}

#[test]
fn rules_are_well_formed() {
    promtool(&["check", "rules", "--lint-fatal"], "deploy/prometheus");
}

#[test]
fn alerts_fire_when_they_must_and_keep_quiet_otherwise() {
    promtool(&["test", "rules"], "tests/deploy/prometheus");
}
