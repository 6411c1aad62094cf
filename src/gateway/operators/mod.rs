//! The operators' side: metrics, probes, the API that examines and watches, and a page for a browser.

pub(super) mod admin;
pub(super) mod authority;
pub(super) mod inspector;
pub(super) mod page;
pub(super) mod readiness;
pub(super) mod watch;
