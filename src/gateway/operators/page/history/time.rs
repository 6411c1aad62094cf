//! Stretches of time that charts show, and a clock that never goes back.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Buckets of ten seconds for an hour, and of five minutes for a day.
pub(super) const FINE: (u64, usize) = (10, 360);
pub(super) const COARSE: (u64, usize) = (300, 288);

/// How far back a chart goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// A quarter of an hour.
    Quarter,
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl Span {
    /// All of them, the shortest first.
    pub(crate) const ALL: [Self; 3] = [Self::Quarter, Self::Hour, Self::Day];

    /// Its name in addresses.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Quarter => "quarter",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Its name for people.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Quarter => "last 15 minutes",
            Self::Hour => "last hour",
            Self::Day => "last 24 hours",
        }
    }

    /// When that is, in a sentence.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Quarter => "in the last 15 minutes",
            Self::Hour => "in the last hour",
            Self::Day => "in the last 24 hours",
        }
    }

    /// The second in which the first of its buckets up to `now` begins.
    pub(crate) fn start(self, now: u64) -> u64 {
        let (every, buckets) = self.buckets();
        (now / every + 1).saturating_sub(buckets as u64) * every
    }

    /// Seconds in a bucket, and buckets.
    pub(crate) fn buckets(self) -> (u64, usize) {
        match self {
            Self::Quarter => (FINE.0, FINE.1 / 4),
            Self::Hour => FINE,
            Self::Day => COARSE,
        }
    }
}

/// The time by a clock that never goes back, whatever is done to the system's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    began: Instant,
    since_epoch: Duration,
}

impl Clock {
    pub(super) fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { began: Instant::now(), since_epoch }
    }

    pub(super) fn seconds(&self) -> u64 {
        (self.since_epoch + self.began.elapsed()).as_secs()
    }
}
