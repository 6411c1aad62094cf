//! `portcullis healthcheck`

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

#[derive(clap::Args)]
pub struct Arguments {
    /// The gateway's admin port.
    #[arg(long, default_value = "127.0.0.1:9901")]
    admin: SocketAddr,
    /// How long to wait for an answer.
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { admin, timeout } = arguments;
    let unreachable = || format!("no gateway answers on {admin}");
    let mut stream = TcpStream::connect_timeout(admin, *timeout).with_context(unreachable)?;
    stream.set_read_timeout(Some(*timeout))?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").with_context(unreachable)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).with_context(unreachable)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.split(' ').nth(1) == Some("200") {
        println!("ready");
        return Ok(());
    }
    bail!("not ready: {}", body.trim())
}
