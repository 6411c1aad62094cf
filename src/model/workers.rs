//! The threads that squeeze and predict: as many as cores, bounded queues, a deadline a job.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select_biased};
use tokio::sync::oneshot;

use super::priority::Priority;

/// Why a job has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// The queue is full.
    #[error("the inference queue is full")]
    Overloaded,
    /// Its deadline passed while it waited.
    #[error("the deadline passed before the prediction began")]
    Expired,
    /// It panicked, or the workers are gone.
    #[error("the prediction was abandoned")]
    Abandoned,
}

/// Index of a worker: which of a model's sessions it may use.
#[derive(Debug, Clone, Copy)]
pub struct WorkerId(pub(super) usize);

type Job = Box<dyn FnOnce(WorkerId) + Send>;

/// A fixed set of threads, which models share, so that inference does not use more threads than there are cores for it; a
/// gateway has a second set for what nobody waits for. Clients' own predictions have a queue before all other jobs': what is
/// examined must not keep what is asked for waiting. On Linux the threads stand back behind those that carry requests.
pub struct Workers {
    asked: Sender<Job>,
    queue: Sender<Job>,
    count: usize,
    busy_nanos: Arc<AtomicU64>,
}

impl Workers {
    /// Starts `count` threads (0: one a core, as far as the cgroup allows) over two queues of `queue` jobs each.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(count: usize, queue: usize) -> io::Result<Self> {
        Self::start_with(Priority::Low, count, queue)
    }

    /// As [`Workers::start`], for jobs that nobody waits for: the threads have what everybody else leaves of the cores.
    ///
    /// # Errors
    /// As [`Workers::start`].
    pub fn start_idle(count: usize, queue: usize) -> io::Result<Self> {
        Self::start_with(Priority::Idle, count, queue)
    }

    fn start_with(priority: Priority, count: usize, queue: usize) -> io::Result<Self> {
        let count = match count {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        };
        let (asked, first): (Sender<Job>, Receiver<Job>) = bounded(queue.max(1));
        let (queue, then): (Sender<Job>, Receiver<Job>) = bounded(queue.max(1));
        let busy_nanos = Arc::new(AtomicU64::new(0));
        for index in 0..count {
            let (first, then, busy) = (first.clone(), then.clone(), busy_nanos.clone());
            std::thread::Builder::new().name(format!("{}-{index}", priority.name())).spawn(move || {
                priority.take();
                while let Some(job) = next(&first, &then) {
                    let began = Instant::now();
                    job(WorkerId(index));
                    let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
                    busy.fetch_add(nanos, Ordering::Relaxed);
                }
            })?;
        }
        Ok(Self { asked, queue, count, busy_nanos })
    }

    /// Number of threads.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Jobs that wait.
    pub fn queue_depth(&self) -> usize {
        self.asked.len() + self.queue.len()
    }

    /// Time that all threads together have spent on jobs.
    pub fn busy(&self) -> Duration {
        Duration::from_nanos(self.busy_nanos.load(Ordering::Relaxed))
    }

    /// Queues a job if there is room; never waits. A job whose deadline passes, or whose result nobody
    /// waits for any more, is not begun.
    pub fn submit<T: Send + 'static>(
        &self,
        deadline: Option<Instant>,
        work: impl FnOnce(WorkerId) -> T + Send + 'static,
    ) -> Pending<T> {
        self.submit_answering(deadline, |worker, reply| reply.send(work(worker)))
    }

    /// As [`Workers::submit`], for work that may have its result sent later, from elsewhere.
    pub(super) fn submit_answering<T: Send + 'static>(
        &self,
        deadline: Option<Instant>,
        work: impl FnOnce(WorkerId, Reply<T>) + Send + 'static,
    ) -> Pending<T> {
        submit_to(&self.queue, deadline, work)
    }

    /// As [`Workers::submit`], before all jobs that were queued so: for predictions that a client asked for.
    pub fn submit_first<T: Send + 'static>(&self, work: impl FnOnce(WorkerId) -> T + Send + 'static) -> Pending<T> {
        submit_to(&self.asked, None, |worker, reply| reply.send(work(worker)))
    }

    /// Queues a job, waiting for room: for offline work.
    pub fn submit_waiting<T: Send + 'static>(&self, work: impl FnOnce(WorkerId) -> T + Send + 'static) -> Pending<T> {
        self.submit_answering_waiting(|worker, reply| reply.send(work(worker)))
    }

    /// As [`Workers::submit_waiting`], for work that may have its result sent later, from elsewhere.
    pub(super) fn submit_answering_waiting<T: Send + 'static>(
        &self,
        work: impl FnOnce(WorkerId, Reply<T>) + Send + 'static,
    ) -> Pending<T> {
        let (job, pending) = job(None, work);
        match self.queue.send(job) {
            Ok(()) => pending,
            Err(_) => Pending::failed(JobError::Abandoned),
        }
    }
}

