//! The references, manual pages and completions, which are made of the code.

use std::process::{Command, Stdio};

use crate::{portcullis, read, root, succeeded, tool};

#[track_caller]
fn assert_is_current(subject: &str, path: &str) {
    let new = portcullis(&["reference", subject]);
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(root().join(path), &new).expect("writable");
    }
    assert!(read(path) == new, "{path} is out of date: run `make reference`");
}

#[test]
fn the_reference_of_the_configuration_is_what_the_program_prints() {
    assert_is_current("configuration", "docs/configuration.md");
    let example = read("deploy/examples/portcullis.toml");
    assert_eq!(portcullis(&["config", "example"]), example);
    let is_key = |line: &&str| {
        line.trim_start_matches(['#', ' '])
            .split_once(" = ")
            .is_some_and(|(key, _)| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
    };
    let keys = example.lines().skip_while(|line| !line.is_empty()).filter(is_key).count();
    let sections = read("docs/configuration.md").lines().filter(|line| line.starts_with("### `")).count();
    assert_eq!(sections, keys, "every key has its section");
}

#[test]
fn the_reference_of_the_metrics_is_what_the_program_prints() {
    assert_is_current("metrics", "docs/metrics.md");
}

#[test]
fn every_command_has_a_manual_page_that_groff_reads() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    portcullis(&["man", "--out", folder.path().to_str().expect("text")]);
    let pages: Vec<_> =
        folder.path().read_dir().expect("readable").map(|page| page.expect("readable").path()).collect();
    for name in ["portcullis", "portcullis-serve", "portcullis-config-check"] {
        assert!(pages.iter().any(|page| page.ends_with(format!("{name}.1"))), "{name} is not among {pages:?}");
    }
    let Some(groff) = tool("", "groff") else { return };
    let output = Command::new(groff).args(["-man", "-ww", "-z"]).args(&pages).output().expect("groff starts");
    succeeded(&output);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "groff warns of nothing");
}

#[test]
fn shells_read_their_completions() {
    for (shell, word) in [("bash", "healthcheck"), ("zsh", "healthcheck"), ("fish", "healthcheck")] {
        assert!(portcullis(&["completions", shell]).contains(word), "{shell}");
    }
    let Some(bash) = tool("", "bash") else { return };
    let script = format!(
        "{}\nCOMP_WORDS=(portcullis health) COMP_CWORD=1; _portcullis portcullis health portcullis; echo \"${{COMPREPLY[*]}}\"",
        portcullis(&["completions", "bash"])
    );
    let output = Command::new(bash).args(["--norc", "-c", &script]).stdin(Stdio::null()).output().expect("bash starts");
    succeeded(&output);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "healthcheck\n");
}
