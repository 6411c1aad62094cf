//! What Kubernetes is given, held against its own schemas; `manifests.py` says how.

use std::process::Command;

use portcullis::config::Config;

use crate::{read, root, succeeded, tool};

#[test]
fn charts_and_recipes_are_what_kubernetes_takes() {
    if !root().join("target/deploy/bin/python").exists() {
        eprintln!("skipped: there is no Helm in Python; `make setup` fetches it");
        return;
    }
    let Some(python) = tool("deploy/bin", "python") else { return };
    succeeded(&Command::new(python).arg(root().join("tests/deploy/manifests.py")).output().expect("Python starts"));
}

/// The configurations inside the recipes: the blocks that are indented below `portcullis.toml: |` or `config: |`.
fn configurations(recipe: &str) -> Vec<String> {
    let text = read(recipe);
    let mut lines = text.lines().peekable();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if !["config: |", "portcullis.toml: |"].contains(&line.trim()) {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let mut block = String::new();
        while let Some(line) = lines.next_if(|line| line.is_empty() || line.len() - line.trim_start().len() > indent) {
            block += line.trim_start();
            block.push('\n');
        }
        found.push(block);
    }
    found
}

#[test]
fn the_configurations_in_recipes_are_valid() {
    for recipe in ["triton/values.yaml", "mlserver/values.yaml", "kserve/collocation.yaml"] {
        let found = configurations(&format!("deploy/recipes/{recipe}"));
        let [configuration] = &found[..] else { panic!("{recipe} has {} configurations", found.len()) };
        // What the chart sets around it, and any files for the models.
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("any");
        std::fs::write(&file, "").expect("writable");
        let here = configuration.lines().map(|line| match line.split_once(" = \"/models/") {
            Some((key, _)) => format!("{key} = {file:?}\n"),
            None => format!("{line}\n"),
        });
        let flags = [("upstream.grpc".to_owned(), "http://127.0.0.1:8081".to_owned())];
        let config = Config::parse(&here.collect::<String>(), folder.path(), [], &flags);
        assert_eq!(config.expect("valid").models[0].name.value, "signs", "{recipe}");
    }
}
