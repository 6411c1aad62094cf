//! Clients in a closed loop, and what they see.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis::proto::inference::ModelInferRequest;
use portcullis::proto::inference::grpc_inference_service_client::GrpcInferenceServiceClient;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use super::{Metrics, Process, ROUNDS, SETTLED, TURN, WARM_UP};

type Client = GrpcInferenceServiceClient<Channel>;

/// A way to the classifier: its clients, each with a connection of its own, and what they saw.
pub struct Way {
    /// `direct`, or the gateway's policy.
    pub name: &'static str,
    admin: Option<SocketAddr>,
    clients: Vec<Client>,
    turns: Vec<Turn>,
    scrapes: Vec<Metrics>,
    model: String,
}

/// What the clients saw in one turn.
struct Turn {
    /// Sorted.
    latencies: Vec<Duration>,
    refused: usize,
    took: Duration,
}

/// What a gateway did in all turns. Shares, from 0 to 1.
pub struct Spent {
    /// Of the workers' time: not idle.
    pub busy: f64,
    /// Of the busy time: in ONNX Runtime.
    pub in_onnxruntime: f64,
    /// Of the busy time: squeezing.
    pub squeezing: f64,
    /// Of the requests: not examined in time.
    pub undecided: f64,
}

/// Lets the ways take turns, after a warm-up each.
pub async fn measure(ways: &mut [Way], requests: &[ModelInferRequest], model: &str) {
    let requests: Arc<[ModelInferRequest]> = requests.into();
    for way in ways.iter_mut() {
        way.model = model.to_owned();
        way.turn(&requests, WARM_UP).await;
        way.scrape().await;
    }
    for _ in 0..ROUNDS {
        for way in ways.iter_mut() {
            let turn = way.turn(&requests, TURN).await;
            way.turns.push(turn);
            way.settle().await;
        }
    }
    for way in ways {
        way.scrape().await;
    }
}

impl Way {
    /// Connects `clients` clients.
    pub async fn open(name: &'static str, process: &Process, clients: usize) -> Self {
        let server = Endpoint::from_shared(format!("http://{}", process.address)).expect("an address");
        let mut connected = Vec::new();
        for _ in 0..clients {
            connected.push(Client::new(server.connect().await.expect("the server answers")));
        }
        Self {
            name,
            admin: process.admin,
            clients: connected,
            turns: Vec::new(),
            scrapes: Vec::new(),
            model: String::new(),
        }
    }

    /// Waits until nothing is left of the last turn.
    async fn settle(&self) {
        if self.admin.is_some() {
            tokio::time::sleep(SETTLED).await;
        }
    }

    async fn scrape(&mut self) {
        self.settle().await;
        if let Some(admin) = self.admin {
            self.scrapes.push(Process::metrics(admin).await);
        }
    }

    async fn turn(&self, requests: &Arc<[ModelInferRequest]>, length: Duration) -> Turn {
        let began = Instant::now();
        let clients: Vec<_> = self
            .clients
            .iter()
            .enumerate()
            .map(|(index, client)| {
                let (client, requests) = (client.clone(), requests.clone());
                tokio::spawn(ask(client, requests, index, began + length))
            })
            .collect();
        let mut turn = Turn { latencies: Vec::new(), refused: 0, took: Duration::ZERO };
        for client in clients {
            let (latencies, refused) = client.await.expect("a client that ends");
            turn.latencies.extend(latencies);
            turn.refused += refused;
        }
        turn.took = began.elapsed();
        turn.latencies.sort_unstable();
        turn
    }

    /// The median over the turns of the turn's median latency.
    pub fn median(&self) -> Duration {
        middle(self.turns.iter().map(|turn| turn.latencies[turn.latencies.len() / 2]))
    }

    /// The 99th percentile of all latencies.
    pub fn p99(&self) -> Duration {
        let mut all: Vec<Duration> = self.turns.iter().flat_map(|turn| turn.latencies.iter().copied()).collect();
        all.sort_unstable();
        all[(all.len() - 1) * 99 / 100]
    }

    /// The median over the turns of the answers per second.
    pub fn throughput(&self) -> f64 {
        let rates = self.turns.iter().map(|turn| turn.latencies.len() as f64 / turn.took.as_secs_f64());
        let mut rates: Vec<f64> = rates.collect();
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    }

    /// The share of the requests that was refused.
    pub fn refused(&self) -> f64 {
        let sent: usize = self.turns.iter().map(|turn| turn.latencies.len()).sum();
        self.turns.iter().map(|turn| turn.refused).sum::<usize>() as f64 / sent as f64
    }

    /// What the gateway did; `None` of the way without one.
    pub fn spent(&self) -> Option<Spent> {
        let [before, after] = self.scrapes.as_slice() else { return None };
        let grown = |name: &str, labels: &[(&str, &str)]| after.sum(name, labels) - before.sum(name, labels);
        let workers = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let took: f64 = self.turns.iter().map(|turn| turn.took.as_secs_f64()).sum();
        let busy = grown("portcullis_workers_busy_seconds", &[]);
        let model = ("model", self.model.as_str());
        let decided = grown("portcullis_decisions_total", &[model]);
        Some(Spent {
            busy: busy / (took * workers),
            in_onnxruntime: grown("portcullis_onnxruntime_busy_seconds", &[]) / busy,
            squeezing: grown("portcullis_stage_duration_seconds_sum", &[("stage", "squeeze")]) / busy,
            undecided: grown("portcullis_decisions_total", &[model, ("decision", "undecided")]) / decided,
        })
    }
}

/// One client: the latencies of its calls, and how many were refused.
async fn ask(
    mut client: Client,
    requests: Arc<[ModelInferRequest]>,
    first: usize,
    until: Instant,
) -> (Vec<Duration>, usize) {
    let (mut latencies, mut refused) = (Vec::new(), 0);
    for request in requests.iter().cycle().skip(first) {
        let request = request.clone();
        let began = Instant::now();
        if began >= until {
            break;
        }
        match client.model_infer(request).await {
            Ok(_) => {}
            Err(status) if status.code() == Code::PermissionDenied => refused += 1,
            Err(status) => panic!("the call failed: {status}"),
        }
        latencies.push(began.elapsed());
    }
    (latencies, refused)
}

fn middle(values: impl Iterator<Item = Duration>) -> Duration {
    let mut values: Vec<Duration> = values.collect();
    values.sort_unstable();
    values[values.len() / 2]
}
