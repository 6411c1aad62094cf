//! Structured logs on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// One line for people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Starts logging to standard error; `filter` is a directive such as `info` or `portcullis=debug`.
/// A filter that can't be read counts as `info`.
pub fn start_logs(filter: &str, format: LogFormat) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let on_terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second subscriber is refused: tests that start one twice keep the first.
    let _ = if format == LogFormat::Json || (format == LogFormat::Auto && !on_terminal) {
        builder.json().flatten_event(true).with_span_list(false).try_init()
    } else {
        builder.with_ansi(on_terminal).with_target(false).try_init()
    };
}
