//! Questions that go through a running gateway.

use anyhow::{Context, Result};
use portcullis::attack::{Answer, AttackError, Oracle};
use portcullis::config::{Config, Endpoint};
use portcullis::gateway::{self, Client};
use portcullis::profile::{Loader, ModelIdentity};
use portcullis::tensor::{Picture, quantised};
use tokio::runtime::Runtime;

use crate::cli::in_process::Running;

/// Questions under way at once.
const AT_ONCE: usize = 8;

/// A client that sees what any client of the gateway sees.
pub struct Through {
    runtime: Runtime,
    client: Client,
    /// The gateway, where it was started for this.
    running: Option<Running>,
}

impl Through {
    /// A client of a running gateway.
    pub fn connect(gateway: &Endpoint, model: ModelIdentity) -> Result<Self> {
        let runtime = runtime()?;
        let client =
            runtime.block_on(Client::connect(gateway, model)).with_context(|| format!("cannot ask {gateway}"))?;
        Ok(Self { runtime, client, running: None })
    }

    /// Starts a gateway and becomes its client.
    pub fn start(config: &Config, loader: Loader, model: ModelIdentity) -> Result<Self> {
        let runtime = runtime()?;
        let running = runtime.block_on(Running::start(config, loader))?;
        let client = runtime.block_on(Client::connect(&running.clients, model))?;
        Ok(Self { runtime, client, running: Some(running) })
    }

    /// Stops the gateway that was started.
    pub fn stop(self) -> Result<()> {
        self.running.map_or(Ok(()), |running| self.runtime.block_on(running.stop()))
    }
}

fn runtime() -> Result<Runtime> {
    Runtime::new().context("cannot start the asynchronous runtime")
}

impl Oracle for Through {
    fn ask(&mut self, pictures: &[Picture]) -> Result<Vec<Answer>, AttackError> {
        let sent: Vec<Picture> = pictures.iter().map(quantised).collect();
        let answers = self.runtime.block_on(self.client.classify_all(sent, AT_ONCE, || ()));
        let answers = answers.map_err(|error| AttackError::Gateway(error.to_string()))?;
        let answer = |answer: gateway::Answer| match answer {
            gateway::Answer::Predicted(prediction) => Answer::of(&prediction),
            gateway::Answer::Refused(_) => Answer::Refused,
        };
        Ok(answers.into_iter().map(answer).collect())
    }
}
