//! `portcullis healthcheck`

use std::time::Duration;

use anyhow::{Context, Result, bail};
use portcullis::gateway::Operator;

use super::peer::{self, Peer};
use super::setup;

#[derive(clap::Args)]
pub struct Arguments {
    /// The gateway's admin port: HOST:PORT, `https://HOST:PORT` or `unix:PATH`.
    #[arg(long, value_name = "ADDRESS", default_value = peer::DEFAULT_ADMIN)]
    admin: String,
    /// How long to wait for an answer.
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    peer: Peer,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let endpoint = arguments.peer.endpoint(&arguments.admin)?;
    let asked = async { Operator::connect(&endpoint, None).await?.get("/readyz").await };
    let answered = async { tokio::time::timeout(arguments.timeout, asked).await };
    let (code, body) = setup::small_runtime()?.block_on(answered).with_context(|| {
        format!("{endpoint} did not answer within {}", humantime::format_duration(arguments.timeout))
    })??;
    if code == 200 {
        println!("ready");
        return Ok(());
    }
    bail!("not ready: {}", body.trim())
}
