//! `portcullis reference`

use std::io::{Write, stdout};

use anyhow::{Context, Result};
use clap::ValueEnum;
use portcullis::config::configuration_reference;
use portcullis::telemetry::metrics_reference;

#[derive(clap::Args)]
pub struct Arguments {
    /// Of every key of the configuration file, or of every metric and its labels.
    #[arg(value_enum)]
    subject: Subject,
}

#[derive(Clone, Copy, ValueEnum)]
enum Subject {
    Configuration,
    Metrics,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let text = match arguments.subject {
        Subject::Configuration => configuration_reference(),
        Subject::Metrics => metrics_reference(),
    };
    stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}
