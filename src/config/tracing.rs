//! Where traces go.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::address::{Endpoint, Reach};
use super::mistake::{Located, Location};
use super::read::{file, positive, ranged};
use super::section::Section;
use super::transport;
use super::tree::{Node, Value};

/// The variables of OpenTelemetry's that count where nothing else says anything, each with its key; of two for one key the
/// first.
const STANDARD: [(&str, &str); 3] = [
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "endpoint"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "endpoint"),
    ("OTEL_SERVICE_NAME", "service_name"),
];
/// The one that has none of it count.
const DISABLED: &str = "OTEL_SDK_DISABLED";
/// What the gateway is called.
const SERVICE_NAME: &str = "portcullis";

/// Where traces go.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracing {
    /// The collector, which speaks OTLP over gRPC.
    pub endpoint: Located<Endpoint>,
    /// A file whose first token it is shown.
    pub token_file: Option<Located<PathBuf>>,
    /// A file of more headers that it is shown.
    pub headers_file: Option<Located<PathBuf>>,
    /// What the gateway is called there.
    pub service_name: String,
    /// The share of requests that are traced, of those whose clients do not say, in [0, 1].
    pub ratio: f64,
    /// How long the collector may take to answer.
    pub timeout: Duration,
    /// Spans that may wait until it takes them.
    pub max_pending_spans: usize,
}

/// Reads `[tracing]`; nothing without an endpoint.
pub(super) fn tracing(mut section: Section<'_>, folder: &Path) -> Option<Tracing> {
    let url = section.optional::<String>("endpoint");
    let plaintext = section.or("plaintext", Reach::Loopback);
    let token_file = file(&mut section, "token_file", folder).and_then(Result::ok);
    let headers_file = file(&mut section, "headers_file", folder).and_then(Result::ok);
    let service_name = section.or("service_name", SERVICE_NAME.to_owned());
    let ratio = ranged(&mut section, "ratio", 1.0, |ratio| (0.0..=1.0).contains(&ratio), "lie between 0 and 1");
    let timeout = section.or("timeout", Duration::from_secs(10));
    let max_pending_spans = positive(&mut section, "max_pending_spans", 8192);
    let endpoint = transport::server(&mut section, "endpoint", url, plaintext, folder, "tracing");
    section.end();
    Some(Tracing { endpoint: endpoint?, token_file, headers_file, service_name, ratio, timeout, max_pending_spans })
}

/// What OpenTelemetry's variables say: keys of `[tracing]`, and their values.
pub(super) fn standard(environment: &HashMap<String, String>) -> Vec<(&'static str, Node)> {
    let said = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    if said(DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Vec::new();
    }
    let key = |(name, key): (&'static str, _)| {
        let value = Value::String(said(name)?.clone());
        Some((key, Node { value, at: Location::Environment(name.to_owned()) }))
    };
    STANDARD.into_iter().filter_map(key).collect()
}
