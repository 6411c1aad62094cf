//! `portcullis config`

use anyhow::Result;
use portcullis::config::{Config, EXAMPLE};
use portcullis::gateway;
use serde_json::json;

use super::{Common, setup};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Check everything that `serve` would: the file, the models, the profiles. Exit code 64 if something is wrong.
    Check,
    /// Print a file to start from, which explains every key.
    Example,
}

pub fn run(common: &Common, command: &Command) -> Result<()> {
    match command {
        Command::Check => check(common),
        Command::Example => {
            print!("{EXAMPLE}");
            Ok(())
        }
    }
}

fn check(common: &Common) -> Result<()> {
    let config = common.load()?;
    let loader = setup::guarding_loader(&config, config.workers.queue)?;
    let mistakes = gateway::check(&config, &loader);
    if !mistakes.is_empty() {
        return Err(setup::mistakes(&config, mistakes).into());
    }
    report(common, &config);
    Ok(())
}

fn report(common: &Common, config: &Config) {
    let names: Vec<&str> = config.models.iter().map(|model| model.name.value.as_str()).collect();
    if common.json {
        println!("{}", json!({ "ok": true, "models": names }));
    } else {
        println!("{} is fine: {} guarded", common.config.display(), names.join(", "));
    }
}
