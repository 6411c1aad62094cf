//! `portcullis healthcheck`

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail};

use super::http;

#[derive(clap::Args)]
pub struct Arguments {
    /// The gateway's admin port.
    #[arg(long, value_name = "ADDRESS", default_value_t = http::DEFAULT_ADMIN, value_parser = http::address)]
    admin: SocketAddr,
    /// How long to wait for an answer.
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let (code, body) = http::get(arguments.admin, "/readyz", arguments.timeout)?;
    if code == 200 {
        println!("ready");
        return Ok(());
    }
    bail!("not ready: {}", body.trim())
}
