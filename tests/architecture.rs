//! The house keeps its order: floors, confined dependencies, files that fit in the head, a map that is true.
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

#[path = "support/source.rs"]
mod source;

use source::named_paths;

/// The modules, top floor first. A module imports from floors below its own, and from its own floor without a circle.
const FLOORS: [&[&str]; 6] = [
    &["main", "cli"],
    &["gateway", "train", "ngram", "attack", "report"],
    &["profile", "detect", "difference", "audit", "evidence", "telemetry", "data", "load"],
    &["squeeze", "model", "onnx"],
    &["config", "proto"],
    &["tensor"],
];

/// The online half, which shares a floor with the offline half and never meets it.
const ONLINE: &[&str] = &["gateway"];
const OFFLINE: &[&str] = &["train", "ngram", "attack", "report"];

/// Crates, each with its family (`hyper`, `hyper_util`), that only these modules may name.
const CONFINED: [(&str, &[&str]); 9] = [
    ("tonic", &["gateway", "proto"]),
    ("hyper", &["gateway"]),
    ("ort", &["model"]),
    ("tokenizers", &["model"]),
    ("burn", &["train"]),
    ("clap", &["main", "cli"]),
    ("anyhow", &["main", "cli"]),
    ("metrics", &["telemetry"]),
    ("opentelemetry", &["telemetry", "gateway"]),
];

/// Crates, each with its family, that these modules must not name.
const BANNED: [(&str, &[&str]); 1] = [("tokio", &["detect", "squeeze", "profile", "onnx", "attack"])];

/// More lines than these don't fit in the head. Generated code need not.
const LONGEST_FILE: usize = 450;
const GENERATED: &str = "proto";

/// Folders at the root of somebody's machine; what is checked in names none of them.
const MACHINE_FOLDERS: [&str; 6] = ["home", "root", "tmp", "work", "Users", "mnt"];

/// A file of the house.
struct File {
    /// Its path, as messages give it.
    path: String,
    text: String,
}

impl File {
    /// The folder of `src` that it belongs to, or its own name at the top.
    fn module(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
    }

    /// How many modules deep it lies: 1 for `src/config/mod.rs`, 2 for `src/config/tree.rs`.
    fn depth(&self) -> usize {
        let parts = self.path.matches('/').count();
        if self.path.ends_with("/mod.rs") { parts - 1 } else { parts }
    }

    fn breach(&self, line: usize, rule: impl Into<String>) -> Breach {
        Breach { place: format!("{}:{line}", self.path), rule: rule.into() }
    }

    /// The modules of this crate that it names, with the lines.
    fn imports(&self) -> Vec<(String, usize)> {
        let own_module = |path: source::NamedPath| {
            let supers = path.segments.iter().take_while(|segment| *segment == "super").count();
            let to_the_root = self.depth() + usize::from(path.in_tests);
            let first = match path.segments[0].as_str() {
                "crate" => 1,
                "super" if supers >= to_the_root => supers,
                _ => return None,
            };
            Some((path.segments.get(first)?.clone(), path.line))
        };
        let imports = named_paths(&self.text).into_iter().filter_map(own_module);
        // Inside the binary, `crate` is the binary.
        imports.filter(|_| !FLOORS[0].contains(&self.module())).collect()
    }
}

/// A rule that is broken somewhere.
#[derive(Debug, PartialEq, Eq)]
struct Breach {
    place: String,
    rule: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.rule)
    }
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

