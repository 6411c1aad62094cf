//! A gateway within a command.

use std::net::SocketAddr;

use anyhow::Result;
use portcullis::config::{Address, Audit, Config, Endpoint, Listen, Reach, Target};
use portcullis::gateway::{Control, Gateway, Listener, Listeners, Phase, REVISION};
use portcullis::profile::Loader;
use portcullis::telemetry;

use super::setup;

/// A gateway that runs in this process, on ports of its own.
pub struct Running {
    pub clients: Endpoint,
    pub admin: Endpoint,
    control: Control,
    serving: tokio::task::JoinHandle<()>,
}

impl Running {
    pub async fn start(config: &Config, loader: Loader) -> Result<Self> {
        let exposition = telemetry::install(REVISION)?;
        let config = &on_ports_of_its_own(config.clone());
        let gateway = Gateway::assemble(config.clone(), loader, exposition);
        let gateway = gateway.map_err(|mistakes| setup::mistakes(config, mistakes))?;
        let clients = Listener::bind(&config.server.listen.address).await?;
        let admin = Listener::bind(&config.admin.listen.address).await?;
        let control = Control::default();
        Ok(Self {
            clients: endpoint(&clients)?,
            admin: endpoint(&admin)?,
            serving: tokio::spawn(gateway.run(Listeners { clients, rest: None, admin }, control.clone())),
            control,
        })
    }

    pub async fn stop(self) -> Result<()> {
        self.control.advance(Phase::Closing);
        Ok(self.serving.await?)
    }
}

fn endpoint(listener: &Listener) -> Result<Endpoint> {
    Ok(Endpoint { target: Target::Tcp(listener.address()?.to_string()), tls: None })
}

/// The configuration with two free ports on loopback, which need neither TLS nor tokens, and nobody who keeps detections or
/// is told of them.
fn on_ports_of_its_own(mut config: Config) -> Config {
    let free = Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
    let listen = Listen { address: free, tls: None, plaintext: Reach::Loopback };
    config.server.listen = listen.clone();
    config.admin.listen = listen;
    config.admin.token_file = None;
    config.evidence.store = None;
    config.audit = Audit { stdout: false, file: None, http: None, ..config.audit };
    config
}
