//! What became of the requests.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Latencies;

/// What becomes of a request. Statuses are named as the gRPC specification writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It is answered.
    Answered,
    /// A gateway refuses it, with this status.
    Refused(&'static str),
    /// It fails, with this status.
    Failed(&'static str),
}

impl Outcome {
    /// Nobody has answered in time.
    pub const TIMED_OUT: Self = Self::Failed("DEADLINE_EXCEEDED");

    /// `answered`, `refused` or `failed`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused(_) => "refused",
            Self::Failed(_) => "failed",
        }
    }

    /// The status.
    pub fn status(self) -> &'static str {
        match self {
            Self::Answered => "OK",
            Self::Refused(status) | Self::Failed(status) => status,
        }
    }
}

/// What became of all requests that count, and how long that took.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    by_outcome: BTreeMap<Outcome, Latencies>,
    lateness: Latencies,
    took: Duration,
}

impl Measured {
    pub(super) fn record(&mut self, outcome: Outcome, latency: Duration, late: Duration) {
        self.by_outcome.entry(outcome).or_default().record(latency);
        self.lateness.record(late);
    }

    pub(super) fn over(self, took: Duration) -> Self {
        Self { took, ..self }
    }

    /// Latencies by what became of the requests.
    pub fn by_outcome(&self) -> impl Iterator<Item = (Outcome, &Latencies)> {
        self.by_outcome.iter().map(|(outcome, latencies)| (*outcome, latencies))
    }

    /// All latencies.
    pub fn all(&self) -> Latencies {
        let mut all = Latencies::default();
        self.by_outcome.values().for_each(|latencies| all.add(latencies));
        all
    }

    /// How late requests left: what the sender itself, and the limit of requests under way, add to latencies.
    pub fn lateness(&self) -> &Latencies {
        &self.lateness
    }

    /// How many requests ended so.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.by_outcome.get(&outcome).map_or(0, Latencies::count)
    }

    /// The share of the requests that failed, from 0 to 1; refusals are no failures.
    pub fn failed_share(&self) -> f64 {
        let failed = self.by_outcome().filter(|(outcome, _)| matches!(outcome, Outcome::Failed(_)));
        let failed: u64 = failed.map(|(_, latencies)| latencies.count()).sum();
        failed as f64 / self.lateness.count().max(1) as f64
    }

    /// Answers and refusals a second, until the last came.
    pub fn throughput(&self) -> f64 {
        (1.0 - self.failed_share()) * self.lateness.count() as f64 / self.took.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}
