//! The rules, alerts and panels that come with the gateway, on a real Prometheus that scrapes it.

use std::collections::BTreeMap;

use portcullis::telemetry::described;
use portcullis::tensor::Picture;
use serde_json::Value;

use crate::support::gateway::embedded;
use crate::support::models::RATE;
use crate::support::{Authority, Call, Connection, Gateway, Model, Prometheus, eventually, root, shared, tls};

const ALERT: &str = r#"ALERTS{alertname="PortcullisSuspiciousInputs",alertstate="firing",model="digits"}"#;
const EXAMINED: &str = "sum(portcullis_inputs_total)";

/// A guarded classifier whose clients' port has TLS, so that there is a certificate to watch.
struct Guarded {
    gateway: Gateway,
    connection: Connection,
    digits: Model,
    _folder: tempfile::TempDir,
}

impl Guarded {
    async fn start(shared: &std::path::Path) -> Self {
        let authority = Authority::new("ours");
        let folder = tempfile::tempdir().expect("a temporary folder");
        authority.issue("localhost").write(folder.path(), "gateway");
        let digits = Model::squeezed_digits(shared);
        let path = folder.path().join("portcullis.toml");
        let section = digits.guarded("policy = \"monitor\"\ntime_budget = \"60s\"");
        let tls = "[server.tls]\ncertificate = \"gateway.pem\"\nkey = \"gateway.key\"\n";
        std::fs::write(&path, format!("{tls}{}", embedded(&[section]))).expect("writable");
        let gateway = Gateway::of_file(&path, &[]).await.ready().await;
        let stream = tls::connect(gateway.clients, "localhost", &authority.client(None)).await.expect("a handshake");
        Self { gateway, connection: Connection::over(stream, "localhost").await, digits, _folder: folder }
    }

    /// Sends a batch so many times, and waits until Prometheus has seen that.
    async fn send(&self, prometheus: &Prometheus, batch: &[Picture], times: usize) {
        let before = prometheus.query(EXAMINED).await.iter().sum::<f64>();
        for _ in 0..times {
            self.connection.send(Call::infer(&self.digits.request(batch))).await.bytes();
        }
        let after = before + (batch.len() * times) as f64;
        eventually("the inputs are scraped", async || {
            (prometheus.query(EXAMINED).await.iter().sum::<f64>() >= after).then_some(())
        })
        .await;
    }
}

/// Every query of a dashboard's panels as Grafana would send it, with all jobs and models chosen.
fn panel_queries() -> BTreeMap<String, Vec<String>> {
    let path = root().join("deploy/grafana/portcullis.json");
    let dashboard: Value =
        serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("a dashboard is JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let queries = |panel: &Value| -> Vec<String> {
        let targets = panel["targets"].as_array().expect("targets");
        let query = |target: &Value| target["expr"].as_str().expect("a query").to_owned();
        targets.iter().map(query).map(|query| with_variables(&query)).collect()
    };
    panels
        .iter()
        .filter(|panel| panel["type"] != "row")
        .map(|panel| (panel["title"].as_str().expect("a title").to_owned(), queries(panel)))
        .collect()
}

fn with_variables(query: &str) -> String {
    let chosen = [("$__rate_interval", "1m"), ("$job", ".*portcullis.*"), ("$model", ".+")];
    chosen.iter().fold(query.to_owned(), |query, (variable, value)| query.replace(variable, value))
}

