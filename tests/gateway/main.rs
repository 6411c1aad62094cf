//! The real binary between real clients and real servers, on ports that the system picks.
#![expect(clippy::expect_used, reason = "where the world around a test breaks, the test has failed")]

#[path = "../support/models.rs"]
mod models;
mod support;

mod accounting;
mod audit;
mod batches;
mod bench;
mod browser;
mod bypasses;
mod cascade;
mod compatibility;
mod compression;
mod connections;
mod deadlines;
mod drain;
mod embedded_upstream;
mod encoded;
mod evidence;
mod faults;
mod five_classifiers;
mod hostile;
mod limits;
mod operators;
mod overload;
mod page;
mod policies;
mod predictions;
mod prometheus;
mod readiness;
mod reconnect;
mod reload;
mod rest;
mod scanner;
mod screenshots;
mod shared_memory;
mod sockets;
mod sources;
mod story;
mod streams;
mod text;
mod text_detections;
mod tls;
mod token_ids;
mod tokens;
mod tracing;
mod traffic;
mod transparency;
