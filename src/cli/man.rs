//! `portcullis man`

use std::fs::create_dir_all;
use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_mangen::{Man, generate_to};

use super::Cli;

#[derive(clap::Args)]
pub struct Arguments {
    /// Write a page for each command into this folder, such as `/usr/local/share/man/man1`.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let Some(folder) = &arguments.out else {
        let mut page = Vec::new();
        Man::new(Cli::command()).render(&mut page)?;
        return stdout().write_all(&page).context("cannot write to standard output");
    };
    let write = || create_dir_all(folder).and_then(|()| generate_to(Cli::command(), folder));
    write().with_context(|| format!("cannot write manual pages into {}", folder.display()))
}
