//! From the first call to the last: how a running gateway is told to end or to change, and how it does.

pub(super) mod control;
pub(super) mod drain;
pub(super) mod files;
pub(super) mod reload;
pub(super) mod serving;
