//! Certificates, keys and tokens: read from files that are checked before anything listens, and read again when they change.

mod kept;
mod pem;
mod sessions;
mod tls;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::rustls::ServerConfig;

pub(crate) use kept::{Kept, Refresh};
pub(crate) use pem::subject;
pub(crate) use sessions::Sessions;
pub(crate) use tls::{H2, HTTP_1, client, server_name};
pub use tokens::tokens_in;
pub(crate) use tokens::{Tokens, bearer, headers};

use super::lifecycle::serving::Current;
use crate::config::{Config, Mistake};

/// Pause between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Everything by which those who connect and the gateway know each other; `None` where the configuration names none.
#[derive(Clone)]
pub(crate) struct Credentials {
    /// Of the clients' port.
    pub(crate) server: Option<Arc<Kept<ServerConfig>>>,
    /// The same of REST clients' port, which speaks HTTP/1.1 too.
    pub(crate) rest: Option<Arc<Kept<ServerConfig>>>,
    /// Of the operators' port.
    pub(crate) admin: Option<Arc<Kept<ServerConfig>>>,
    /// What operators come with.
    pub(crate) tokens: Option<Arc<Kept<Tokens>>>,
}

impl Credentials {
    /// Reads all that `config` names.
    ///
    /// # Errors
    /// Every file that is not what it should be.
    pub(crate) fn load(config: &Config) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let Config { server, admin, .. } = config;
        let clients = server.listen.tls.as_ref().map(|tls| tls::server("server", tls, &[tls::H2]));
        // What is wrong with the files is said once.
        let with_rest = server.listen.tls.as_ref().filter(|_| server.rest_listen.is_some());
        let rest = with_rest.and_then(|tls| tls::server("server", tls, &[tls::H2, tls::HTTP_1]).ok());
        let operators = admin.listen.tls.as_ref().map(|tls| tls::server("admin", tls, &[tls::H2, tls::HTTP_1]));
        let tokens = admin.token_file.clone().map(tokens::keep);
        let loaded = Self {
            server: settled(clients, &mut mistakes).map(Arc::new),
            rest: rest.map(Arc::new),
            admin: settled(operators, &mut mistakes).map(Arc::new),
            tokens: settled(tokens, &mut mistakes).map(Arc::new),
        };
        if mistakes.is_empty() { Ok(loaded) } else { Err(mistakes) }
    }

    /// Looks at the files again and again, and at those of `others` and of the upstream that is current, and takes what is new
    /// in them.
    pub(crate) async fn watch(self, others: Vec<Arc<dyn Refresh>>, current: Current) {
        fn kept<T: Send + Sync + 'static>(one: Option<Arc<Kept<T>>>) -> Option<Arc<dyn Refresh>> {
            one.map(|kept| kept as Arc<dyn Refresh>)
        }
        let own = [kept(self.server), kept(self.rest), kept(self.admin), kept(self.tokens)];
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let upstream = current.get().credentials.clone();
            let all: Vec<Arc<dyn Refresh>> = own.iter().flatten().chain(&others).cloned().chain(upstream).collect();
            if !all.is_empty() {
                // Files may lie on a disk that is slow. A look that fails is one that is made again.
                let _ = tokio::task::spawn_blocking(move || all.iter().for_each(|kept| kept.refresh())).await;
            }
        }
    }
}

/// What was loaded; a mistake goes to the others.
pub(super) fn settled<T>(loaded: Option<Result<T, Mistake>>, mistakes: &mut Vec<Mistake>) -> Option<T> {
    loaded?.map_err(|mistake| mistakes.push(mistake)).ok()
}
