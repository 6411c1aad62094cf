//! What the load generator tells in the end.

use std::time::Duration;

use portcullis::load::{Latencies, Measured, Promise};
use portcullis::report::{Column, Table};
use serde_json::{Value, json};

/// The quantiles that are told.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];
/// The share of the median latency that the sender may itself be late by without a word.
const NEGLIGIBLE: f64 = 0.1;

/// What was measured.
pub enum Told {
    /// At one rate.
    Load(f64, Measured),
    /// At several, of which the `highest` kept the promise; each with whether it did.
    Search { promise: Promise, highest: f64, tried: Vec<(f64, Measured, bool)> },
}

impl Told {
    pub fn print(&self, as_json: bool) {
        match self {
            _ if as_json => println!("{:#}", self.json()),
            Self::Load(rate, measured) => print_load(*rate, measured),
            Self::Search { promise, highest, tried } => {
                print_search(tried, promise);
                let latency = humantime::format_duration(promise.latency);
                println!(
                    "\nThe highest rate at which p{} stays within {latency}: {highest:.1}/s",
                    100.0 * promise.quantile
                );
            }
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Load(rate, measured) => json_load(*rate, measured),
            Self::Search { promise, highest, tried } => json!({
                "quantile": promise.quantile,
                "at_most_seconds": promise.latency.as_secs_f64(),
                "highest_rate": highest,
                "tried": tried.iter().map(|(rate, measured, is_kept)| {
                    let mut tried = json_load(*rate, measured);
                    tried["kept"] = json!(is_kept);
                    tried
                }).collect::<Vec<_>>(),
            }),
        }
    }
}

fn print_load(rate: f64, measured: &Measured) {
    let all = measured.all();
    println!("{rate} requests/s sent, {:.1}/s answered\n", measured.throughput());
    let latencies = QUANTILES.iter().map(|(name, _)| Column::number(format!("{name} ms")));
    let columns = [Column::text("requests"), Column::text("status"), Column::number("count")].into_iter();
    let mut table = Table::new(columns.chain(latencies).chain([Column::number("max ms")]));
    for (outcome, latencies) in measured.by_outcome() {
        table.row(row(outcome.kind(), outcome.status(), latencies));
    }
    table.row(row("all", "", &all));
    println!("{table}");
    let late = measured.lateness().quantile(0.5);
    if late.as_secs_f64() > NEGLIGIBLE * all.quantile(0.5).as_secs_f64() {
        println!(
            "\nHalf of the requests left {} ms late or more: the machine that sends, or --most-under-way, is at its limit.",
            milliseconds(late)
        );
    }
}

fn row(kind: &str, status: &str, latencies: &Latencies) -> Vec<String> {
    let quantiles = QUANTILES.iter().map(|(_, quantile)| milliseconds(latencies.quantile(*quantile)));
    let words = [kind.to_owned(), status.to_owned(), latencies.count().to_string()].into_iter();
    words.chain(quantiles).chain([milliseconds(latencies.max())]).collect()
}

fn print_search(tried: &[(f64, Measured, bool)], promise: &Promise) {
    let latency = format!("p{} ms", 100.0 * promise.quantile);
    let columns = ["rate".to_owned(), latency, "failed".to_owned(), "holds".to_owned()];
    let mut table = Table::new(columns.map(Column::number));
    for (rate, measured, is_kept) in tried {
        let latency = milliseconds(measured.all().quantile(promise.quantile));
        let failed = format!("{:.2}%", 100.0 * measured.failed_share());
        let holds = if *is_kept { "yes" } else { "no" };
        table.row([format!("{rate:.1}"), latency, failed, holds.to_owned()]);
    }
    println!("{table}");
}

fn milliseconds(latency: Duration) -> String {
    format!("{:.3}", 1000.0 * latency.as_secs_f64())
}

fn json_load(rate: f64, measured: &Measured) -> Value {
    let requests = measured.by_outcome().map(|(outcome, latencies)| {
        let mut told = json_latencies(latencies);
        (told["requests"], told["status"]) = (json!(outcome.kind()), json!(outcome.status()));
        told
    });
    json!({
        "rate": rate,
        "throughput": measured.throughput(),
        "failed_share": measured.failed_share(),
        "by_outcome": requests.collect::<Vec<_>>(),
        "all": json_latencies(&measured.all()),
        "lateness": json_latencies(measured.lateness()),
    })
}

/// In seconds.
fn json_latencies(latencies: &Latencies) -> Value {
    let quantiles = QUANTILES
        .iter()
        .map(|(name, quantile)| ((*name).to_owned(), json!(latencies.quantile(*quantile).as_secs_f64())));
    let mut told = Value::Object(quantiles.collect());
    (told["max"], told["count"]) = (json!(latencies.max().as_secs_f64()), json!(latencies.count()));
    told
}
