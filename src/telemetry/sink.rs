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

/// So many spans have arrived at a collector, or were lost on the way.
pub fn spans_delivered(delivery: Delivery, count: usize) {
    counter!(names::SPANS, "result" => delivery.name()).increment(count as u64);
}

/// A sink that may fail. What becomes of what it is given is counted; that it fails is said once, until it works again.
#[derive(Debug)]
pub struct FallibleSink {
    name: &'static str,
    count: fn(&'static str, Delivery, usize),
    trouble: &'static str,
    relief: &'static str,
    is_in_trouble: AtomicBool,
}

impl FallibleSink {
    /// The sink of detections of this name. `trouble` says that nothing arrives, `relief` that it does again.
    pub fn new(name: &'static str, trouble: &'static str, relief: &'static str) -> Self {
        Self { name, count: detections_delivered, trouble, relief, is_in_trouble: AtomicBool::new(false) }
    }

    /// The sink of spans of this name; likewise.
    pub fn of_spans(name: &'static str, trouble: &'static str, relief: &'static str) -> Self {
        Self { count: |_, delivery, count| spans_delivered(delivery, count), ..Self::new(name, trouble, relief) }
    }

    /// It is there: its counters show from now on.
    pub fn opened(&self) {
        Delivery::ALL.into_iter().for_each(|delivery| (self.count)(self.name, delivery, 0));
    }

    /// So much has arrived.
    pub fn delivered(&self, count: usize) {
        (self.count)(self.name, Delivery::Delivered, count);
        if self.is_in_trouble.swap(false, Ordering::Relaxed) {
            tracing::info!(sink = self.name, "{}", self.relief);
        }
    }

    /// So much was lost.
    pub fn failed(&self, count: usize, problem: &str) {
        (self.count)(self.name, Delivery::Failed, count);
        self.in_trouble(problem);
    }

    /// Something went wrong by which nothing is lost yet.
    pub fn in_trouble(&self, problem: &str) {
        if !self.is_in_trouble.swap(true, Ordering::Relaxed) {
            tracing::error!(sink = self.name, problem, "{}; requests are served as ever", self.trouble);
        }
    }
}
