//! Sinks that take a line for each detection.

use std::io::{self, Write};

use super::finding;
use crate::evidence::Subscription;
use crate::telemetry::FallibleSink;

/// What takes lines. It may take its time: whoever writes to it waits elsewhere than requests do.
pub trait LineSink: Send + 'static {
    /// Writes one line, which ends with its line feed, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    fn write_line(&mut self, line: &[u8]) -> io::Result<()>;
}

/// This process's standard output.
#[derive(Debug, Default)]
pub struct StandardOutput;

impl LineSink for StandardOutput {
    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        let mut output = io::stdout().lock();
        output.write_all(line)?;
        output.flush()
    }
}

/// Writes what comes to `lines`, which is called `sink`, until the feed ends.
pub async fn tell(sink: &'static str, mut lines: impl LineSink, events: Subscription, tells_client: bool) {
    let health = FallibleSink::new(sink, "an audit event cannot be written", "audit events are written again");
    health.opened();
    while let Some(event) = events.next().await {
        let writing = tokio::task::spawn_blocking(move || {
            let line = format!("{}\n", finding(&event.detection, tells_client));
            let written = lines.write_line(line.as_bytes());
            (lines, written)
        });
        let Ok((back, written)) = writing.await else {
            return tracing::error!(sink, "no more audit events are written: the writer has broken off");
        };
        lines = back;
        match written {
            Ok(()) => health.delivered(1),
            Err(error) => health.failed(1, &error.to_string()),
        }
    }
}
