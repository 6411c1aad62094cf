//! The real binary between real clients and real servers, on ports that the system picks.
#![expect(clippy::expect_used, reason = "where the world around a test breaks, the test has failed")]

mod support;

mod accounting;
mod batches;
mod bypasses;
mod cascade;
mod embedded_upstream;
mod five_classifiers;
mod hostile;
mod lifecycle;
mod operators;
mod policies;
mod predictions;
mod reconnect;
mod sources;
mod traffic;
mod transparency;