#[tokio::test]
async fn every_rule_and_panel_has_data_and_an_attack_is_an_alert() {
    let Some(shared) = shared() else { return };
    let guarded = Guarded::start(shared).await;
    let Some(prometheus) = Prometheus::start(guarded.gateway.admin).await else { return };
    eventually("the gateway is scraped", async || {
        (prometheus.query("up{job=\"portcullis\"}").await == [1.0]).then_some(())
    })
    .await;
    let (benign, adversarial) = guarded.digits.pictures();
    // Of a series' first sample Prometheus cannot tell an increase, and some series begin with the first call.
    eventually("zeros are scraped", async || (!prometheus.query(EXAMINED).await.is_empty()).then_some(())).await;
    guarded.send(&prometheus, &benign[..1], 1).await;

    guarded.send(&prometheus, &benign, 3).await;
    for (panel, queries) in panel_queries() {
        for query in queries {
            eventually(&format!("{panel} has data: {query}"), async || {
                (!prometheus.query(&query).await.is_empty()).then_some(())
            })
            .await;
        }
    }
    assert_rules_work(&prometheus).await;
    assert!(prometheus.query(ALERT).await.is_empty(), "benign inputs are no alert");

    guarded.send(&prometheus, &adversarial, 4).await;
    eventually("the attack is an alert", async || (prometheus.query(ALERT).await == [1.0]).then_some(())).await;
    assert!(prometheus.query("job_model:portcullis_suspicious_inputs:surprise10m").await[0] > 13.8);
}

/// Prometheus evaluates every rule, and every alert says what it takes to act on it.
async fn assert_rules_work(prometheus: &Prometheus) {
    let runbook = std::fs::read_to_string(root().join("docs/alerts.md")).expect("readable");
    let groups = eventually("every rule is evaluated", async || {
        let groups = prometheus.get("/api/v1/rules").await["data"]["groups"].as_array().expect("groups").clone();
        let is_known =
            |group: &Value| group["rules"].as_array().expect("rules").iter().all(|rule| rule["health"] != "unknown");
        groups.iter().all(is_known).then_some(groups)
    })
    .await;
    for rule in groups.iter().flat_map(|group| group["rules"].as_array().expect("rules")) {
        let name = rule["name"].as_str().expect("a name");
        assert_eq!(rule["health"], "ok", "{rule}");
        if rule["type"] == "alerting" {
            let said = |key: &str| rule["annotations"][key].as_str().unwrap_or_default();
            assert!(
                ["critical", "warning"].contains(&rule["labels"]["severity"].as_str().unwrap_or_default()),
                "{rule}"
            );
            assert!(!said("summary").is_empty() && !said("description").is_empty(), "{rule}");
            assert_eq!(said("runbook_url"), format!("docs/alerts.md#{}", name.to_lowercase()));
            assert!(runbook.contains(&format!("\n## {name}\n")), "docs/alerts.md has no section {name}");
        }
    }
}

#[tokio::test]
async fn inputs_are_counted_one_by_one_beside_the_rate_that_was_calibrated() {
    let Some(shared) = shared() else { return };
    let guarded = Guarded::start(shared).await;
    let pictures = guarded.digits.pictures().0;
    guarded.connection.send(Call::infer(&guarded.digits.request(&pictures[..3]))).await.bytes();
    let metrics = guarded.gateway.metrics_after(1).await;
    assert_eq!(metrics.sum("portcullis_inputs_total", &[("model", "digits")]), 3.0);
    let rate = |bound| metrics.sum("portcullis_false_positive_rate", &[("model", "digits"), ("bound", bound)]);
    assert_eq!(rate("target"), RATE);
    assert!(rate("lower") < RATE && RATE < rate("upper"), "{} to {}", rate("lower"), rate("upper"));
}

#[tokio::test]
async fn series_have_the_labels_that_the_reference_names() {
    let Some(shared) = shared() else { return };
    let guarded = Guarded::start(shared).await;
    let examples = guarded.digits.pictures().0;
    guarded.connection.send(Call::infer(&guarded.digits.request(&examples[..1]))).await.bytes();
    let metrics = guarded.gateway.metrics_after(1).await;
    let described: BTreeMap<String, _> = described().into_iter().map(|metric| (metric.name.clone(), metric)).collect();
    for series in &metrics.0 {
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| series.name.strip_suffix(end));
        let metric = described.get(&series.name).or_else(|| described.get(family.unwrap_or_default()));
        let metric = metric.unwrap_or_else(|| panic!("{} is not described", series.name));
        let mut labels: Vec<&str> = metric.labels.to_vec();
        labels.sort_unstable();
        let actual: Vec<&str> = series.labels.keys().map(String::as_str).filter(|label| *label != "le").collect();
        assert_eq!(actual, labels, "{}", series.name);
    }
    assert!(metrics.0.len() > described.len(), "{metrics:?}");
}
