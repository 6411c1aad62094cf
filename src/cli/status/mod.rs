//! `portcullis status`

mod exposition;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use portcullis::config::Endpoint;
use portcullis::gateway::Operator;
use portcullis::report::{Column, Table};
use serde_json::{Value, json};
use tokio::time::timeout;

use self::exposition::Exposition;
use super::peer::Admin;
use super::{Common, paint, setup};

#[derive(clap::Args)]
pub struct Arguments {
    /// How long to wait for the answers.
    #[arg(long, default_value = "5s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    admin: Admin,
}

/// What a gateway says of itself.
struct Status {
    endpoint: Endpoint,
    is_ready: bool,
    /// `ready`, or why it is not.
    readiness: String,
    version: Value,
    metrics: Exposition,
}

/// What it says of one model.
struct Model {
    name: String,
    /// Clean, suspicious and undecided requests.
    decisions: [f64; 3],
    blocked: f64,
    /// Half of the answers, and 99 of a hundred, took no longer than this beyond the upstream, in seconds.
    overhead: [Option<f64>; 2],
    traffic: String,
}

pub fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    let endpoint = arguments.admin.endpoint(common)?;
    let token = arguments.admin.token()?;
    let asked = async { timeout(arguments.timeout, ask(&endpoint, token.as_deref())).await };
    let patience = humantime::format_duration(arguments.timeout);
    let answered = setup::small_runtime()?.block_on(asked);
    let status = answered.with_context(|| format!("{endpoint} did not answer within {patience}"))??;
    if common.json {
        println!("{}", status.json());
    } else {
        status.print();
    }
    Ok(())
}

async fn ask(endpoint: &Endpoint, token: Option<&str>) -> Result<Status> {
    let operator = Operator::connect(endpoint, token).await?;
    let (code, readiness) = operator.get("/readyz").await?;
    let (version, metrics) = (get(&operator, "/version").await?, get(&operator, "/metrics").await?);
    Ok(Status {
        endpoint: endpoint.clone(),
        is_ready: code == 200,
        readiness: readiness.trim().to_owned(),
        version: serde_json::from_str(&version).context("the gateway's version cannot be read")?,
        metrics: Exposition::parse(&metrics),
    })
}

async fn get(operator: &Operator, path: &str) -> Result<String> {
    match operator.get(path).await? {
        (200, body) => Ok(body),
        (401, _) => bail!("the gateway asks for a token: give one with --token-file"),
        (code, body) => bail!("the gateway answers {code} for {path}: {}", body.trim()),
    }
}

impl Status {
    fn models(&self) -> Vec<Model> {
        let names = self.metrics.values_of("portcullis_decisions_total", "model");
        names.into_iter().map(|name| self.model(name)).collect()
    }

    fn model(&self, name: String) -> Model {
        let of = |label, value| [("model", name.as_str()), (label, value)];
        let decided = |decision| self.metrics.sum("portcullis_decisions_total", &of("decision", decision));
        let overhead = |share| self.metrics.quantile("portcullis_overhead_seconds", &[("model", name.as_str())], share);
        let states = self.metrics.values_of("portcullis_traffic", "state");
        let is_present = |state: &String| {
            let labels = [("model", name.as_str()), ("state", state)];
            self.metrics.value("portcullis_traffic", &labels) == Some(1.0)
        };
        Model {
            decisions: ["clean", "suspicious", "undecided"].map(decided),
            blocked: self.metrics.sum("portcullis_actions_total", &of("action", "block")),
            overhead: [0.5, 0.99].map(overhead),
            traffic: states.into_iter().find(is_present).unwrap_or_default(),
            name,
        }
    }

    fn gauge(&self, name: &str) -> f64 {
        self.metrics.sum(&format!("portcullis_{name}"), &[])
    }

    fn sinks(&self) -> Vec<(String, [f64; 3])> {
        const EVENTS: &str = "portcullis_audit_events_total";
        let counted = |sink: String| {
            let results = ["delivered", "dropped", "failed"];
            let counts = results.map(|result| self.metrics.sum(EVENTS, &[("sink", &sink), ("result", result)]));
            (sink, counts)
        };
        self.metrics.values_of(EVENTS, "sink").into_iter().map(counted).collect()
    }

    fn json(&self) -> Value {
        let models = self.models().into_iter().map(|model| {
            let [clean, suspicious, undecided] = model.decisions;
            let [median, p99] = model.overhead;
            json!({
                "model": model.name, "clean": clean, "suspicious": suspicious, "undecided": undecided,
                "blocked": model.blocked, "overhead_seconds": { "p50": median, "p99": p99 }, "traffic": model.traffic,
            })
        });
        let sinks = self.sinks().into_iter().map(|(sink, [delivered, dropped, failed])| {
            json!({ "sink": sink, "delivered": delivered, "dropped": dropped, "failed": failed })
        });
        json!({
            "ready": self.is_ready,
            "readiness": self.readiness,
            "version": self.version,
            "inflight_requests": self.gauge("inflight_requests"),
            "inflight_bytes": self.gauge("inflight_bytes"),
            "connections": self.gauge("connections"),
            "queue_depth": self.gauge("queue_depth"),
            "evidence_bytes": self.gauge("evidence_bytes"),
            "models": models.collect::<Vec<_>>(),
            "sinks": sinks.collect::<Vec<_>>(),
        })
    }

    fn print(&self) {
        let version = self.version["version"].as_str().unwrap_or("?");
        println!("portcullis {version} on {}: {}", self.endpoint, paint::health(self.is_ready, &self.readiness));
        let [calls, bytes] = ["inflight_requests", "inflight_bytes"].map(|gauge| self.gauge(gauge));
        let [connections, waiting] = ["connections", "queue_depth"].map(|gauge| self.gauge(gauge));
        println!(
            "{calls} calls under way on {connections} connections, {:.1} MiB held, {waiting} predictions waiting\n",
            bytes / f64::from(1 << 20)
        );
        let numbers = ["clean", "suspicious", "undecided", "blocked", "p50 ms", "p99 ms"].map(Column::number);
        let columns = [Column::text("model")].into_iter().chain(numbers).chain([Column::text("traffic")]);
        let mut models = Table::new(columns);
        for Model { name, decisions, blocked, overhead, traffic } in self.models() {
            let counts = decisions.into_iter().chain([blocked]).map(|count| count.to_string());
            let times = overhead.map(|time| time.map_or("-".to_owned(), |time| format!("{:.1}", 1e3 * time)));
            models.row([name].into_iter().chain(counts).chain(times).chain([traffic]));
        }
        println!("{models}");
        let sinks = self.sinks();
        if !sinks.is_empty() {
            let mut table = Table::with_numbers("detections to", ["delivered", "dropped", "failed"]);
            for (sink, counts) in sinks {
                table.row([sink].into_iter().chain(counts.map(|count| count.to_string())));
            }
            println!("\n{table}");
        }
    }
}
