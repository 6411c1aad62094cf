//! Those to whom every detection goes, who keeps evidence and who is told; and who is told of traces.

mod collector;
mod traces;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::collector::Collector;
use super::credentials::{Refresh, settled};
use crate::audit::{self, RotatingFile, StandardOutput};
use crate::config::{self, AuditFile, Config, Mistake, Storage, Tracing};
use crate::evidence::{Feed, Interest, Keeper, Store};
use crate::telemetry::{Spans, Tracer};

/// Names of the sinks, in metrics.
const FILE: &str = "file";
const STDOUT: &str = "stdout";

/// The sinks of a configuration, ready to begin.
pub(crate) struct Sinks {
    keeper: Option<Keeper>,
    audit: config::Audit,
    file: Option<RotatingFile>,
    collector: Option<Collector>,
    traces: Option<(traces::Collector, Spans)>,
}

/// Sinks at work.
pub(crate) struct Running {
    tasks: JoinSet<()>,
    /// Tells those who are not at the end of the feed.
    ending: CancellationToken,
}

impl Sinks {
    /// Makes what `config` names: a folder, a file, clients; and the tracer whose spans they send.
    ///
    /// # Errors
    /// Everything that cannot be had.
    pub(crate) fn load(config: &Config) -> Result<(Self, Tracer), Vec<Mistake>> {
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
        let traces = config.tracing.as_ref().map(traces::Collector::new);
        let mut mistakes = Vec::new();
        let (keeper, file, collector, traces) = (
            settled(keeper, &mut mistakes),
            settled(file, &mut mistakes),
            settled(collector, &mut mistakes),
            settled(traces, &mut mistakes),
        );
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let (tracer, traces) = traces.zip(config.tracing.as_ref()).map(traced).unzip();
        Ok((Self { keeper, audit, file, collector, traces }, tracer.unwrap_or_default()))
    }

    /// What is wrong with what `config` names, as far as can be told without making it.
    pub(crate) fn mistakes(config: &Config) -> Vec<Mistake> {
        let store = config.evidence.store.as_ref().and_then(|place| {
            let is_there = !matches!(&place.value, Storage::Folder(path) if !path.exists());
            let error = is_there.then(|| Store::open(place).err()).flatten()?;
            Some(place.mistake(format!("evidence.store: {error}")))
        });
        let collector = config.audit.http.as_ref().and_then(|http| Collector::new(http, false).err());
        let traces = config.tracing.as_ref().and_then(|tracing| traces::Collector::new(tracing).err());
        store.into_iter().chain(collector).chain(traces).collect()
    }

    /// What their TLS and tokens are made of, to be kept up to date.
    pub(crate) fn credentials(&self) -> Vec<Arc<dyn Refresh>> {
        let traces = self.traces.iter().flat_map(|(collector, _)| collector.credentials());
        self.collector.iter().flat_map(Collector::credentials).chain(traces).collect()
    }

    /// Begins to take what comes by the feed.
    pub(crate) fn start(self, feed: &Feed) -> Running {
        let Self { keeper, audit, file, collector, traces } = self;
        let (mut running, ending) = (JoinSet::new(), CancellationToken::new());
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
        if let Some((collector, spans)) = traces {
            running.spawn(collector.run(spans, ending.clone()));
        }
        Running { tasks: running, ending }
    }
}

impl Running {
    /// Waits until everything is written once the feed has ended, for as long as `patience` lasts.
    pub(crate) async fn end(mut self, patience: Duration) {
        self.ending.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("the last detections and traces were not all written or told in time");
        }
    }
}

/// The collector with the spans for it, and the tracer that they are of.
fn traced((collector, config): (traces::Collector, &Tracing)) -> (Tracer, (traces::Collector, Spans)) {
    let (tracer, spans) = Tracer::new(&config.service_name, config.ratio, config.max_pending_spans);
    (tracer, (collector, spans))
}
