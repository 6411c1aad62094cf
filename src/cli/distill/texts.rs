//! Students of text.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use portcullis::model::{Classifier, InputSpec, OnnxModel, OutputSpec, TextSpec};
use portcullis::ngram::{Example, Plan, Student, TextContract, fit, mixed};
use portcullis::profile::Loader;

use crate::cli::{Common, pictures, texts};

/// The student's file.
const FILE: &str = "student.onnx";
/// What the student's input is called where the teacher takes tokens that clients send.
const TEXT: &str = "text";
/// One in so many messages validates.
const PART: usize = 10;
/// Copies of each of the others, in which words of others are mixed.
const COPIES: usize = 6;
/// The most that the file's probabilities may differ from the student's.
const MOST_DIFFERENCE: f64 = 1e-4;

/// What a student of text is made of, and where it goes.
#[derive(clap::Args, Clone)]
pub struct StudentArguments {
    /// Messages to learn from: TSV (`label<TAB>text`), CSV with a heading or JSON lines; the teacher says what they are.
    #[arg(long, value_name = "PATH")]
    pub data: PathBuf,
    /// Use so many of the messages, the first ones in the order of the seed; all if not given.
    #[arg(long, value_name = "N")]
    pub count: Option<usize>,
    /// Folder for the student and its model card.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Make it anew, whatever is in the folder.
    #[arg(long)]
    pub restart: bool,
    /// Seed of everything random: the same command gives the same student.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl StudentArguments {
    /// The folder to write to, which holds no student unless that may go.
    pub fn prepare(&self) -> Result<()> {
        let file = self.out.join(FILE);
        if file.exists() && !self.restart {
            bail!("{} is there already; choose another --out, or make it anew with --restart", file.display());
        }
        fs::create_dir_all(&self.out).with_context(|| format!("cannot make the folder {}", self.out.display()))
    }
}

/// What the file came to beside the student and the teacher.
struct Check {
    /// Messages that it was asked about.
    messages: usize,
    /// Those that it reads as the teacher does.
    alike: usize,
    /// The largest difference of its probabilities from the student's.
    difference: f64,
}

/// Asks the teacher about the messages, fits a student, checks and writes it.
pub fn run(common: &Common, arguments: &StudentArguments, teacher: &Classifier, loader: &Loader) -> Result<()> {
    let began = Instant::now();
    let mut messages = texts::in_order(&texts::read(&arguments.data)?, arguments.seed, |_| false)?;
    messages.truncate(arguments.count.unwrap_or(usize::MAX));
    let examples = answered(teacher, messages.into_iter().map(|message| message.text))?;
    let (validation, training) = examples.split_at(examples.len() / PART);
    let plan = Plan { seed: arguments.seed, ..Plan::default() };
    let student = fit(&mixed(training, COPIES, arguments.seed), &plan)?;
    let input = input(teacher)?;
    let contract = contract(&input, teacher);
    let bytes = student.export(&contract, &[("portcullis.version", env!("CARGO_PKG_VERSION"))])?;
    let check = check(&bytes, &student, validation, (input, teacher.output()), loader)?;
    let file = arguments.out.join(FILE);
    pictures::write(&file, &bytes)?;
    let card = card(arguments, teacher, training.len(), &check);
    pictures::write(&arguments.out.join("MODEL_CARD.md"), card.as_bytes())?;
    show(common, &file, training.len(), &check, began);
    Ok(())
}

/// The messages with the teacher's answers.
fn answered(teacher: &Classifier, messages: impl Iterator<Item = String>) -> Result<Vec<Example>> {
    let asked: Vec<_> = messages
        .map(|text| {
            let sent = text.clone();
            (text, teacher.predict_waiting(move || sent))
        })
        .collect();
    let answered = asked.into_iter().map(|(text, answer)| {
        let answer = answer.wait().context("the teacher was not asked")?.context("the teacher failed")?;
        Ok(Example { text, target: answer.probabilities().to_vec() })
    });
    answered.collect()
}

