//! Load on a server in an open loop: a request leaves when it is due, whatever has become of those before it.
//!
//! Latency counts from when a request was due, not from when it could be sent. So a server that stalls is charged for
//! everybody who would have waited, where a closed loop would politely ask nothing in the meantime ("coordinated
//! omission"; Tene: "How NOT to measure latency", 2013).

mod latencies;
mod measured;
mod search;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

pub use latencies::Latencies;
pub use measured::{Measured, Outcome};
pub use search::{Promise, Search};

/// Who sends the requests.
pub trait Target: Send + Sync + 'static {
    /// Sends the request `index`, and waits for what becomes of it.
    fn send(&self, index: u64) -> impl Future<Output = Outcome> + Send;
}

/// How much load, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Requests a second; above 0.
    pub rate: f64,
    /// How long requests leave before those that count.
    pub warm_up: Duration,
    /// How long requests leave that count.
    pub duration: Duration,
    /// How long an answer may take from when its request is due. What has not even left by then is not sent any more.
    pub timeout: Duration,
    /// Requests under way at most. Where a server is so slow that there would be more, the next ones leave late, and
    /// their latency tells.
    pub most_under_way: u32,
}

impl Plan {
    /// How many requests leave in all, those of the warm-up included.
    pub fn requests(&self) -> u64 {
        self.ending(self.warm_up + self.duration)
    }

    fn ending(&self, after: Duration) -> u64 {
        (after.as_secs_f64() * self.rate).ceil() as u64
    }

    /// When the request `index` is due, from the first on.
    fn due(&self, index: u64) -> Duration {
        Duration::from_secs_f64(index as f64 / self.rate)
    }
}

/// Puts load on a server, and waits for the last answer. `left` is called, on another thread, whenever a request is due.
pub async fn run(target: Arc<impl Target>, plan: Plan, left: impl Fn() + Send + 'static) -> Measured {
    let measured = Arc::new(Mutex::new(Measured::default()));
    let room = Arc::new(Semaphore::new(plan.most_under_way as usize));
    let began = Instant::now();
    let pacer = Pacer { target, plan, began, room: room.clone(), measured: measured.clone() };
    let runtime = Handle::current();
    // It sleeps on a thread of its own: the runtime's timer has ticks of a millisecond, which is longer than many answers.
    if let Err(panicked) = tokio::task::spawn_blocking(move || pacer.pace(&runtime, left)).await {
        std::panic::resume_unwind(panicked.into_panic());
    }
    // All of the room is free once nothing is under way.
    let _all = room.acquire_many(plan.most_under_way).await;
    let took = began.elapsed().saturating_sub(plan.warm_up);
    let measured = std::mem::take(&mut *measured.lock().unwrap_or_else(PoisonError::into_inner));
    measured.over(took)
}

struct Pacer<T> {
    target: Arc<T>,
    plan: Plan,
    began: Instant,
    room: Arc<Semaphore>,
    measured: Arc<Mutex<Measured>>,
}

impl<T: Target> Pacer<T> {
    fn pace(self, runtime: &Handle, left: impl Fn()) {
        let warm = self.plan.ending(self.plan.warm_up);
        for index in 0..self.plan.requests() {
            let due = self.began + self.plan.due(index);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let room = async { timeout_at((due + self.plan.timeout).into(), self.room.clone().acquire_owned()).await };
            match runtime.block_on(room) {
                Ok(Ok(permit)) => drop(runtime.spawn(self.request(index, due, index >= warm, permit))),
                // Nobody would wait for it any longer.
                _ if index >= warm => self.measured().record(Outcome::TIMED_OUT, due.elapsed(), due.elapsed()),
                _ => {}
            }
            left();
        }
    }

    fn measured(&self) -> MutexGuard<'_, Measured> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn request(
        &self,
        index: u64,
        due: Instant,
        counts: bool,
        permit: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + Send + use<T> {
        let (target, measured, given_up) = (self.target.clone(), self.measured.clone(), due + self.plan.timeout);
        async move {
            let late = due.elapsed();
            let outcome = timeout_at(given_up.into(), target.send(index)).await.unwrap_or(Outcome::TIMED_OUT);
            let latency = due.elapsed();
            if counts {
                measured.lock().unwrap_or_else(PoisonError::into_inner).record(outcome, latency, late);
            }
            drop(permit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan {
        rate: 500.0,
        warm_up: Duration::from_millis(100),
        duration: Duration::from_millis(400),
        timeout: Duration::from_secs(10),
        most_under_way: 1000,
    };

    struct Server<F>(F);

    impl<F: Fn(u64) -> Duration + Send + Sync + 'static> Target for Server<F> {
        async fn send(&self, index: u64) -> Outcome {
            tokio::time::sleep((self.0)(index)).await;
            if index.is_multiple_of(5) { Outcome::Refused("PERMISSION_DENIED") } else { Outcome::Answered }
        }
    }

    async fn measure(plan: Plan, answers_after: impl Fn(u64) -> Duration + Send + Sync + 'static) -> Measured {
        run(Arc::new(Server(answers_after)), plan, || ()).await
    }

    #[tokio::test]
    async fn every_request_after_the_warm_up_counts_once() {
        let measured = measure(PLAN, |_| Duration::ZERO).await;
        assert_eq!(measured.all().count(), 200);
        assert_eq!(measured.count(Outcome::Answered), 160);
        assert_eq!(measured.count(Outcome::Refused("PERMISSION_DENIED")), 40);
    }

    #[tokio::test]
    async fn a_stall_is_charged_for_everyone_who_would_have_waited() {
        // One that is served at a time: a single slow answer, and all that follow wait for their turn.
        let plan = Plan { most_under_way: 1, ..PLAN };
        let stalled = |index| if index == 60 { Duration::from_millis(200) } else { Duration::ZERO };
        let latencies = measure(plan, stalled).await.all();
        // Of 200 requests some 100 are due during the stall; half of these wait for more than half of it.
        assert!(latencies.quantile(0.7) > Duration::from_millis(50), "{:?}", latencies.quantile(0.7));
        assert!(latencies.max() >= Duration::from_millis(200));
    }

    #[tokio::test]
    async fn who_never_answers_is_given_up() {
        // Three are asked, and all the others given up before it is their turn.
        let (timeout, duration) = (Duration::from_millis(60), Duration::from_millis(40));
        let plan = Plan { warm_up: Duration::ZERO, timeout, duration, most_under_way: 3, ..PLAN };
        let measured = measure(plan, |_| Duration::from_secs(3600)).await;
        assert_eq!(measured.count(Outcome::TIMED_OUT), 20);
    }
}
