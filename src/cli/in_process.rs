//! A gateway within a command.

use std::net::SocketAddr;

use anyhow::Result;
use portcullis::config::Config;
use portcullis::gateway::{Control, Gateway, Phase, REVISION};
use portcullis::profile::Loader;
use portcullis::telemetry;
use tokio::net::TcpListener;

use super::setup;

/// A gateway that runs in this process, on ports of its own.
pub struct Running {
    pub clients: SocketAddr,
    pub admin: SocketAddr,
    control: Control,
    serving: tokio::task::JoinHandle<()>,
}

impl Running {
    pub async fn start(config: &Config, loader: Loader) -> Result<Self> {
        let exposition = telemetry::install(REVISION)?;
        let gateway = Gateway::assemble(config.clone(), loader, exposition);
        let gateway = gateway.map_err(|mistakes| setup::mistakes(config, mistakes))?;
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let (clients, admin) = (TcpListener::bind(free).await?, TcpListener::bind(free).await?);
        let control = Control::default();
        Ok(Self {
            clients: clients.local_addr()?,
            admin: admin.local_addr()?,
            serving: tokio::spawn(gateway.run(clients, admin, control.clone())),
            control,
        })
    }

    pub async fn stop(self) -> Result<()> {
        self.control.advance(Phase::Closing);
        Ok(self.serving.await?)
    }
}
