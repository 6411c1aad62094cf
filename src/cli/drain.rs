//! `portcullis drain`

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use portcullis::config::Endpoint;
use portcullis::gateway::{Operator, RemoteError};
use tokio::time::timeout;

use super::peer::{self, Peer};
use super::{Common, setup};

/// Pause between two looks at the gateway.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
pub struct Arguments {
    /// The gateway's admin port: HOST:PORT, `https://HOST:PORT` or `unix:PATH`; the configuration's `admin.listen` if not
    /// given, or 127.0.0.1:9901 without a configuration.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<String>,
    /// How long to wait until it has ended.
    #[arg(long, default_value = "1m", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// A file with the token that the gateway's admin port asks for; its first, if there are several.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    peer: Peer,
}

pub fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    let admin = match &arguments.admin {
        Some(admin) => admin.clone(),
        None if common.config.is_file() => common.load()?.admin.listen.url(),
        None => peer::DEFAULT_ADMIN.to_owned(),
    };
    let endpoint = arguments.peer.endpoint(&admin)?;
    let token = arguments.token_file.as_deref().map(peer::token).transpose()?;
    setup::small_runtime()?.block_on(drain(&endpoint, token.as_deref(), arguments.timeout))
}

async fn drain(admin: &Endpoint, token: Option<&str>, patience: Duration) -> Result<()> {
    let began = Instant::now();
    let told = timeout(ANSWER_WITHIN, async { Operator::connect(admin, token).await?.post("/drain").await }).await;
    let (code, body) = told.with_context(|| format!("no gateway answers on {admin}"))??;
    if code != 202 {
        bail!("the gateway on {admin} will not drain: it answers {code} {}", body.trim());
    }
    println!("draining");
    while is_there(admin).await {
        if began.elapsed() >= patience {
            bail!("calls are still under way after {}; it goes on draining", humantime::format_duration(patience));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    println!("drained");
    Ok(())
}

/// Whether the gateway that drains is still there: nobody listens any more once it is gone, or another has come.
async fn is_there(admin: &Endpoint) -> bool {
    let look = async {
        let (_, body) = Operator::connect(admin, None).await?.get("/readyz").await?;
        Ok::<_, RemoteError>(body.trim() == "draining")
    };
    // Somebody is there who is too slow.
    timeout(ANSWER_WITHIN, look).await.map_or(true, |seen| seen.unwrap_or(false))
}
