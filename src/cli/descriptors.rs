//! How many files the process may have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files beside clients' connections: the upstream's, the operators', libraries, models.
const OTHERS: usize = 128;

/// Raises the limit as far as the system lets it be raised: how many of the `wanted` connections it then leaves room for.
pub fn for_connections(wanted: usize) -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it cannot be raised, it stays as it is.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let files = getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files).ok());
    let possible = files.map_or(wanted, |files| files.saturating_sub(OTHERS).max(1));
    if possible < wanted {
        tracing::warn!(possible, wanted, "the limit of open files (ulimit -n) allows fewer connections");
    }
    possible.min(wanted)
}