/// What the student takes: what its teacher does, or texts in the place of their tokens.
fn input(teacher: &Classifier) -> Result<TextSpec> {
    match teacher.input() {
        InputSpec::Text(spec) => Ok(spec.clone()),
        InputSpec::Tokens(spec) => {
            Ok(TextSpec { name: spec.text.clone().unwrap_or_else(|| TEXT.to_owned()), in_rows: true })
        }
        InputSpec::Picture(_) => bail!("the teacher takes no text"),
    }
}

/// The student answers what its teacher does.
fn contract(input: &TextSpec, teacher: &Classifier) -> TextContract {
    let output = teacher.output();
    TextContract {
        input: input.name.clone(),
        has_column: input.in_rows,
        output: output.name.clone(),
        kind: output.kind,
    }
}

/// Runs the file in ONNX Runtime beside the student and the teacher.
fn check(
    bytes: &[u8],
    student: &Student,
    validation: &[Example],
    (input, output): (TextSpec, &OutputSpec),
    loader: &Loader,
) -> Result<Check> {
    let Loader { runtime, workers, intra_threads, .. } = loader;
    let model = OnnxModel::from_bytes(runtime, Path::new(FILE), bytes, workers.count(), *intra_threads)?;
    let file = Classifier::new(model.into(), workers.clone(), input, output.clone());
    let mut check = Check { messages: validation.len(), alike: 0, difference: 0.0 };
    for (example, answer) in
        validation.iter().zip(answered(&file, validation.iter().map(|example| example.text.clone()))?)
    {
        check.alike += usize::from(top(&example.target) == top(&answer.target));
        let pairs = student.predict(&example.text).into_iter().zip(answer.target);
        check.difference = pairs.map(|(one, other)| (one - other).abs()).fold(check.difference, f64::max);
    }
    ensure!(
        check.difference <= MOST_DIFFERENCE,
        "the file's probabilities differ by {:.1e} from the student's: another version of ONNX Runtime may help",
        check.difference
    );
    Ok(check)
}

/// The first class of the largest probability.
fn top(probabilities: &[f64]) -> usize {
    (0..probabilities.len())
        .fold(0, |best, index| if probabilities[index] > probabilities[best] { index } else { best })
}

/// The model card (Mitchell et al. 2019) as Markdown.
fn card(arguments: &StudentArguments, teacher: &Classifier, training: usize, check: &Check) -> String {
    let model = teacher.model();
    let name = model.path().file_name().unwrap_or_default().to_string_lossy();
    let (version, sha256, data) = (env!("CARGO_PKG_VERSION"), model.sha256(), arguments.data.display());
    let (seed, Check { messages, alike, difference }) = (arguments.seed, check);
    format!(
        "# Distilled student\n\n\
         Made by `portcullis` {version}.\n\n\
         * **Teacher**: `{name}`, SHA-256 `{sha256}`, asked as a black box\n\
         * **Takes** texts, and answers what its teacher does\n\
         * **Network**: a softmax over which rows of up to four characters occur in a message\n\
         * **Data**: `{data}`, {training} messages to learn from and {COPIES} copies of each with words of others mixed in, \
         {messages} to validate with; seed {seed}\n\
         * **Agreement with the teacher**: {alike} of {messages} validation messages\n\
         * **Largest difference** of the file's probabilities from the fitted student's: {difference:.1e}\n\
         * **Needs** ONNX Runtime, whose operator `Tokenizer` is no part of ONNX\n"
    )
}

/// Tells what it came to.
fn show(common: &Common, file: &Path, training: usize, check: &Check, began: Instant) {
    let Check { messages, alike, difference } = check;
    let seconds = began.elapsed().as_secs_f64();
    if common.json {
        let told = serde_json::json!({
            "file": file,
            "messages": { "training": training, "validation": messages },
            "validation": { "alike": alike },
            "export_difference": difference,
            "seconds": seconds,
        });
        println!("{told}");
        return;
    }
    println!("student written to {} after {seconds:.1} seconds", file.display());
    println!("agreement on {messages} validation messages: {:.4}", *alike as f64 / (*messages).max(1) as f64);
    println!("largest difference of the file from the fitted student: {difference:.1e}");
}
