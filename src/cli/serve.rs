//! `portcullis serve`

use std::net::SocketAddr;

use anyhow::{Context, Result};
use portcullis::config::Config;
use portcullis::gateway::{Control, Gateway, Phase, REVISION};
use portcullis::telemetry;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::{Common, descriptors, setup};

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
        .block_on(async { Gateway::assemble(config.clone(), loader, exposition) })
        .map_err(|mistakes| setup::mistakes(&config, mistakes))?;
    tracing::info!(library, models = config.models.len(), "everything is loaded");
    let source = common.clone();
    let gateway = gateway.admitting(descriptors::for_connections(config.server.max_connections));
    runtime.block_on(listen(config, arguments, gateway.reloading(move || source.load())))
}

async fn listen(config: Config, arguments: &Arguments, gateway: Gateway) -> Result<()> {
    let control = Control::default();
    obey_signals(control.clone())?;
    let clients = bind(arguments.listen.unwrap_or(config.server.listen)).await?;
    let admin = bind(arguments.admin_listen.unwrap_or(config.admin.listen)).await?;
    tracing::info!(address = %clients.local_addr()?, "listening for clients");
    tracing::info!(address = %admin.local_addr()?, "listening for operators");
    gateway.run(clients, admin, control).await;
    Ok(())
}

/// SIGHUP reloads. SIGTERM ends in due form; SIGINT, which a person at the terminal sends, without delay; and the second of
/// either at once.
fn obey_signals(control: Control) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        let mut told = false;
        loop {
            let phase = tokio::select! {
                _ = terminate.recv() => Phase::Draining,
                _ = interrupt.recv() => Phase::Closing,
                _ = hang_up.recv() => {
                    control.reload();
                    continue;
                }
            };
            control.advance(if told { Phase::Cut } else { phase });
            told = true;
        }
    });
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}; is the port taken?"))
}
