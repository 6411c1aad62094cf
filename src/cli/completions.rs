//! `portcullis completions`

use std::io::{Write, stdout};

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::Cli;

#[derive(clap::Args)]
pub struct Arguments {
    /// The shell; bash reads `source <(portcullis completions bash)`.
    #[arg(value_enum)]
    shell: Shell,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut Cli::command(), "portcullis", &mut script);
    stdout().write_all(&script).context("cannot write to standard output")
}
