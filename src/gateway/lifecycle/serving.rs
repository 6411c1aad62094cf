//! What one configuration makes of the gateway. It is swapped as a whole: no call meets parts of two.

use std::sync::Arc;

use tokio::sync::watch;

use super::files::Files;
use crate::config::{self, Config};
use crate::gateway::credentials::Refresh;
use crate::gateway::guard::Guard;
use crate::gateway::rest;

/// Path prefixes of the services that the gateway answers itself on the clients' port.
pub(crate) const HEALTH: &str = "/grpc.health.v1.Health/";
const REFLECTION: &str = "/grpc.reflection.";

/// A configuration in force, with everything that it names.
pub(crate) struct Serving {
    pub(crate) config: Config,
    /// The files that it came from, as they were then.
    pub(crate) files: Files,
    /// What TLS to the upstream is made of, if it is spoken.
    pub(crate) credentials: Vec<Arc<dyn Refresh>>,
    pub(crate) guard: Guard,
    /// Where REST requests go, where somebody answers them.
    pub(crate) rest: Option<rest::Upstream>,
}

impl Serving {
    /// Whether the upstream is this process.
    pub(crate) fn is_embedded(&self) -> bool {
        self.config.upstream == config::Upstream::Embedded
    }

    /// Whether the gateway answers calls of this path itself. Before a server, reflection is the server's.
    pub(crate) fn is_own(&self, path: &str) -> bool {
        path.starts_with(HEALTH) || (self.is_embedded() && path.starts_with(REFLECTION))
    }
}

/// What serves now.
#[derive(Clone)]
pub(crate) struct Current(watch::Receiver<Arc<Serving>>);

impl Current {
    pub(crate) fn of(serving: &watch::Sender<Arc<Serving>>) -> Self {
        Self(serving.subscribe())
    }

    /// Whoever asks keeps what he gets until he is done with his call.
    pub(crate) fn get(&self) -> Arc<Serving> {
        self.0.borrow().clone()
    }
}
