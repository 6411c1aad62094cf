//! What comes with the program to run it: rules, manifests, the image's file system, references, and the guide.
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

mod guide;
mod image;
mod manifests;
mod references;
mod rules;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The package's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file of the package.
fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The real binary, run in the package's folder with nobody's settings but the test's.
fn portcullis(arguments: &[&str]) -> String {
    let settings = std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("PORTCULLIS_"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    settings.for_each(|name| {
        command.env_remove(name);
    });
    let output = command.args(arguments).current_dir(root()).output().expect("the binary starts");
    succeeded(&output);
    String::from_utf8(output.stdout).expect("text")
}

#[track_caller]
fn succeeded(output: &Output) {
    let said = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said).into_owned());
    assert!(output.status.success(), "{}\n{}{}", output.status, said[0], said[1]);
}

/// A program that `make setup` fetches into this folder of `target`, or the one of the PATH; `None`, with a word, where there
/// is neither.
fn tool(folder: &str, name: &str) -> Option<PathBuf> {
    let fetched = root().join("target").join(folder).join(name);
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
    };
    let found = Some(fetched).filter(|program| program.is_file()).or_else(on_path);
    if found.is_none() {
        eprintln!("skipped: there is no {name}; `make setup` fetches what it can");
    }
    found
}
