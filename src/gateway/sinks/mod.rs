//! Those to whom every detection goes: who keeps evidence, and who is told.

mod collector;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use self::collector::Collector;
use super::credentials::{Refresh, settled};
use crate::audit::{self, RotatingFile, StandardOutput};
use crate::config::{self, AuditFile, Config, Mistake, Storage};
use crate::evidence::{Feed, Interest, Keeper, Store};

/// Names of the sinks, in metrics.
const FILE: &str = "file";
const STDOUT: &str = "stdout";

/// The sinks of a configuration, ready to begin.
pub(crate) struct Sinks {
    keeper: Option<Keeper>,
    audit: config::Audit,
    file: Option<RotatingFile>,
    collector: Option<Collector>,
}

/// Sinks at work.
pub(crate) struct Running(JoinSet<()>);

impl Sinks {
    /// Makes what `config` names: a folder, a file, a client.
    ///
    /// # Errors
    /// Everything that cannot be had.
    pub(crate) fn load(config: &Config) -> Result<Self, Vec<Mistake>> {
        let audit = config.audit.clone();
        let keeper = config.evidence.store.as_ref().map(|place| match Store::create(place) {
            Ok(store) => Ok(Keeper::new(store, config.evidence.clone())),
            Err(error) => Err(place.mistake(format!("evidence.store: {error}"))),
        });
        let file = audit.file.as_ref().map(|AuditFile { path, max_bytes, keep }| {
            let file = RotatingFile::open(path, *max_bytes as u64, *keep);
            file.map_err(|error| path.mistake(format!("audit.file.path: cannot write {}: {error}", path.display())))
        });
        let collector = audit.http.as_ref().map(|http| Collector::new(http, audit.clients));
        let mut mistakes = Vec::new();
        let (keeper, file, collector) =
            (settled(keeper, &mut mistakes), settled(file, &mut mistakes), settled(collector, &mut mistakes));
        if mistakes.is_empty() { Ok(Self { keeper, audit, file, collector }) } else { Err(mistakes) }
    }

    /// What is wrong with what `config` names, as far as can be told without making it.
    pub(crate) fn mistakes(config: &Config) -> Vec<Mistake> {
        let store = config.evidence.store.as_ref().and_then(|place| {
            let is_there = !matches!(&place.value, Storage::Folder(path) if !path.exists());
            let error = is_there.then(|| Store::open(place).err()).flatten()?;
            Some(place.mistake(format!("evidence.store: {error}")))
        });
        let collector = config.audit.http.as_ref().and_then(|http| Collector::new(http, false).err());
        store.into_iter().chain(collector).collect()
    }

    /// What their TLS and tokens are made of, to be kept up to date.
    pub(crate) fn credentials(&self) -> Vec<Arc<dyn Refresh>> {
        self.collector.iter().flat_map(Collector::credentials).collect()
    }

    /// Begins to take what comes by the feed.
    pub(crate) fn start(self, feed: &Feed) -> Running {
        let Self { keeper, audit, file, collector } = self;
        let mut running = JoinSet::new();
        if let Some(keeper) = keeper {
            let (sink, interest, most) = keeper.interest();
            running.spawn(keeper.run(feed.subscribe(sink, interest, most)));
        }
        let records = |sink| feed.subscribe(sink, Interest::Records, audit.max_pending_bytes);
        if let Some(file) = file {
            running.spawn(audit::tell(FILE, file, records(FILE), audit.clients));
        }
        if audit.stdout {
            running.spawn(audit::tell(STDOUT, StandardOutput, records(STDOUT), audit.clients));
        }
        if let Some(collector) = collector {
            running.spawn(collector.run(records(collector::SINK)));
        }
        Running(running)
    }
}

impl Running {
    /// Waits until everything is written once the feed has ended, for as long as `patience` lasts.
    pub(crate) async fn end(mut self, patience: Duration) {
        let all = async { while self.0.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("the last detections were not all written or told in time");
        }
    }
}
