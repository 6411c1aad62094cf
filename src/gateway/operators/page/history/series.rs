//! One kind of counts over all stretches of time that are shown.

use std::sync::{Mutex, PoisonError};

use super::ring::Ring;
use super::time::{COARSE, FINE, Span};

/// One kind of counts, fine and coarse. The lock is held for an addition, or for a copy of one ring.
pub(super) struct Series<const N: usize>(Mutex<[Ring<N>; 2]>);

impl<const N: usize> Series<N> {
    pub(super) fn new() -> Self {
        Self(Mutex::new([FINE, COARSE].map(|(every, buckets)| Ring::new(every, buckets))))
    }

    pub(super) fn count(&self, now: u64, kind: usize) {
        let mut rings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rings.iter_mut().for_each(|ring| ring.count(now, kind));
    }

    pub(super) fn latest(&self, now: u64, span: Span) -> Vec<[u32; N]> {
        let [fine, coarse] = &*self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ring = if span == Span::Day { coarse } else { fine };
        ring.latest(now, span.buckets().1)
    }
}
