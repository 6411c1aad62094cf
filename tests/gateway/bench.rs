//! `portcullis bench`: what it says of a server is what the server did.

use std::collections::HashSet;
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use portcullis::proto::inference::model_metadata_response::TensorMetadata;
use portcullis::proto::inference::{ModelInferRequest, ModelInferResponse, ModelMetadataResponse};
use prost::Message;
use serde_json::Value;
use tonic::Code;

use crate::support::gateway::portcullis;
use crate::support::wire::MODEL_INFER;
use crate::support::{Answer, Upstream, eventually};

const METADATA: &str = "/inference.GRPCInferenceService/ModelMetadata";
/// Requests that are sent before there is any load.
const REHEARSED: usize = 64;

/// A server of a model of pictures; `answer` is told how many predictions it was asked for before.
async fn server(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Upstream {
    let asked = AtomicUsize::new(0);
    Upstream::start(move |seen| match seen.path.as_str() {
        METADATA => Answer::of(&ModelMetadataResponse {
            name: "model".into(),
            inputs: vec![TensorMetadata { name: "x".into(), datatype: "FP32".into(), shape: vec![-1, 3, 4, 5] }],
            ..Default::default()
        }),
        MODEL_INFER => answer(asked.fetch_add(1, Ordering::SeqCst)),
        _ => Answer::status(Code::Unimplemented, "nothing else"),
    })
    .await
}

fn answered() -> Answer {
    Answer::of(&ModelInferResponse::default())
}

async fn bench(upstream: &Upstream, options: &str) -> Output {
    let mut command = portcullis();
    command.args(["bench", &format!("http://{}", upstream.address), "--log", "error"]).args(options.split(' '));
    tokio::task::spawn_blocking(move || command.output().expect("the binary runs")).await.expect("it ends")
}

async fn told(upstream: &Upstream, options: &str) -> Value {
    let output = bench(upstream, &format!("--json {options}")).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[tokio::test]
async fn the_server_is_asked_as_often_as_planned_for_tensors_as_it_wants_them() {
    let upstream = server(|_| answered()).await;
    let told = told(&upstream, "--model model --rate 200 --warm-up 100ms --duration 500ms").await;
    assert_eq!((&told["all"]["count"], &told["failed_share"]), (&100.into(), &0.0.into()));
    let seen = upstream.seen(MODEL_INFER);
    assert_eq!(seen.len(), REHEARSED + 120);
    for call in [&seen[0], &seen[183]] {
        let request = ModelInferRequest::decode(&call.body[5..]).expect("a request");
        assert_eq!((request.model_name.as_str(), &request.inputs[0].shape[..]), ("model", &[1, 3, 4, 5][..]));
        assert_eq!(request.raw_input_contents[0].len(), 4 * 3 * 4 * 5);
    }
    let different: HashSet<_> = seen[..REHEARSED].iter().map(|call| &call.body).collect();
    assert_eq!(different.len(), REHEARSED);
    assert!(seen[REHEARSED..].iter().all(|call| different.contains(&call.body)), "what is sent was rehearsed");
}

#[tokio::test]
async fn a_stalling_server_is_charged_for_all_who_would_have_waited() {
    let upstream = server(|_| answered()).await;
    let plan = "--model model --rate 200 --warm-up 0s --duration 1s --connections 1";
    let (told, ()) = tokio::join!(told(&upstream, plan), async {
        eventually("it is under load", async || (upstream.seen(MODEL_INFER).len() > REHEARSED + 20).then_some(()))
            .await;
        upstream.hold(true);
        tokio::time::sleep(Duration::from_millis(400)).await;
        upstream.hold(false);
    });
    let latency = |name: &str| told["all"][name].as_f64().expect("a number");
    assert_eq!(told["all"]["count"], 200);
    assert!(latency("max") >= 0.35, "{told}");
    // Of 200 requests 80 are due while it stalls, and wait for 0.2 s on average.
    assert!(latency("p90") >= 0.15, "{told}");
}

#[tokio::test]
async fn refusals_and_failures_are_told_from_answers() {
    let upstream = server(|asked| match asked {
        ..REHEARSED => answered(),
        asked if asked % 4 == 0 => {
            let mut refusal = Answer::status(Code::PermissionDenied, "the input looks adversarial");
            refusal.metadata.append("portcullis-decision", "suspicious".parse().expect("a value"));
            refusal
        }
        asked if asked % 4 == 1 => Answer::status(Code::Unavailable, "busy"),
        _ => answered(),
    })
    .await;
    let told = told(&upstream, "--model model --rate 400 --warm-up 0s --duration 500ms").await;
    let outcomes = told["by_outcome"].as_array().expect("outcomes");
    let counts: Vec<_> = outcomes
        .iter()
        .map(|outcome| (outcome["requests"].as_str(), outcome["status"].as_str(), outcome["count"].as_u64()))
        .collect();
    let expected = [
        (Some("answered"), Some("OK"), Some(100)),
        (Some("refused"), Some("PERMISSION_DENIED"), Some(50)),
        (Some("failed"), Some("UNAVAILABLE"), Some(50)),
    ];
    assert_eq!(counts, expected);
    let plan = "--model model --inputs 1 --connections 1 --rate 100 --warm-up 0s --duration 100ms";
    let people = bench(&upstream, plan).await;
    let people = String::from_utf8_lossy(&people.stdout).into_owned();
    assert!(people.contains("p99.9 ms") && people.contains("PERMISSION_DENIED"), "{people}");
}

#[tokio::test]
async fn the_highest_rate_that_holds_is_what_the_server_can_bear() {
    // A hundred answers a second, one after the other; fifty milliseconds are five of them.
    let upstream = server(|_| {
        std::thread::sleep(Duration::from_millis(10));
        answered()
    })
    .await;
    let plan = "--model model --inputs 1 --rate 20 --at-most 50ms --warm-up 0s --duration 300ms --connections 1";
    let told = told(&upstream, plan).await;
    let highest = told["highest_rate"].as_f64().expect("a rate");
    assert!(highest > 0.0 && highest < 130.0, "{told}");
    let tried = told["tried"].as_array().expect("rates");
    assert!(tried.iter().any(|tried| tried["kept"] == false), "{told}");
}

#[tokio::test]
async fn what_the_server_does_not_take_is_said_before_there_is_load() {
    let upstream = server(|_| Answer::status(Code::InvalidArgument, "three channels are wanted")).await;
    let output = bench(&upstream, "--model model").await;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("three channels are wanted"), "{error}");
    assert_eq!(upstream.seen(MODEL_INFER).len(), 1);
    let nobody = Upstream::start(|_| Answer::status(Code::NotFound, "no such model")).await;
    let output = bench(&nobody, "--model other").await;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("what the model 'other' takes") && error.contains("no such model"), "{error}");
}
