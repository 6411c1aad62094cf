//! `portcullis drain`

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::{Common, http};

/// Pause between two looks at the gateway.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
pub struct Arguments {
    /// The gateway's admin port; the configuration's `admin.listen` if not given, or 127.0.0.1:9901 without a
    /// configuration.
    #[arg(long, value_name = "ADDRESS", value_parser = http::address)]
    admin: Option<SocketAddr>,
    /// How long to wait until it has ended.
    #[arg(long, default_value = "1m", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

pub fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    let admin = match arguments.admin {
        Some(admin) => admin,
        None if common.config.is_file() => common.load()?.admin.listen,
        None => http::DEFAULT_ADMIN,
    };
    let began = Instant::now();
    let (code, body) = http::ask(admin, "POST", "/drain", ANSWER_WITHIN)?;
    if code != 202 {
        bail!("the gateway on {admin} will not drain: it answers {code} {}", body.trim());
    }
    println!("draining");
    while is_there(admin) {
        if began.elapsed() >= arguments.timeout {
            bail!(
                "calls are still under way after {}; it goes on draining",
                humantime::format_duration(arguments.timeout)
            );
        }
        std::thread::sleep(LOOK_EVERY);
    }
    println!("drained");
    Ok(())
}

/// Whether the gateway that drains is still there: nobody listens any more once it is gone, or another has come.
fn is_there(admin: SocketAddr) -> bool {
    match http::get(admin, "/readyz", ANSWER_WITHIN) {
        Ok((_, body)) => body.trim() == "draining",
        Err(error) => http::timed_out(&error),
    }
}
