//! The guide: every page is in its table of contents, every link leads somewhere, and its commands work.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{read, root, succeeded};

/// The pages of the guide, from the project's folder.
fn pages() -> BTreeSet<PathBuf> {
    let entries = root().join("docs").read_dir().expect("readable");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let pages = paths.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.map(|path| path.strip_prefix(root()).expect("below the root").to_owned()).collect()
}

/// Where the links and pictures of a page lead, relative to the page.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|link| !link.contains("://"))
}

/// How a heading is linked to: as hosts of Markdown have it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|char| char.is_alphanumeric() || [' ', '-', '_'].contains(char));
    kept.map(|char| if char == ' ' { '-' } else { char }).collect()
}

#[test]
fn the_table_of_contents_has_every_page() {
    let contents = read("docs/SUMMARY.md");
    let listed: BTreeSet<PathBuf> = links(&contents).map(|link| Path::new("docs").join(link)).collect();
    let mut pages = pages();
    pages.remove(Path::new("docs/SUMMARY.md"));
    assert_eq!(listed, pages);
}

#[test]
fn every_link_leads_somewhere() {
    for page in pages().into_iter().chain(["README.md".into()]) {
        let text = read(page.to_str().expect("text"));
        for link in links(&text) {
            let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { page.with_file_name(path) };
            assert!(root().join(&target).exists(), "{}: {link} leads nowhere", page.display());
            if !fragment.is_empty() {
                let target = read(target.to_str().expect("text"));
                let found = target.lines().any(|line| line.starts_with('#') && anchor(line) == fragment);
                assert!(found, "{}: {link} has no such heading", page.display());
            }
        }
    }
}

/// The blocks of a page that begin with ```` ```sh run ````, as one script.
fn script(page: &str) -> String {
    let text = read(page);
    let blocks = text.split("```sh run\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.collect()
}

/// Runs the commands of a page in an empty folder, where `portcullis` is the binary and `portcullis-files` the project.
fn run(page: &str) {
    let commands = script(page);
    assert!(!commands.is_empty(), "{page} has commands");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let binaries = Path::new(env!("CARGO_BIN_EXE_portcullis")).parent().expect("a folder");
    std::os::unix::fs::symlink(root(), folder.path().join("portcullis-files")).expect("writable");
    // What the commands leave running ends with them.
    let script = format!("set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{commands}");
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("timeout");
    command.args(["600", "bash", "--norc", "-c", &script]).current_dir(folder.path()).env("PATH", path);
    let library = root().join("target/onnxruntime/libonnxruntime.so");
    if library.exists() {
        command.env("ORT_DYLIB_PATH", library);
    }
    succeeded(&command.output().expect("bash starts"));
}

#[test]
fn the_quickstart_of_the_platform_team_works() {
    run("docs/quickstart-platform.md");
}

#[test]
fn the_quickstart_of_the_security_team_works() {
    run("docs/quickstart-security.md");
}

#[test]
fn the_quickstart_of_a_filter_of_messages_works() {
    if !root().join("../shared").exists() {
        return eprintln!("skipped: ../shared is not there");
    }
    run("docs/text.md");
}

#[test]
fn the_quickstart_of_a_classifiers_owner_works() {
    run("docs/quickstart-owner.md");
}
