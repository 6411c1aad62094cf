//! What every metric is called, what it counts and by which labels: for the documentation.

use std::sync::{Mutex, PoisonError};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit, with_local_recorder};

use super::drift::Traffic;
use super::names;
use crate::detect::Reason;

/// A metric, as it is described to Prometheus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its name; a histogram's series have `_bucket`, `_sum` and `_count` behind it.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// What it means.
    pub meaning: String,
    /// The labels of its series; `le`, a histogram's own, is not among them.
    pub labels: &'static [&'static str],
}

/// Every metric that the gateway exports, by name.
pub fn described() -> Vec<Described> {
    let listener = Listener::default();
    with_local_recorder(&listener, names::describe);
    let mut described = listener.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    described.sort_by(|a, b| a.name.cmp(&b.name));
    described
}

/// The reference of all metrics, as Markdown.
pub fn metrics_reference() -> String {
    let metrics = described().into_iter().map(|Described { name, kind, meaning, labels }| {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{name}` | {kind} | {} | {meaning} |\n", labels.join(", "))
    });
    let labels = label_values().map(|(label, values)| format!("| `{label}` | {values} |\n"));
    let intervals = |bounds: &[f64]| bounds.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
    format!(
        "# Metrics\n\nWhat `/metrics` on the operators' port exports, as `portcullis reference metrics` prints it. Clients \
         cannot multiply series: every label has a bounded set of values.\n\n\
         | metric | kind | labels | meaning |\n|---|---|---|---|\n{}\n\
         | label | values |\n|---|---|\n{}\n\
         Buckets of `*_seconds` end at {}; of `{}` at {}; of `{}` at {}.\n",
        metrics.collect::<String>(),
        labels.collect::<String>(),
        intervals(&names::SECONDS),
        names::DETECTOR_SCORE,
        intervals(&names::SCORES),
        names::DETECTOR_P_VALUE,
        intervals(&names::P_VALUES),
    )
}

/// The labels of a metric's series.
fn labels(name: &str) -> &'static [&'static str] {
    match name {
        names::BUILD_INFO => &["version", "revision"],
        names::REQUESTS => &["model", "method", "grpc_code"],
        names::DECISIONS => &["model", "decision", "reason"],
        names::INPUTS => &["model", "decision"],
        names::FALSE_POSITIVE_RATE => &["model", "bound"],
        names::ACTIONS => &["model", "action"],
        names::REQUEST_DURATION => &["model", "method"],
        names::OVERHEAD => &["model", "policy"],
        names::STAGE_DURATION => &["stage"],
        names::DETECTOR_SCORE
        | names::DETECTOR_P_VALUE
        | names::DETECTOR_THRESHOLD
        | names::CALIBRATION_DRIFT
        | names::DRIFT_P_VALUE => &["model", "detector"],
        names::SQUEEZED_PREDICTIONS => &["model", "source"],
        names::UPSTREAM_DURATION | names::REPLICA_DISAGREEMENTS | names::TAIL_P_VALUE => &["model"],
        names::TRAFFIC => &["model", "state"],
        names::AUDIT_EVENTS => &["sink", "result"],
        names::EVIDENCE_REMOVED => &["reason"],
        names::UPSTREAM_CONNECTIONS | names::RELOADS | names::SPANS => &["result"],
        names::CERTIFICATE_EXPIRY => &["role"],
        _ => &[],
    }
}

/// What the values of each label are.
fn label_values() -> impl Iterator<Item = (&'static str, String)> {
    let list = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    [
        ("action", list(&["pass", "annotate", "block", "restore"])),
        ("bound", list(&["target", "lower", "upper"])),
        ("decision", list(&["clean", "suspicious", "undecided", "unguarded"])),
        ("detector", "the detectors' names in the configuration, and `combined`".into()),
        ("grpc_code", "names of gRPC status codes".into()),
        ("method", "`ModelInfer` and its like, `rest_infer` and its like, `other`".into()),
        ("model", "names of configured models, and `other`".into()),
        ("policy", list(&["monitor", "annotate", "block", "restore"])),
        (
            "reason",
            format!(
                "why a request is undecided, else empty: {}; why evidence was removed: `age`, `size`",
                list(&Reason::ALL.map(Reason::name))
            ),
        ),
        ("result", "what became of it".into()),
        ("revision", "the commit that was built".into()),
        ("role", "what the certificate is for".into()),
        ("sink", "who is told of detections".into()),
        ("source", list(&["replica", "upstream"])),
        ("stage", list(&["decode", "squeeze", "infer", "score"])),
        ("state", list(&Traffic::ALL.map(Traffic::name))),
        ("version", "the program's".into()),
    ]
    .into_iter()
}

/// Listens to descriptions and records nothing.
#[derive(Default)]
struct Listener(Mutex<Vec<Described>>);

impl Listener {
    fn note(&self, name: &KeyName, kind: &'static str, meaning: &SharedString) {
        let (name, meaning) = (name.as_str().to_owned(), meaning.to_string());
        let labels = labels(&name);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Described { name, kind, meaning, labels });
    }
}

impl Recorder for Listener {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, meaning: SharedString) {
        self.note(&name, "counter", &meaning);
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, meaning: SharedString) {
        self.note(&name, "gauge", &meaning);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, meaning: SharedString) {
        self.note(&name, "histogram", &meaning);
    }

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_is_explained() {
        let explained: Vec<&str> = label_values().map(|(label, _)| label).collect();
        for Described { name, labels, .. } in described() {
            assert!(labels.iter().all(|label| explained.contains(label)), "{name}: {labels:?}");
        }
    }
}
