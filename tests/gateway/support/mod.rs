//! What the promises are tested with.

pub mod collector;
pub mod gateway;
pub mod http1;
pub mod line;
pub mod metrics;
pub mod models;
pub mod onnx;
pub mod prometheus;
pub mod python;
pub mod tls;
pub mod upstream;
pub mod wire;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub use gateway::Gateway;
pub use metrics::Metrics;
pub use models::Model;
pub use prometheus::Prometheus;
pub use tls::Authority;
pub use upstream::Upstream;
pub use wire::{Answer, Call, Connection};

/// The folder of real data and real classifiers; `None`, with a word, where it is missing.
pub fn shared() -> Option<&'static Path> {
    static SHARED: OnceLock<PathBuf> = OnceLock::new();
    let shared = SHARED.get_or_init(|| root().join("../shared"));
    if shared.is_dir() {
        return Some(shared);
    }
    eprintln!("skipped: ../shared is missing");
    None
}

/// The package's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where tests leave what several of them need.
pub fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// Tries again until there is an answer. Only a hanging program gets to the end of the patience.
pub async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    const ATTEMPTS: usize = 6000;
    for _ in 0..ATTEMPTS {
        if let Some(value) = attempt().await {
            return value;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it never came to pass: {what}");
}
