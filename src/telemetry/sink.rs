//! What becomes of detections on their way to those who look, keep and tell.

use std::sync::atomic::{AtomicBool, Ordering};

use metrics::counter;

use super::names;

/// What became of a detection on its way to a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It has arrived.
    Delivered,
    /// It was lost since the sink did not keep up.
    Dropped,
    /// It was lost since the sink could not take it.
    Failed,
}

impl Delivery {
    const ALL: [Self; 3] = [Self::Delivered, Self::Dropped, Self::Failed];

    fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Dropped => "dropped",
            Self::Failed => "failed",
        }
    }
}

/// A sink of detections is there: its counters show from now on.
pub fn sink_opened(sink: &'static str) {
    Delivery::ALL.into_iter().for_each(|delivery| detections_delivered(sink, delivery, 0));
}

/// So many detections have arrived at a sink, or were lost on the way; `sink` comes from a bounded set.
pub fn detections_delivered(sink: &'static str, delivery: Delivery, count: usize) {
    counter!(names::AUDIT_EVENTS, "sink" => sink, "result" => delivery.name()).increment(count as u64);
}

/// A sink that may fail. What becomes of detections is counted; that it fails is said once, until it works again.
#[derive(Debug)]
pub struct FallibleSink {
    name: &'static str,
    trouble: &'static str,
    relief: &'static str,
    is_in_trouble: AtomicBool,
}

impl FallibleSink {
    /// The sink of this name. `trouble` says that nothing arrives, `relief` that it does again.
    pub fn new(name: &'static str, trouble: &'static str, relief: &'static str) -> Self {
        Self { name, trouble, relief, is_in_trouble: AtomicBool::new(false) }
    }

    /// It is there: its counters show from now on.
    pub fn opened(&self) {
        sink_opened(self.name);
    }

    /// A detection has arrived.
    pub fn delivered(&self) {
        detections_delivered(self.name, Delivery::Delivered, 1);
        if self.is_in_trouble.swap(false, Ordering::Relaxed) {
            tracing::info!(sink = self.name, "{}", self.relief);
        }
    }

    /// A detection was lost.
    pub fn failed(&self, problem: &str) {
        detections_delivered(self.name, Delivery::Failed, 1);
        self.in_trouble(problem);
    }

    /// Something went wrong of which no detection is lost yet.
    pub fn in_trouble(&self, problem: &str) {
        if !self.is_in_trouble.swap(true, Ordering::Relaxed) {
            tracing::error!(sink = self.name, problem, "{}; requests are served as ever", self.trouble);
        }
    }
}
