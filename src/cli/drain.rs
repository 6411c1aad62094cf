//! `portcullis drain`

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use portcullis::config::Endpoint;
use portcullis::gateway::{Operator, RemoteError};
use tokio::time::timeout;

use super::peer::Admin;
use super::{Common, setup};

/// Pause between two looks at the gateway.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    admin: Admin,
    /// How long to wait until it has ended.
    #[arg(long, default_value = "1m", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

pub fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    let (endpoint, token) = (arguments.admin.endpoint(common)?, arguments.admin.token()?);
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
