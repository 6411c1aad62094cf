//! `portcullis bench`

mod inputs;
mod told;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use portcullis::gateway::{Caller, Remote};
use portcullis::load::{self, Measured, Plan, Promise, Search};

use self::inputs::InputArguments;
use self::told::Told;
use super::peer::Peer;
use super::{Common, pictures};

#[derive(clap::Args)]
pub struct Arguments {
    /// The server, a gateway or any other that speaks the Open Inference Protocol over gRPC: `http://HOST:PORT`,
    /// `https://HOST:PORT` or `unix:PATH`.
    #[arg(value_name = "URL")]
    server: String,
    #[command(flatten)]
    inputs: InputArguments,
    /// Requests a second, whatever becomes of them; with --at-most where the search begins.
    #[arg(long, default_value_t = 100.0, value_parser = rate)]
    rate: f64,
    /// Look for the highest rate at which no more than one request in a hundred (see --quantile) takes longer than this.
    #[arg(long, value_name = "LATENCY", value_parser = humantime::parse_duration)]
    at_most: Option<Duration>,
    /// The share of requests that --at-most is about.
    #[arg(long, default_value_t = 0.99, value_parser = quantile, requires = "at_most")]
    quantile: f64,
    /// How long to measure; with --at-most at each rate.
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// How long to send before that.
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    warm_up: Duration,
    /// Connections, which the requests take in turn.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// How long to wait for an answer, from when its request was due.
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// Requests under way at most; those that are due beyond leave late, and their latency tells.
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    most_under_way: u32,
    #[command(flatten)]
    peer: Peer,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.1..=1e6).contains(&rate) => Ok(rate),
        _ => Err("a rate lies between 0.1 and 1000000 requests a second".into()),
    }
}

fn quantile(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("a share lies between 0 and 1, as 0.99 does".into()),
    }
}

impl Arguments {
    fn plan(&self, rate: f64) -> Plan {
        let Self { duration, warm_up, timeout, most_under_way, .. } = *self;
        Plan { rate, warm_up, duration, timeout, most_under_way }
    }
}

pub fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    if arguments.duration.is_zero() {
        bail!("nothing is measured in no time: give a --duration");
    }
    tokio::runtime::Runtime::new().context("cannot start the asynchronous runtime")?.block_on(bench(common, arguments))
}

async fn bench(common: &Common, arguments: &Arguments) -> Result<()> {
    let endpoint = arguments.peer.endpoint(&arguments.server)?;
    let remote = Remote::new(&endpoint).map_err(|mistake| anyhow!(mistake.message))?;
    let requests = arguments.inputs.requests(common, &remote, &endpoint).await?;
    let caller = Caller::connect(&endpoint, arguments.connections.into(), requests).await?;
    caller.rehearse().await.with_context(|| format!("{endpoint} does not take the requests"))?;
    let caller = Arc::new(caller);
    let told = match arguments.at_most {
        None => Told::Load(arguments.rate, put_load(&caller, arguments.plan(arguments.rate)).await),
        Some(latency) => search(&caller, arguments, Promise { quantile: arguments.quantile, latency }).await?,
    };
    told.print(common.json);
    Ok(())
}

async fn search(caller: &Arc<Caller>, arguments: &Arguments, promise: Promise) -> Result<Told> {
    let mut search = Search::from(arguments.rate);
    let mut tried = Vec::new();
    while let Some(rate) = search.next() {
        let measured = put_load(caller, arguments.plan(rate)).await;
        let is_kept = promise.is_kept(&measured);
        tracing::info!(rate, is_kept, latency = ?measured.all().quantile(promise.quantile), "tried");
        search.tried(rate, is_kept);
        tried.push((rate, measured, is_kept));
    }
    let Some(highest) = search.highest() else {
        let patience = humantime::format_duration(promise.latency);
        bail!("even the lowest rates take longer than {patience}, or fail: try a longer --at-most");
    };
    Ok(Told::Search { promise, highest, tried })
}

async fn put_load(caller: &Arc<Caller>, plan: Plan) -> Measured {
    let bar = pictures::progress(&format!("{:.1} requests/s", plan.rate), plan.requests() as usize);
    let left = bar.clone();
    let measured = load::run(caller.clone(), plan, move || left.inc(1)).await;
    bar.finish_and_clear();
    measured
}
