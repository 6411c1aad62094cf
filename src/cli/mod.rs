//! One file a command: arguments and the wiring, nothing else.

mod assess;
mod bench;
mod calibrate;
#[cfg(feature = "train")]
mod card;
mod completions;
mod config;
mod data;
mod demo;
mod descriptors;
mod distill;
mod drain;
mod evaluate;
mod evidence;
mod healthcheck;
mod in_process;
mod inspect;
mod man;
mod paint;
mod peer;
mod pictures;
mod redteam;
mod reference;
#[cfg(feature = "train")]
mod sentinel;
mod serve;
mod sets;
mod setup;
mod status;
mod tail;
mod teacher;
mod texts;
#[cfg(feature = "train")]
mod train;
#[cfg(feature = "train")]
mod training;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};
use portcullis::config::{Config, ConfigError};
use portcullis::telemetry::{LogFormat, start_logs};

/// `EX_USAGE`: the configuration is wrong, and trying again will not help.
const EXIT_CONFIGURATION: u8 = 64;

/// A gateway that stands in front of a classifier and tells adversarial inputs from benign ones.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command knows.
#[derive(Args, Clone)]
pub struct Common {
    /// Configuration file.
    #[arg(short, long, global = true, env = "PORTCULLIS_CONFIG", default_value = "portcullis.toml")]
    config: PathBuf,
    /// Sets a key of the configuration, over file and environment: `--set models.signs.policy=block`.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
    /// What to log: `error`, `warn`, `info`, `debug`, or directives such as `portcullis=debug`; `info` if not given,
    /// `error` for `demo` and `redteam`.
    #[arg(long, global = true, env = "PORTCULLIS_LOG")]
    log: Option<String>,
    /// How log lines look; `auto` is human on a terminal and JSON otherwise.
    #[arg(long, global = true, value_enum, default_value = "auto")]
    log_format: Format,
    /// Results as JSON on standard output.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Auto,
    Human,
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Stand in front of a classifier.
    Serve(serve::Arguments),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(config::Command),
    /// Learn from benign inputs what is usual: makes a model's profile.
    Calibrate(calibrate::Arguments),
    /// Make a student: a second model that imitates a classifier, to disagree with it where it is fooled.
    Distill(distill::Arguments),
    /// Make a sentinel: a network that knows adversarial pictures of a classifier from benign ones.
    #[cfg(feature = "train")]
    Sentinel(sentinel::Arguments),
    /// Make a classifier from labelled pictures.
    #[cfg(feature = "train")]
    Train(train::Arguments),
    /// Measure how well adversarial sets are detected.
    Evaluate(evaluate::Arguments),
    /// Attack a guarded model at every threat level, and say what gets through.
    #[command(name = "redteam")]
    RedTeam(redteam::Arguments),
    /// Examine pictures or texts and say what each detector, squeezer and student makes of them.
    Inspect(inspect::Arguments),
    /// See a gateway at work: benign and adversarial pictures sent to a guarded classifier.
    Demo(demo::Arguments),
    /// Look at data, or draw some.
    #[command(subcommand)]
    Data(data::Command),
    /// Ask a running gateway whether it is ready; exit code 0 if it is.
    Healthcheck(healthcheck::Arguments),
    /// Look at a running gateway: whether it is ready, what it decides and how long that takes.
    Status(status::Arguments),
    /// Put load on a server, a gateway or any other, and say how long its answers take.
    Bench(bench::Arguments),
    /// Watch a running gateway's detections as they happen.
    Tail(tail::Arguments),
    /// Look into detections that were kept.
    #[command(subcommand)]
    Evidence(evidence::Command),
    /// Tell a running gateway to end: it answers what is under way, and the command waits until it is gone.
    Drain(drain::Arguments),
    /// Print the reference of all configuration keys or metrics, as Markdown.
    Reference(reference::Arguments),
    /// Print the completions of a shell.
    Completions(completions::Arguments),
    /// Print the manual page, or write those of all commands.
    Man(man::Arguments),
}

/// Runs the command.
pub fn run(cli: Cli) -> Result<()> {
    let Cli { common, command } = cli;
    let filter = if matches!(command, Command::Demo(_) | Command::RedTeam(_)) { "error" } else { "info" };
    start_logs(
        common.log.as_deref().unwrap_or(filter),
        match common.log_format {
            Format::Auto => LogFormat::Auto,
            Format::Human => LogFormat::Human,
            Format::Json => LogFormat::Json,
        },
    );
    match command {
        Command::Serve(arguments) => serve::run(&common, &arguments),
        Command::Config(command) => config::run(&common, &command),
        Command::Calibrate(arguments) => calibrate::run(&common, &arguments),
        Command::Distill(arguments) => distill::run(&common, &arguments),
        #[cfg(feature = "train")]
        Command::Sentinel(arguments) => sentinel::run(&common, &arguments),
        #[cfg(feature = "train")]
        Command::Train(arguments) => train::run(&common, &arguments),
        Command::Evaluate(arguments) => evaluate::run(&common, &arguments),
        Command::RedTeam(arguments) => redteam::run(&common, &arguments),
        Command::Inspect(arguments) => inspect::run(&common, &arguments),
        Command::Demo(arguments) => demo::run(&common, &arguments),
        Command::Data(command) => data::run(&common, &command),
        Command::Healthcheck(arguments) => healthcheck::run(&arguments),
        Command::Status(arguments) => status::run(&common, &arguments),
        Command::Bench(arguments) => bench::run(&common, &arguments),
        Command::Tail(arguments) => tail::run(&common, &arguments),
        Command::Evidence(command) => evidence::run(&common, &command),
        Command::Drain(arguments) => drain::run(&common, &arguments),
        Command::Reference(arguments) => reference::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}

impl Common {
    /// The checked configuration.
    fn load(&self) -> Result<Config, ConfigError> {
        Config::load(&self.config, std::env::vars(), &self.set)
    }
}

/// A change of a pixel in 8-bit steps.
fn steps_of_255(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(steps) if steps > 0.0 && steps <= 255.0 => Ok(steps),
        _ => Err("a change lies above 0 and is at most 255".into()),
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// The exit code that says what kind of failure it was.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.is::<ConfigError>() { ExitCode::from(EXIT_CONFIGURATION) } else { ExitCode::FAILURE }
}
