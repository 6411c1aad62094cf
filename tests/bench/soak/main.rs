//! The gateway at saturation while everything around it breaks, again and again: what it promises holds all the same.
//!
//! Real processes over TCP: a gateway under `block` with the models of models/signs, a classifier's server behind it, and
//! this program, which is all clients and holds the line between the two. Every answer carries the number of its request.

#![expect(clippy::expect_used, reason = "a soak that cannot go on says why and ends")]

mod clients;
mod faults;
mod process;
mod promises;
mod upstream;

#[expect(dead_code, unused_imports, reason = "tests use more of it than this")]
#[path = "../../gateway/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use clients::{Clients, Inputs, Tally};
use faults::Faults;
use process::{GatewayProcess, UpstreamProcess};
use promises::Findings;
use support::line::Line;

/// Clients that send as fast as they get answers.
const CLIENTS: usize = 24;
/// How often resident memory is looked at.
const SAMPLE: Duration = Duration::from_secs(1);
/// The part of the time that is warm-up, and the part at its end over which memory is looked at once more.
const WARM_UP: f64 = 0.2;
const LAST: f64 = 0.1;

#[derive(Clone, Copy)]
struct Options {
    length: Duration,
    json: bool,
}

fn options() -> Option<Options> {
    let mut options = Options { length: Duration::from_secs(600), json: false };
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => options.json = true,
            "--seconds" => options.length = Duration::from_secs(arguments.next()?.parse().ok()?),
            _ => return None,
        }
    }
    Some(options)
}

fn main() {
    if std::env::args().nth(1).is_some_and(|first| first == upstream::ARGUMENT) {
        return upstream::serve();
    }
    let Some(options) = options() else {
        eprintln!("usage: make soak [SECONDS=600] [JSON=1]");
        std::process::exit(2);
    };
    let findings = tokio::runtime::Runtime::new().expect("a runtime").block_on(soak(options.length));
    if options.json {
        println!("{}", findings.json());
    } else {
        println!("{findings}");
    }
    std::process::exit(i32::from(!findings.all_kept()));
}

async fn soak(length: Duration) -> Findings {
    let upstream = UpstreamProcess::start();
    let line = Arc::new(Line::to(upstream.address()).await);
    let gateway = GatewayProcess::start(line.address);
    gateway.ready().await;
    let inputs = Arc::new(Inputs::told_apart_by(&gateway).await);
    let (stop, stopped) = watch::channel(false);
    let began = Instant::now();
    let clients = Clients::start(gateway.clients, &inputs, CLIENTS, &stopped);
    let faults = tokio::spawn(Faults::new(&gateway, line, upstream, inputs.clone()).inject(began + length, stopped));
    let mut memory = Vec::new();
    while began.elapsed() < length {
        tokio::time::sleep(SAMPLE).await;
        memory.push((began.elapsed().as_secs_f64() / length.as_secs_f64(), gateway.resident()));
    }
    stop.send_replace(true);
    let (injected, disturbed, _upstream) = faults.await.expect("faults that end");
    let mut tally = clients.end().await;
    tally.add(disturbed);
    // What is not disturbed any more goes on as if nothing had been.
    let recovered = clients::is_served(gateway.clients, &inputs).await;
    tally.add(Tally::of_one(&recovered));
    let metrics = gateway.settled(tally.sent).await;
    Findings { length, tally, injected, recovered: recovered.is_served(), metrics, memory }
}

/// The median of resident memory over a part of the time, in bytes.
fn median(memory: &[(f64, usize)], from: f64, to: f64) -> usize {
    let mut within: Vec<usize> =
        memory.iter().filter(|(at, _)| (from..=to).contains(at)).map(|&(_, bytes)| bytes).collect();
    within.sort_unstable();
    within.get(within.len() / 2).copied().unwrap_or_default()
}