fn is_of_family(name: &str, family: &str) -> bool {
    name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

/// Imports that climb, and imports between the halves.
fn climbing_imports(file: &File) -> Vec<Breach> {
    let module = file.module();
    let Some(own) = floor(module) else {
        let homeless = module != "lib";
        return Vec::from_iter(homeless.then(|| file.breach(1, format!("'{module}' has no floor in {}", file!()))));
    };
    let breach = |(import, line): (String, usize)| {
        let import = import.as_str();
        let across = |from: &[&str], to: &[&str]| from.contains(&module) && to.contains(&import);
        match floor(import) {
            Some(other) if other < own => {
                Some(file.breach(line, format!("{module} imports {import}, which stands above it")))
            }
            Some(_) if across(ONLINE, OFFLINE) || across(OFFLINE, ONLINE) => {
                Some(file.breach(line, format!("{module} imports {import}: the halves don't meet")))
            }
            _ => None,
        }
    };
    file.imports().into_iter().filter_map(breach).collect()
}

/// Modules that import each other, directly or around a corner.
fn circles(files: &[File]) -> Vec<Breach> {
    let mut imports: BTreeMap<&str, BTreeMap<String, Breach>> = BTreeMap::new();
    for file in files {
        for (import, line) in file.imports().into_iter().filter(|(import, _)| import != file.module()) {
            let rule = format!("{} imports {import}, which leads back to it", file.module());
            imports.entry(file.module()).or_default().entry(import).or_insert_with(|| file.breach(line, rule));
        }
    }
    let leads_to = |from: &str, to: &str| {
        let mut reached = BTreeSet::from([from.to_owned()]);
        let mut ahead = vec![from.to_owned()];
        while let Some(module) = ahead.pop() {
            let next = imports.get(module.as_str()).into_iter().flat_map(BTreeMap::keys);
            ahead.extend(next.filter(|next| reached.insert((*next).clone())).cloned());
        }
        reached.contains(to)
    };
    let looping: BTreeSet<(&str, &str)> = imports
        .iter()
        .flat_map(|(module, theirs)| theirs.keys().map(move |import| (*module, import.as_str())))
        .filter(|(module, import)| leads_to(import, module))
        .collect();
    let mut breaches = Vec::new();
    for (module, theirs) in &imports {
        breaches.extend(
            theirs
                .iter()
                .filter(|(import, _)| looping.contains(&(*module, import.as_str())))
                .map(|(_, Breach { place, rule })| Breach { place: place.clone(), rule: rule.clone() }),
        );
    }
    breaches
}

/// Crates outside of where they belong.
fn escaped_crates(file: &File) -> Vec<Breach> {
    let module = file.module();
    let mut breaches = Vec::new();
    for path in named_paths(&file.text) {
        let name = path.segments[0].as_str();
        for (family, homes) in
            CONFINED.iter().filter(|(family, homes)| is_of_family(name, family) && !homes.contains(&module))
        {
            breaches.push(
                file.breach(path.line, format!("{module} names {name}; {family} belongs to {}", homes.join(", "))),
            );
        }
        for (family, _) in
            BANNED.iter().filter(|(family, strangers)| is_of_family(name, family) && strangers.contains(&module))
        {
            breaches.push(file.breach(path.line, format!("{module} names {name}; it must do without {family}")));
        }
    }
    breaches
}

fn too_long(file: &File) -> Option<Breach> {
    let lines = file.text.lines().count();
    let is_too_long = lines > LONGEST_FILE && file.module() != GENERATED;
    is_too_long.then(|| file.breach(lines, format!("a file has at most {LONGEST_FILE} lines")))
}

/// Lines that name a place on somebody's machine.
fn machine_paths(file: &File) -> Vec<Breach> {
    let names_one = |line: &str| {
        MACHINE_FOLDERS.iter().find(|folder| {
            let path = format!("/{folder}/");
            line.match_indices(&path)
                .any(|(at, _)| !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '.'))
        })
    };
    let lines = file.text.lines().enumerate();
    let found = lines.filter_map(|(index, line)| Some((index + 1, names_one(line)?)));
    found
        .map(|(line, folder)| file.breach(line, format!("names a path below /{folder}, which is some machine's")))
        .collect()
}

