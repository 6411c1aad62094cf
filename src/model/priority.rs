//! How far threads that predict stand back behind those that carry requests, which need little of a core, but at once.
//!
//! On Linux a thread has a priority of its own; elsewhere it would be the whole process's, and nothing is done.

/// The priority of a thread that predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    /// Somebody waits for its predictions: less of a core than others, by ten steps of `nice`.
    Low,
    /// Nobody does: what all others leave of a core, by the class `SCHED_IDLE`. Whoever else wakes goes before it at once.
    Idle,
}

impl Priority {
    /// What its threads are called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Low => "inference",
            Self::Idle => "monitoring",
        }
    }

    /// Gives it to this thread; it cannot be taken back without privileges.
    pub(super) fn take(self) {
        #[cfg(target_os = "linux")]
        if let Err(refused) = linux::take(self) {
            tracing::info!(%refused, "what predicts does not stand back behind what carries requests");
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;

    use super::Priority;

    /// What is added to the niceness of a thread.
    const NICE: i32 = 10;

    pub(super) fn take(priority: Priority) -> io::Result<()> {
        match priority {
            Priority::Low => low(),
            // Sandboxes that forbid the one may allow the other.
            Priority::Idle => idle().or_else(|_| low()),
        }
    }

    fn low() -> io::Result<()> {
        rustix::process::nice(NICE)?;
        Ok(())
    }

    /// By the system's call itself: not every C library passes it on.
    #[expect(unsafe_code, reason = "nothing safe offers it; the call reads one number and writes none")]
    fn idle() -> io::Result<()> {
        let (this_thread, parameter): (libc::pid_t, libc::c_int) = (0, 0);
        let done =
            unsafe { libc::syscall(libc::SYS_sched_setscheduler, this_thread, libc::SCHED_IDLE, &raw const parameter) };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    #[cfg(test)]
    mod tests {
        use std::thread;

        use super::*;

        /// What `/proc` tells of a thread that has taken it: niceness and class of scheduling.
        fn told_of(priority: Priority) -> (i32, i32) {
            let told = thread::spawn(move || {
                priority.take();
                std::fs::read_to_string("/proc/thread-self/stat").unwrap()
            });
            let told = told.join().unwrap();
            // The name may hold anything; the third field follows it.
            let fields: Vec<&str> = told.rsplit_once(')').unwrap().1.split_whitespace().collect();
            (fields[16].parse().unwrap(), fields[38].parse().unwrap())
        }

        #[test]
        fn who_is_waited_for_stands_back_a_little_and_who_is_not_altogether() {
            let (nice, _) = told_of(Priority::Idle);
            assert_eq!(told_of(Priority::Low), ((nice + NICE).min(19), libc::SCHED_OTHER));
            assert_eq!(told_of(Priority::Idle).1, libc::SCHED_IDLE);
        }
    }
}
