//! The operators' side: metrics, probes and the API that examines and watches.

pub(super) mod admin;
pub(super) mod authority;
pub(super) mod inspector;
pub(super) mod readiness;
pub(super) mod watch;