/// Modules that the map in `src/lib.rs` does not show.
fn unmapped(lib: &File, modules: &BTreeSet<&str>) -> Vec<Breach> {
    let map: String = lib.text.lines().filter(|line| line.starts_with("//!")).collect();
    let shown = |module: &str| map.contains(&format!("`{module}`"));
    let missing = modules.iter().filter(|module| **module != "lib" && !shown(module));
    missing.map(|module| lib.breach(1, format!("the map does not show `{module}`"))).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text files below `place`, sorted by path.
fn files(place: &str) -> Vec<File> {
    let mut ahead = vec![root().join(place)];
    let mut files = Vec::new();
    while let Some(path) = ahead.pop() {
        if path.is_dir() {
            ahead.extend(path.read_dir().expect("readable").map(|entry| entry.expect("readable").path()));
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            let path: PathBuf = path.strip_prefix(root()).expect("below the root").to_owned();
            files.push(File { path: path.to_string_lossy().into_owned(), text });
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn sources() -> Vec<File> {
    let mut files = files("src");
    files.retain(|file| file.path.ends_with(".rs"));
    assert!(files.len() > 50, "only {} files were found", files.len());
    files
}

fn assert_kept(breaches: impl IntoIterator<Item = Breach>) {
    let breaches: Vec<String> = breaches.into_iter().map(|breach| breach.to_string()).collect();
    assert!(breaches.is_empty(), "{} breaches of the house rules\n{}", breaches.len(), breaches.join("\n"));
}

#[test]
fn imports_point_downwards_only() {
    assert_kept(sources().iter().flat_map(climbing_imports));
}

#[test]
fn no_module_imports_what_imports_it() {
    assert_kept(circles(&sources()));
}

#[test]
fn heavy_dependencies_stay_where_they_belong() {
    assert_kept(sources().iter().flat_map(escaped_crates));
}

#[test]
fn every_file_fits_in_the_head() {
    assert_kept(sources().iter().filter_map(too_long));
}

#[test]
fn nothing_names_a_place_on_a_machine() {
    let places = ["src", "tests", "deploy", "docs", "README.md", "CHANGELOG.md", "Makefile", "Cargo.toml", ".ci"];
    assert_kept(
        places
            .into_iter()
            .filter(|place| root().join(place).exists())
            .flat_map(files)
            .flat_map(|file| machine_paths(&file)),
    );
}

#[test]
fn the_map_of_the_house_shows_every_module() {
    let sources = sources();
    let lib = sources.iter().find(|file| file.path == "src/lib.rs").expect("there is a library");
    assert_kept(unmapped(lib, &sources.iter().map(File::module).collect()));
}

mod the_checker_itself {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    fn shown(breaches: impl IntoIterator<Item = Breach>) -> Vec<String> {
        breaches.into_iter().map(|breach| breach.to_string()).collect()
    }

    #[test]
    fn finds_imports_that_climb_however_they_are_written() {
        let text = "//! See `crate::gateway`.\nuse crate::{config, profile::{self as p, Rate}};\nfn f() -> crate::cli::X {}\n\
                    use super::super::gateway;\n#[cfg(test)]\nmod tests { use super::super::config; }\n";
        assert_eq!(
            shown(climbing_imports(&file("src/model/workers.rs", text))),
            [
                "src/model/workers.rs:2: model imports profile, which stands above it",
                "src/model/workers.rs:2: model imports profile, which stands above it",
                "src/model/workers.rs:3: model imports cli, which stands above it",
                "src/model/workers.rs:4: model imports gateway, which stands above it",
            ]
        );
        assert_eq!(shown(climbing_imports(&file("src/cellar/mod.rs", ""))).len(), 1, "no floor is known for it");
    }

    #[test]
    fn finds_the_halves_meeting_and_circles() {
        let attack = file("src/attack/pgd.rs", "use crate::gateway::Gateway;");
        assert_eq!(
            shown(climbing_imports(&attack)),
            ["src/attack/pgd.rs:1: attack imports gateway: the halves don't meet"]
        );
        let circle = [
            file("src/profile/mod.rs", "use crate::detect::Rate;"),
            file("src/detect/mod.rs", "\nuse crate::data::Sample;\nuse crate::config::Policy;"),
            file("src/data/mod.rs", "use crate::profile::Profile;"),
        ];
        assert_eq!(
            shown(circles(&circle)),
            [
                "src/data/mod.rs:1: data imports profile, which leads back to it",
                "src/detect/mod.rs:2: detect imports data, which leads back to it",
                "src/profile/mod.rs:1: profile imports detect, which leads back to it",
            ]
        );
    }

    #[test]
    fn finds_crates_that_escaped_but_not_their_namesakes() {
        let text = "use crate::telemetry::{metrics, names};\nuse hyper_util::rt;\nfn f() { self.metrics.record::<u8>(1); \"ort::x\"; }\n\
                    use {tokio::sync, std::fmt};\nuse anyhow as a;\n";
        assert_eq!(
            shown(escaped_crates(&file("src/profile/mod.rs", text))),
            [
                "src/profile/mod.rs:2: profile names hyper_util; hyper belongs to gateway",
                "src/profile/mod.rs:4: profile names tokio; it must do without tokio",
                "src/profile/mod.rs:5: profile names anyhow; anyhow belongs to main, cli",
            ]
        );
        assert_eq!(shown(escaped_crates(&file("src/gateway/mod.rs", "use tonic_health::server;"))), [""; 0]);
    }

    #[test]
    fn finds_long_files_machine_paths_and_holes_in_the_map() {
        let long = "\n".repeat(LONGEST_FILE + 1);
        assert_eq!(
            too_long(&file("src/data/idx.rs", &long)).map(|breach| breach.place),
            Some("src/data/idx.rs:451".into())
        );
        assert_eq!(too_long(&file("src/proto/inference.rs", &long)), None);
        let place = format!("let x = \"{}/{}/x\";\n\"../shared/{}/y\"", "", MACHINE_FOLDERS[0], MACHINE_FOLDERS[3]);
        assert_eq!(shown(machine_paths(&file("src/a.rs", &place))).len(), 1);
        let lib = file("src/lib.rs", "//! | `config` | the configuration |\npub mod `detect`;");
        assert_eq!(
            shown(unmapped(&lib, &BTreeSet::from(["config", "detect", "lib"]))),
            ["src/lib.rs:1: the map does not show `detect`"]
        );
    }
}
