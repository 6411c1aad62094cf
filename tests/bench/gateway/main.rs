//! What the gateway costs: the latency of a classifier's server, asked directly and through the gateway, under `monitor`
//! and under `block`.
//!
//! Real processes over TCP: a server that does nothing but run the models in ONNX Runtime, one gateway for each policy
//! with a replica of the models, and this load generator. The loop is closed: each client sends its next request when it
//! has the answer to the last. The ways take turns, round by round, so that the machine's moods harm all of them alike.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on says why and ends")]

mod load;
mod process;
mod upstream;

#[expect(dead_code, reason = "tests look more up than this")]
#[path = "../../gateway/support/metrics.rs"]
mod metrics;

use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis::data::{Dataset, Options};
use portcullis::profile::Profile;
use portcullis::proto::inference::ModelInferRequest;
use portcullis::proto::inference::model_infer_request::InferInputTensor;
use portcullis::report::Table;
use portcullis::tensor::Colour;

use load::{Way, measure};
use metrics::Metrics;
use process::Process;

/// Times that each way has its turn.
const ROUNDS: usize = 5;
/// Length of a turn.
const TURN: Duration = Duration::from_secs(3);
/// Length of the turn before the first, which does not count.
const WARM_UP: Duration = Duration::from_secs(2);
/// Until examinations that a turn has left behind have ended (their time budget is one second), and until the gauges of
/// the workers, which are set every two seconds, tell of them.
const SETTLED: Duration = Duration::from_millis(2500);
/// Clients at once.
const CLIENTS: [usize; 2] = [1, 8];
/// Pictures that are sent in turn.
const PICTURES: usize = 64;

/// The models that are asked, each with its name, file and data in ../shared.
const MODELS: [(&str, &str, &str); 2] = [
    ("cifar10", "models/cifar10_resnet20.onnx", "data/cifar10"),
    ("squeezenet", "models/imagenet_squeezenet.onnx", "data/imagenet"),
];

/// A model that is served besides, of 14 MB.
const LARGE: (&str, &str) = ("mobilenetv2", "models/imagenet_mobilenetv2.onnx");

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role @ (upstream::ARGUMENT | upstream::CANNED), rest @ ..] =
        &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..]
    {
        let port = rest.first().map_or(0, |port| port.parse().expect("a port"));
        let models = MODELS.map(|(name, model, _)| (name, model)).into_iter().chain([LARGE]);
        let models: Vec<_> = models.map(|(name, model)| (name, shared().join(model))).collect();
        upstream::serve(&models, port, *role == upstream::CANNED);
    } else if !arguments.iter().any(|argument| argument == "--bench") {
        eprintln!("run it by `make bench-gateway`");
    } else if !shared().is_dir() {
        println!("skipped: ../shared is missing");
    } else {
        tokio::runtime::Runtime::new().expect("a runtime").block_on(bench());
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shared() -> PathBuf {
    root().join("../shared")
}

async fn bench() {
    let upstream = Process::upstream();
    let monitor = Process::gateway(upstream.address, "monitor");
    let block = Process::gateway(upstream.address, "block");
    println!("{}\n", machine());
    let mut latencies = Table::with_numbers(
        "model, clients, way",
        ["p50 ms", "p99 ms", "requests/s", "p50 / direct", "refused", "undecided"],
    );
    let mut shares = Table::with_numbers("model, clients, way", ["workers busy", "in ONNX Runtime", "squeezing"]);
    for (model, _, data) in MODELS {
        let requests = requests(model, &shared().join(data));
        for clients in CLIENTS {
            let mut ways = Vec::new();
            for (name, process) in [("direct", &upstream), ("monitor", &monitor), ("block", &block)] {
                ways.push(Way::open(name, process, clients).await);
            }
            measure(&mut ways, &requests, model).await;
            report(model, clients, &ways, &mut latencies, &mut shares);
        }
    }
    println!("{latencies}\n\n{shares}\n\n{}", machine());
}

fn report(model: &str, clients: usize, ways: &[Way], latencies: &mut Table, shares: &mut Table) {
    let direct = ways[0].median();
    let milliseconds = |latency: Duration| format!("{:.2}", 1000.0 * latency.as_secs_f64());
    let percent = |share: f64| format!("{:.1}%", 100.0 * share);
    for way in ways {
        let title = format!("{model}, {clients}, {}", way.name);
        let guarded = way.spent();
        let undecided = guarded.as_ref().map_or_else(String::new, |spent| percent(spent.undecided));
        latencies.row([
            title.clone(),
            milliseconds(way.median()),
            milliseconds(way.p99()),
            format!("{:.0}", way.throughput()),
            format!("{:.2}", way.median().as_secs_f64() / direct.as_secs_f64()),
            percent(way.refused()),
            undecided,
        ]);
        if let Some(spent) = guarded {
            shares.row([title, percent(spent.busy), percent(spent.in_onnxruntime), percent(spent.squeezing)]);
        }
    }
}

/// Requests for the first pictures of the data, as the model's profile says that they are encoded.
fn requests(model: &str, data: &Path) -> Vec<ModelInferRequest> {
    let path = root().join("target/profiles").join(model).with_extension("json");
    let profile = Profile::load(&path).expect("a profile: run `make profiles`");
    let input = profile.model.input.pictures().expect("a classifier of pictures");
    let size = Some((input.height, input.width));
    let options = Options { size, colour: Some(Colour::Rgb), ..Options::default() };
    let dataset = Dataset::open(data, &options).expect("readable data");
    let shape = std::iter::once(1).chain(input.item_shape().map(|side| side as i64)).collect::<Vec<i64>>();
    dataset
        .samples(true)
        .take(PICTURES)
        .map(|sample| {
            let values = input.encode(&sample.expect("a readable picture").picture);
            ModelInferRequest {
                model_name: model.into(),
                inputs: vec![InferInputTensor {
                    name: input.name.clone(),
                    datatype: input.datatype.name().into(),
                    shape: shape.clone(),
                    ..Default::default()
                }],
                raw_input_contents: vec![
                    values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>().into(),
                ],
                ..Default::default()
            }
        })
        .collect()
}

/// The machine, and how busy it is with other things than this: a figure from a busy machine is worth less.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let name = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown CPU");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("unknown");
    format!("{}, {cores} cores, load average {load}", name.trim_start_matches(['\t', ' ', ':']))
}
