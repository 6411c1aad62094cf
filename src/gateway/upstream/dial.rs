//! Dialling the upstream, with a growing pause after each failure: one that is away is not hammered.

use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::Uri;
use tower::Service;

use super::root_cause;

/// The pause after the first failure, before chance has its part.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// No pause is longer: this long a recovered upstream goes unnoticed at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Why there is no connection: the deepest cause, whether it was just tried or not tried again yet.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(super) struct Away(String);

/// Makes connections by `connector`, but none while it pauses: whoever wants one then is told the last failure at once.
#[derive(Clone)]
pub(super) struct Dialler<C> {
    connector: C,
    /// Is told whether an attempt made a connection.
    noted: Arc<dyn Fn(bool) + Send + Sync>,
    failed: Arc<Mutex<Option<Failure>>>,
}

/// The last of several failures in a row.
struct Failure {
    away: Away,
    in_a_row: u32,
    pause_until: Instant,
}

impl<C> Dialler<C> {
    pub(super) fn new(connector: C, noted: impl Fn(bool) + Send + Sync + 'static) -> Self {
        Self { connector, noted: Arc::new(noted), failed: Arc::default() }
    }

    /// Why the last attempt failed, if it did.
    pub(super) fn last_failure(&self) -> Option<Away> {
        lock(&self.failed).as_ref().map(|failure| failure.away.clone())
    }

    /// The last failure, while the pause after it lasts.
    fn pausing(&self) -> Option<Away> {
        lock(&self.failed).as_ref().filter(|last| Instant::now() < last.pause_until).map(|last| last.away.clone())
    }
}

impl Failure {
    /// One more failure after `last`.
    fn after(last: Option<Self>, away: Away) -> Self {
        let before = last.map_or(0, |last| last.in_a_row);
        let pause = pause(before, chance());
        tracing::debug!(cause = %away, ?pause, "the upstream cannot be reached");
        Self { away, in_a_row: before.saturating_add(1), pause_until: Instant::now() + pause }
    }
}

fn lock(failed: &Mutex<Option<Failure>>) -> MutexGuard<'_, Option<Failure>> {
    failed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The pause after so many failures before it: doubled each time, then shortened by up to a half, lest many gateways dial
/// in step. `chance` lies in [0, 1).
fn pause(failures: u32, chance: f64) -> Duration {
    let doubled = SHORTEST_PAUSE.saturating_mul(2_u32.saturating_pow(failures));
    doubled.min(LONGEST_PAUSE).mul_f64(1.0 - chance / 2.0)
}

/// A number in [0, 1): the standard library seeds its hashers by chance.
fn chance() -> f64 {
    f64::from((RandomState::new().hash_one(()) >> 32) as u32) / (f64::from(u32::MAX) + 1.0)
}

impl<C> Service<Uri> for Dialler<C>
where
    C: Service<Uri>,
    C::Response: Send + 'static,
    C::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = Away;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, Away>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Away>> {
        self.connector.poll_ready(context).map_err(away)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        if let Some(away) = self.pausing() {
            return Box::pin(std::future::ready(Err(away)));
        }
        let (dialled, noted, failed) = (self.connector.call(uri), self.noted.clone(), self.failed.clone());
        Box::pin(async move {
            let dialled = dialled.await.map_err(away);
            noted(dialled.is_ok());
            let mut failed = lock(&failed);
            *failed = dialled.as_ref().err().map(|away| Failure::after(failed.take(), away.clone()));
            drop(failed);
            dialled
        })
    }
}

fn away(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Away {
    Away(root_cause(error.into().as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_second_and_differ_by_up_to_a_half() {
        let milliseconds = |chance| [0, 1, 2, 4, 5, 40].map(|failures| pause(failures, chance).as_millis());
        assert_eq!(milliseconds(0.0), [50, 100, 200, 800, 1000, 1000]);
        assert_eq!(milliseconds(0.5), [37, 75, 150, 600, 750, 750]);
        assert!((0.0..1.0).contains(&chance()));
    }
}
