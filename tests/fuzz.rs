//! No bytes break what reads bytes: the fuzz targets of `tests/fuzz`, each on its corpus and on inputs that are like it.
//!
//! `EXECUTIONS` says on how many inputs, `SEED` on which, `FUZZ_SECONDS` for how long at least; `make fuzz` runs the same
//! targets under libFuzzer. An input that breaks one is named: it belongs into the corpus, and what it broke mended.
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

use std::any::Any;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[path = "fuzz/mutator.rs"]
mod mutator;
#[path = "fuzz/seeds/mod.rs"]
mod seeds;
#[path = "fuzz/targets/mod.rs"]
mod targets;

use mutator::Mutator;
use targets::TARGETS;

/// Corpora are small: largest input and all inputs of a target, in bytes.
const LARGEST_INPUT: u64 = 8 << 10;
const LARGEST_CORPUS: u64 = 100 << 10;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a whole number"))
}

/// Executes a target on its corpus, then on `executions` inputs that are made from it, or on more until the time is over.
fn fuzz(name: &str, executions: u64) {
    let (executions, seed) = (variable("EXECUTIONS", executions), variable("SEED", 1));
    let (begin, least) = (Instant::now(), Duration::from_secs(variable("FUZZ_SECONDS", 0)));
    let files = files(&folder().join("corpus").join(name));
    let corpus: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).expect("readable")).collect();
    let execute = |input: &[u8], place: &dyn Fn() -> String| -> u64 {
        match catch_unwind(AssertUnwindSafe(|| targets::run(name, input))) {
            Ok(accepted) => accepted.into(),
            Err(problem) => panic!("{}: {}", place(), in_words(problem.as_ref())),
        }
    };
    let known = files.iter().zip(&corpus).map(|(file, input)| execute(input, &|| file.display().to_string()));
    let mut accepted = known.sum::<u64>();
    assert!(accepted > 0, "{name} accepts nothing of its corpus");
    let kept = Kept::new(name);
    let mut mutator = Mutator::new(&corpus, seed);
    let mut execution = 0;
    while execution < executions || begin.elapsed() < least {
        let input = mutator.input();
        kept.keep(&input);
        accepted += execute(&input, &|| format!("{} (execution {execution} of seed {seed})", kept.path.display()));
        execution += 1;
    }
    println!("{name}: {execution} executions in {:.0?}, {accepted} inputs accepted", begin.elapsed());
}

fn in_words(problem: &(dyn Any + Send)) -> &str {
    let text = problem.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| problem.downcast_ref::<&str>().copied()).unwrap_or("it panicked")
}

/// A file with the input under execution, which is left there even if the process ends.
struct Kept {
    path: PathBuf,
    file: File,
}

impl Kept {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
        fs::create_dir_all(&folder).expect("the target folder is writable");
        let path = folder.join(name);
        Self { file: File::create(&path).expect("writable"), path }
    }

    fn keep(&self, input: &[u8]) {
        self.file.write_all_at(input, 0).expect("writable");
        self.file.set_len(input.len() as u64).expect("writable");
    }
}

#[test]
fn no_contents_break_a_tensor() {
    fuzz("bytes", 500_000);
}

#[test]
fn no_text_breaks_the_configuration() {
    fuzz("config", 100_000);
}

#[test]
fn no_file_of_a_client_breaks_its_decoding() {
    fuzz("encoded", 15_000);
}

#[test]
fn no_file_breaks_the_decoding_of_a_picture() {
    fuzz("image", 100_000);
}

#[test]
fn no_archive_breaks_the_reading_of_arrays() {
    fuzz("npz", 100_000);
}

#[test]
fn no_model_breaks_the_reading_of_a_graph() {
    fuzz("onnx", 250_000);
}

#[test]
fn no_profile_breaks_its_reading() {
    fuzz("profile", 100_000);
}

#[test]
fn no_body_breaks_the_reading_of_a_request_over_http() {
    fuzz("rest", 250_000);
}

#[test]
fn no_body_breaks_the_view_of_a_request_or_an_answer() {
    fuzz("wire", 500_000);
}

#[test]
fn every_target_has_a_small_corpus_and_runs_under_libfuzzer() {
    let names = |folder: &str| -> BTreeSet<String> {
        let stem = |file: &PathBuf| file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        files(&self::folder().join(folder)).iter().map(stem).collect()
    };
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("corpus"), targets);
    assert_eq!(names("fuzz_targets"), targets);
    for name in &targets {
        let sizes = files(&folder().join("corpus").join(name))
            .into_iter()
            .map(|file| fs::metadata(file).expect("a file").len());
        let sizes: Vec<u64> = sizes.collect();
        assert!(sizes.iter().all(|&size| size <= LARGEST_INPUT), "{name}: {sizes:?}");
        assert!(sizes.iter().sum::<u64>() <= LARGEST_CORPUS, "{name}: {sizes:?}");
    }
}

#[test]
#[ignore = "it writes the corpora; `make corpus`"]
fn the_corpora_have_their_seeds() {
    for (name, _) in TARGETS {
        let folder = folder().join("corpus").join(name);
        fs::create_dir_all(&folder).expect("writable");
        for (file, seed) in seeds::of(name) {
            fs::write(folder.join(file), seed).expect("writable");
        }
    }
}
