//! The way out: not ready, a delay, nobody new, a bounded grace.

use std::time::Duration;

use super::control::{Control, Phase};
use super::serving::Current;
use crate::gateway::operators::readiness::Readiness;

/// Waits until the gateway is to let nobody new in, and returns how long calls under way may then go on.
pub(crate) async fn closing(control: Control, readiness: Readiness, current: Current) -> Duration {
    control.reached(Phase::Draining).await;
    readiness.publish().await;
    let (delay, grace) = {
        let serving = current.get();
        (serving.config.server.drain_delay, serving.config.server.drain_grace)
    };
    if control.phase() == Phase::Draining {
        tracing::info!(?delay, "draining: not ready any more, calls are still served");
        // Nothing is lost if it is told meanwhile to make haste.
        let _ = tokio::time::timeout(delay, control.reached(Phase::Closing)).await;
        control.advance(Phase::Closing);
    }
    readiness.publish().await;
    tracing::info!(?grace, "closing: nobody new is let in, calls under way go on");
    grace
}
