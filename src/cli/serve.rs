//! `portcullis serve`

use anyhow::{Context, Result};
use portcullis::config::{Address, Config, ConfigError};
use portcullis::gateway::{Control, Gateway, Listener, Listeners, Phase, REVISION};
use portcullis::telemetry;
use tokio::signal::unix::{SignalKind, signal};

use super::{Common, descriptors, setup};

#[derive(clap::Args, Clone)]
pub struct Arguments {
    /// Where clients connect, over the configuration's `server.listen`: ADDRESS:PORT, where port 0 takes any
    /// free one, or `unix:PATH`.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<Address>,
    /// Where REST clients connect, over the configuration's `server.rest_listen`, likewise.
    #[arg(long, value_name = "ADDRESS")]
    rest_listen: Option<Address>,
    /// Where operators connect, over the configuration's `admin.listen`, likewise.
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<Address>,
}

pub fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    let config = load(common, arguments)?;
    let loader = setup::guarding_loader(&config, config.workers.queue)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(carriers())
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let exposition = telemetry::install(REVISION)?;
    let library = loader.runtime.library().display().to_string();
    let device = loader.runtime.device().to_string();
    let gateway = runtime
        .block_on(async { Gateway::assemble(config.clone(), loader, exposition) })
        .map_err(|mistakes| setup::mistakes(&config, mistakes))?;
    tracing::info!(library, device, models = config.models.len(), "everything is loaded");
    let gateway = gateway.admitting(descriptors::for_connections(config.server.max_connections));
    let (common, arguments) = (common.clone(), arguments.clone());
    let served = runtime.block_on(listen(&config, gateway.reloading(move || load(&common, &arguments))));
    // A disk or a pipe that hangs does not keep the process from ending.
    runtime.shutdown_background();
    served
}

/// Threads that carry requests: half as many as cores, at least one. They have little to do for each, and the fewer they
/// are, the less often one has to wake another; what takes long is done by others.
fn carriers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}

/// The configuration with the ports of the command line.
fn load(common: &Common, arguments: &Arguments) -> Result<Config, ConfigError> {
    let mut config = common.load()?;
    config.relocate(arguments.listen.clone(), arguments.rest_listen.clone(), arguments.admin_listen.clone())?;
    Ok(config)
}

async fn listen(config: &Config, gateway: Gateway) -> Result<()> {
    let control = Control::default();
    obey_signals(control.clone())?;
    let listeners = Listeners {
        clients: bind(&config.server.listen.address).await?,
        rest: match &config.server.rest_listen {
            Some(rest) => Some(bind(&rest.value).await?),
            None => None,
        },
        admin: bind(&config.admin.listen.address).await?,
    };
    tracing::info!(address = %listeners.clients.address()?, "listening for clients");
    if let Some(rest) = &listeners.rest {
        tracing::info!(address = %rest.address()?, "listening for REST clients");
    }
    tracing::info!(address = %listeners.admin.address()?, "listening for operators");
    gateway.run(listeners, control).await;
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

async fn bind(address: &Address) -> Result<Listener> {
    Listener::bind(address).await.with_context(|| format!("cannot listen on {address}; is it taken?"))
}
