//! `portcullis serve`

use std::net::SocketAddr;

use anyhow::{Context, Result};
use portcullis::config::Config;
use portcullis::gateway::{Gateway, REVISION};
use portcullis::telemetry;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Common, setup};

#[derive(clap::Args)]
pub struct Arguments {
    /// Where clients connect, over the configuration's `server.listen`; port 0 takes any free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where operators connect, over the configuration's `admin.listen`.
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<SocketAddr>,
}

pub fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    let config = common.load()?;
    let loader = setup::loader(&config, config.workers.queue)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let exposition = telemetry::install(REVISION)?;
    let library = loader.runtime.library().display().to_string();
    let gateway = runtime
        .block_on(async { Gateway::assemble(&config, loader, exposition) })
        .map_err(|mistakes| setup::mistakes(&config, mistakes))?;
    tracing::info!(library, models = gateway.models.len(), "everything is loaded");
    runtime.block_on(listen(config, arguments, gateway))
}

async fn listen(config: Config, arguments: &Arguments, gateway: Gateway) -> Result<()> {
    let clients = bind(arguments.listen.unwrap_or(config.server.listen)).await?;
    let admin = bind(arguments.admin_listen.unwrap_or(config.admin.listen)).await?;
    tracing::info!(address = %clients.local_addr()?, "listening for clients");
    tracing::info!(address = %admin.local_addr()?, "listening for operators");
    let shutdown = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    gateway.run(clients, admin, shutdown).await;
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}; is the port taken?"))
}
