//! Is the gateway ready? Yes from the moment everything is loaded until it drains, as long as the upstream is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::gateway::upstream::Upstream;
use crate::model::{Runtime, Workers};
use crate::telemetry::{self, Exposition};

/// Pause between two looks at the upstream.
const PROBE_EVERY: Duration = Duration::from_secs(2);

/// The gateway's state, shared by probes and server.
#[derive(Clone, Default)]
pub(crate) struct Readiness(Arc<State>);

#[derive(Default)]
struct State {
    upstream: AtomicBool,
    draining: AtomicBool,
}

impl Readiness {
    /// Whether requests are welcome.
    pub(crate) fn is_ready(&self) -> bool {
        self.0.upstream.load(Ordering::Relaxed) && !self.is_draining()
    }

    /// Whether the gateway is on its way out.
    pub(crate) fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    /// Why it is not ready, for a person.
    pub(crate) fn explain(&self) -> &'static str {
        if self.is_draining() {
            "draining"
        } else if self.is_ready() {
            "ready"
        } else {
            "the upstream is not ready"
        }
    }

    /// From now on nothing new is welcome.
    pub(crate) fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// Looks at the upstream again and again, and tells gRPC health and the metrics what it sees.
    pub(crate) async fn probe(
        self,
        upstream: Arc<dyn Upstream>,
        workers: Arc<Workers>,
        runtime: Runtime,
        health: HealthReporter,
        exposition: Exposition,
    ) {
        let mut ticks = interval(PROBE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let ready = tokio::time::timeout(PROBE_EVERY, upstream.ready()).await.unwrap_or(false);
            if self.0.upstream.swap(ready, Ordering::Relaxed) != ready {
                tracing::info!(ready, "upstream readiness changed");
            }
            telemetry::upstream_seen(ready);
            telemetry::workers_seen(workers.queue_depth(), workers.busy(), runtime.busy());
            exposition.upkeep();
            let status = if self.is_ready() { ServingStatus::Serving } else { ServingStatus::NotServing };
            health.set_service_status("", status).await;
            health.set_service_status("inference.GRPCInferenceService", status).await;
        }
    }
}
