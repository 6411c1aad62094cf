//! A gateway within a command.

use std::net::SocketAddr;

use anyhow::Result;
use portcullis::config::Config;
use portcullis::gateway::{Gateway, REVISION};
use portcullis::profile::Loader;
use portcullis::telemetry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::setup;

/// A gateway that runs in this process, on ports of its own.
pub struct Running {
    pub clients: SocketAddr,
    pub admin: SocketAddr,
    shutdown: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

impl Running {
    pub async fn start(config: &Config, loader: Loader) -> Result<Self> {
        let exposition = telemetry::install(REVISION)?;
        let gateway =
            Gateway::assemble(config, loader, exposition).map_err(|mistakes| setup::mistakes(config, mistakes))?;
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let (clients, admin) = (TcpListener::bind(free).await?, TcpListener::bind(free).await?);
        let shutdown = CancellationToken::new();
        Ok(Self {
            clients: clients.local_addr()?,
            admin: admin.local_addr()?,
            serving: tokio::spawn(gateway.run(clients, admin, shutdown.clone())),
            shutdown,
        })
    }

    pub async fn stop(self) -> Result<()> {
        self.shutdown.cancel();
        Ok(self.serving.await?)
    }
}
