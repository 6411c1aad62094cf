//! Is the gateway ready? Yes from the moment everything is loaded until it drains, as long as the upstream is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::gateway::lifecycle::control::{Control, Phase};
use crate::gateway::lifecycle::serving::Current;
use crate::profile::Loader;
use crate::telemetry::{self, Exposition};

/// Pause between two looks at an upstream that is ready; a look takes no longer either.
const PROBE_EVERY: Duration = Duration::from_secs(2);
/// Pause before the next look at one that is not: whoever waits for it waits no longer than this.
const PROBE_AGAIN: Duration = Duration::from_millis(250);

/// The services whose health is told over gRPC: the gateway as a whole, and what it carries.
pub(crate) const SERVICES: [&str; 2] = ["", "inference.GRPCInferenceService"];

/// The gateway's state, shared by probes and server.
#[derive(Clone)]
pub(crate) struct Readiness(Arc<State>);

struct State {
    upstream: AtomicBool,
    control: Control,
    health: Mutex<HealthReporter>,
}

impl Readiness {
    /// Of the gateway that `control` steers, told over gRPC by `health`.
    pub(crate) fn new(control: Control, health: HealthReporter) -> Self {
        Self(Arc::new(State { upstream: AtomicBool::new(false), control, health: Mutex::new(health) }))
    }

    /// Whether requests are welcome.
    pub(crate) fn is_ready(&self) -> bool {
        self.0.upstream.load(Ordering::Relaxed) && self.0.control.phase() == Phase::Serving
    }

    /// Why it is not ready, for a person.
    pub(crate) fn explain(&self) -> &'static str {
        if self.0.control.phase() > Phase::Serving {
            "draining"
        } else if self.is_ready() {
            "ready"
        } else {
            "the upstream is not ready"
        }
    }

    /// Tells gRPC health how it is now. Once nobody new is let in, this is the last that those who watch are told: their
    /// calls would never end otherwise.
    pub(crate) async fn publish(&self) {
        // Looked at under the lock, lest an older state be told after a newer one.
        let mut health = self.0.health.lock().await;
        let status = if self.is_ready() { ServingStatus::Serving } else { ServingStatus::NotServing };
        let closing = self.0.control.phase() >= Phase::Closing;
        for service in SERVICES {
            health.set_service_status(service, status).await;
            if closing {
                health.clear_service_status(service).await;
                health.set_service_status(service, status).await;
            }
        }
    }

    /// Looks at the upstream again and again, and tells gRPC health and the metrics what it sees.
    pub(crate) async fn probe(self, current: Current, loader: Loader, exposition: Exposition) {
        loop {
            let ready = tokio::time::timeout(PROBE_EVERY, current.get().guard.upstream().ready()).await;
            let ready = ready.unwrap_or(false);
            if self.0.upstream.swap(ready, Ordering::Relaxed) != ready {
                tracing::info!(ready, "upstream readiness changed");
            }
            telemetry::upstream_seen(ready);
            let Loader { workers, idle_workers, runtime, .. } = &loader;
            let queue_depth = workers.queue_depth() + idle_workers.queue_depth();
            telemetry::workers_seen(queue_depth, workers.busy() + idle_workers.busy(), runtime.busy());
            exposition.upkeep();
            self.publish().await;
            tokio::time::sleep(if ready { PROBE_EVERY } else { PROBE_AGAIN }).await;
        }
    }
}
