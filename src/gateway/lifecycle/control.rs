//! How a running gateway is told what to do.

use std::sync::Arc;

use tokio::sync::{Notify, watch};

/// How far a gateway is on its way out. It goes forward only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Phase {
    /// It serves.
    #[default]
    Serving,
    /// It says that it is not ready, and still serves whoever has not heard of it yet.
    Draining,
    /// It lets nobody new in; calls under way go on.
    Closing,
    /// Whatever is still under way is cut.
    Cut,
}

/// Tells a running gateway what to do. Clones steer the same one.
#[derive(Clone, Default)]
pub struct Control {
    phase: watch::Sender<Phase>,
    reload: Arc<Notify>,
}

impl Control {
    /// Takes the gateway to `phase`, if it is not there or beyond.
    pub fn advance(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let advances = phase > *now;
            *now = phase.max(*now);
            advances
        });
    }

    /// Where it is.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Waits until it is at `phase` or beyond.
    pub async fn reached(&self, phase: Phase) {
        // The sender is this one, so there is always somebody to wait for.
        let _ = self.phase.subscribe().wait_for(|now| *now >= phase).await;
    }

    /// Asks it to load its configuration anew. Several wishes before it gets to it are one.
    pub fn reload(&self) {
        self.reload.notify_one();
    }

    /// Waits until somebody wants that.
    pub(crate) async fn reload_wanted(&self) {
        self.reload.notified().await;
    }
}