/// The next job, those that clients wait for first; `None` once nobody can queue any more.
fn next(first: &Receiver<Job>, then: &Receiver<Job>) -> Option<Job> {
    select_biased! {
        recv(first) -> job => job.ok(),
        recv(then) -> job => job.ok(),
    }
}

fn submit_to<T: Send + 'static>(
    queue: &Sender<Job>,
    deadline: Option<Instant>,
    work: impl FnOnce(WorkerId, Reply<T>) + Send + 'static,
) -> Pending<T> {
    let (job, pending) = job(deadline, work);
    match queue.try_send(job) {
        Ok(()) => pending,
        Err(TrySendError::Full(_)) => Pending::failed(JobError::Overloaded),
        Err(TrySendError::Disconnected(_)) => Pending::failed(JobError::Abandoned),
    }
}

fn job<T: Send + 'static>(
    deadline: Option<Instant>,
    work: impl FnOnce(WorkerId, Reply<T>) + Send + 'static,
) -> (Job, Pending<T>) {
    let (sender, receiver) = oneshot::channel();
    let reply = Reply { sender, deadline };
    let job = Box::new(move |worker| {
        if let Some(reply) = reply.wanted() {
            // A panic drops the reply, by which the job counts as abandoned.
            let _ = catch_unwind(AssertUnwindSafe(|| work(worker, reply)));
        }
    });
    (job, Pending(receiver))
}

/// The way back to who waits for a result.
pub(super) struct Reply<T> {
    sender: oneshot::Sender<Result<T, JobError>>,
    deadline: Option<Instant>,
}

impl<T> Reply<T> {
    /// The same, unless nobody waits any more, or the deadline has passed, which is said.
    pub(super) fn wanted(self) -> Option<Self> {
        if self.sender.is_closed() {
            return None;
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            // Who waited may just have gone.
            let _ = self.sender.send(Err(JobError::Expired));
            return None;
        }
        Some(self)
    }

    pub(super) fn send(self, result: T) {
        // Nobody waits for it any more: its request was cancelled or its time ran out.
        let _ = self.sender.send(Ok(result));
    }
}

/// A result that is being computed.
#[derive(Debug)]
pub struct Pending<T>(oneshot::Receiver<Result<T, JobError>>);

impl<T> Pending<T> {
    fn failed(error: JobError) -> Self {
        let (reply, receiver) = oneshot::channel();
        let _ = reply.send(Err(error));
        Self(receiver)
    }

    /// Waits without blocking the thread.
    ///
    /// # Errors
    /// When the job was not run to its end.
    pub async fn ready(self) -> Result<T, JobError> {
        self.0.await.unwrap_or(Err(JobError::Abandoned))
    }

    /// Blocks the thread until the result is there; not for use inside an async runtime.
    ///
    /// # Errors
    /// When the job was not run to its end.
    pub fn wait(self) -> Result<T, JobError> {
        self.0.blocking_recv().unwrap_or(Err(JobError::Abandoned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_refuses_at_once_and_a_panic_harms_nobody() {
        let workers = Workers::start(1, 1).unwrap();
        let (go, wait) = bounded::<()>(0);
        let (begun, began) = bounded::<()>(0);
        let first = workers.submit(None, move |_| {
            begun.send(()).unwrap();
            wait.recv().unwrap();
            1
        });
        began.recv().unwrap();
        let second = workers.submit(None, |_| panic!("a job that fails"));
        let third: Pending<()> = workers.submit(None, |_| ());
        assert_eq!(third.wait(), Err(JobError::Overloaded));
        go.send(()).unwrap();
        assert_eq!(first.wait(), Ok(1));
        let second: Result<(), JobError> = second.wait();
        assert_eq!(second, Err(JobError::Abandoned));
        assert_eq!(workers.submit_waiting(|_| 4).wait(), Ok(4));
    }

    #[test]
    fn what_a_client_asked_for_is_done_before_what_is_examined() {
        let workers = Workers::start(1, 8).unwrap();
        let (go, wait) = bounded::<()>(0);
        let (note, order) = bounded(8);
        let blocked = workers.submit(None, move |_| wait.recv().unwrap());
        let noting = |what: &'static str| {
            let note = note.clone();
            move |_| note.send(what).unwrap()
        };
        let pending = [
            workers.submit(None, noting("examined")),
            workers.submit_first(noting("asked")),
            workers.submit_first(noting("asked")),
        ];
        go.send(()).unwrap();
        blocked.wait().unwrap();
        pending.into_iter().for_each(|pending| pending.wait().unwrap());
        assert_eq!(order.try_iter().collect::<Vec<_>>(), ["asked", "asked", "examined"]);
    }

    #[test]
    fn a_job_past_its_deadline_is_not_begun() {
        let workers = Workers::start(1, 4).unwrap();
        assert_eq!(workers.submit(Some(Instant::now()), |_| ()).wait(), Err(JobError::Expired));
    }
}
