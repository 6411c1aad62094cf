//! Metrics, logs and events: one function an event.
