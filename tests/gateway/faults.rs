//! Whatever breaks around it or within: the decision is the documented one, it is counted with its reason, and nothing
//! hangs or stays behind.

use std::process::Command;

use portcullis::proto::inference::{ModelInferRequest, ModelInferResponse};
use tonic::Code;

use crate::support::gateway::{embedded, in_front_of};
use crate::support::line::{Fault, Line};
use crate::support::models::{Examples, digits_response};
use crate::support::wire::{Exchange, headers};
use crate::support::{Answer, Call, Connection, Gateway, Metrics, Model, Upstream, eventually, shared};

const EXAMINED: &str = "portcullis_stage_duration_seconds_count";
const BLOCK: &str = "policy = \"block\"\non_undecided = \"pass\"";

/// What the digits' classifier would say: a class, with certainty.
fn sound() -> ModelInferResponse {
    let mut logits = [0.0; 10];
    logits[3] = 20.0;
    digits_response(logits)
}

/// Answers that hold no prediction, though they say that all is well, each with what is wrong with it.
fn unsound() -> Vec<(&'static str, Answer)> {
    let spoilt = |spoil: &dyn Fn(&mut ModelInferResponse)| {
        let mut response = sound();
        spoil(&mut response);
        Answer::of(&response)
    };
    let numbers = |values: &[f32]| values.iter().copied().flat_map(f32::to_le_bytes).collect::<Vec<u8>>().into();
    let whole = Answer::of(&sound());
    let body = |body: bytes::Bytes| Answer { body, ..whole.clone() };
    vec![
        (
            "one class too few",
            spoilt(&|response| {
                response.outputs[0].shape = vec![1, 9];
                response.raw_output_contents = vec![numbers(&[0.5; 9])];
            }),
        ),
        ("a shape that its contents do not have", spoilt(&|response| response.outputs[0].shape = vec![1, 11])),
        ("a negative shape", spoilt(&|response| response.outputs[0].shape = vec![-1, 10])),
        (
            "two items for one",
            spoilt(&|response| {
                response.outputs[0].shape = vec![2, 10];
                response.raw_output_contents = vec![numbers(&[0.5; 20])];
            }),
        ),
        ("no numbers", spoilt(&|response| response.raw_output_contents = vec![numbers(&[f32::NAN; 10])])),
        ("endless numbers", spoilt(&|response| response.raw_output_contents = vec![numbers(&[f32::INFINITY; 10])])),
        ("another output", spoilt(&|response| response.outputs[0].name = "features".into())),
        ("no output", spoilt(&|response| response.outputs.clear())),
        ("another datatype", spoilt(&|response| response.outputs[0].datatype = "BYTES".into())),
        ("no message", body(bytes::Bytes::new())),
        ("half a message", body(whole.body.slice(..whole.body.len() / 2))),
        ("half a frame's header", body(whole.body.slice(..3))),
        ("two messages", body([whole.body.clone(), whole.body.clone()].concat().into())),
        ("no protobuf", Answer::message(&[0xff; 50])),
    ]
}

fn undecided(metrics: &Metrics, reason: &str) -> f64 {
    metrics.sum("portcullis_decisions_total", &[("model", "digits"), ("decision", "undecided"), ("reason", reason)])
}

/// Nothing is under way or held any more.
async fn settled(gateway: &Gateway) {
    eventually("nothing is left behind", async || {
        let metrics = gateway.metrics().await;
        let held = ["portcullis_inflight_requests", "portcullis_inflight_bytes"].map(|name| metrics.sum(name, &[]));
        (held == [0.0; 2]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn with_a_replica_nonsense_of_the_upstreams_changes_no_decision() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    for (what, nonsense) in unsound() {
        let upstream = Upstream::start(move |_| nonsense.clone()).await;
        let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded(BLOCK)])).await;
        let Examples { clean, suspicious } = digits.examples(&gateway).await;
        let answer = gateway.call(Call::infer(&digits.request(&[suspicious]))).await;
        assert_eq!((answer.code(), answer.body.len()), (Code::PermissionDenied, 0), "{what}: {}", answer.error());
        let answer = gateway.call(Call::infer(&digits.request(&[clean]))).await;
        assert_eq!(answer.code(), Code::Ok, "{what}: it is the upstream's own answer");
        let metrics = gateway.metrics_after(2).await;
        assert_eq!(
            [metrics.decisions("digits", "suspicious"), metrics.decisions("digits", "clean")],
            [1.0; 2],
            "{what}"
        );
        settled(&gateway).await;
    }
}

#[tokio::test]
async fn without_a_replica_nonsense_of_the_upstreams_is_undecided_and_on_undecided_rules() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let picture = digits.pictures().0.swap_remove(0);
    for (on_undecided, code) in [("pass", Code::Ok), ("block", Code::PermissionDenied)] {
        let settings = format!("policy = \"block\"\non_undecided = \"{on_undecided}\"\npredictions = \"upstream\"");
        for (what, nonsense) in unsound() {
            let upstream = Upstream::start(move |_| nonsense.clone()).await;
            let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded(&settings)])).await;
            let answer = gateway.call(Call::infer(&digits.request(std::slice::from_ref(&picture)))).await;
            assert_eq!(answer.code(), code, "{what}: {}", answer.error());
            let metrics = gateway.metrics_after(1).await;
            assert_eq!(undecided(&metrics, "prediction"), 1.0, "{what}");
            settled(&gateway).await;
        }
    }
}

#[tokio::test]
async fn an_error_of_the_upstreams_passes_and_is_counted_under_every_policy() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let late =
        Answer { trailers: Some(headers(&[("grpc-status", "13"), ("grpc-message", "late")])), ..Answer::of(&sound()) };
    for (code, error) in [(Code::Unavailable, Answer::status(Code::Unavailable, "gone")), (Code::Internal, late)] {
        let upstream = Upstream::start(move |_| error.clone()).await;
        for policy in ["monitor", "annotate", "block", "restore"] {
            let settings = format!("policy = \"{policy}\"\npredictions = \"upstream\"");
            let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded(&settings)])).await;
            let answer = gateway.call(Call::infer(&digits.request(&digits.pictures().0[..1]))).await;
            assert_eq!(answer.code(), code, "{policy}: {}", answer.error());
            assert_eq!(undecided(&gateway.metrics_after(1).await, "upstream_error"), 1.0, "{policy}");
        }
    }
}

/// Sends a call and does not wait for its answer.
async fn sent(connection: &Connection, request: &ModelInferRequest) -> Exchange {
    let call = Call::infer(request);
    let mut exchange = connection.begin(call.clone()).await;
    exchange.send(call.body).await;
    exchange.close();
    exchange
}

#[tokio::test]
async fn an_upstream_that_breaks_off_costs_its_answers_and_nothing_else() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    for policy in ["monitor", "block"] {
        let long = ModelInferResponse { id: "x".repeat(4000), ..sound() };
        let answer = Answer::of(&long);
        let upstream = Upstream::start(move |_| answer.clone()).await;
        let line = Line::to(upstream.address).await;
        let settings = format!("policy = \"{policy}\"");
        let gateway = Gateway::start(&in_front_of(line.address, &[digits.guarded(&settings)])).await;
        let Examples { clean, suspicious } = digits.examples(&gateway).await;
        let (clean, suspicious) = (digits.request(&[clean]), digits.request(&[suspicious]));
        let mut calls = 0;
        // In its first words, in the middle of an answer, or anywhere.
        for fault in [Fault::Dead, Fault::Noisy, Fault::Cut(0), Fault::Cut(20), Fault::Cut(2000)] {
            // Whoever is connected has to connect again.
            line.suffer(Fault::Dead);
            line.quiet().await;
            line.suffer(fault);
            for request in [&clean, &suspicious] {
                let answer = gateway.connect().await.try_send(Call::infer(request)).await;
                // An answer that had begun ends as a stream does that is reset.
                let code = answer.map_or(Code::Unknown, |answer| answer.code());
                assert_ne!(code, Code::Ok, "{policy}, {fault:?}");
                calls += 1;
            }
            // As one does that is started anew.
            let answer = Answer::of(&long);
            let anew = Upstream::start(move |_| answer.clone()).await;
            line.lead_to(anew.address);
            line.suffer(Fault::None);
            let answer = eventually("the upstream is found again", async || {
                calls += 1;
                let answer = gateway.call(Call::infer(&clean)).await;
                (answer.code() == Code::Ok).then_some(answer)
            });
            assert!(!answer.await.body.is_empty());
        }
        let metrics = gateway.metrics_after(calls).await;
        assert_eq!(metrics.sum("portcullis_decisions_total", &[]), calls as f64, "{policy}");
        settled(&gateway).await;
    }
}

#[tokio::test]
async fn a_frozen_upstream_keeps_its_callers_waiting_and_no_examination() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    for policy in ["monitor", "block"] {
        let upstream = Upstream::start(|_| Answer::of(&sound())).await;
        let line = Line::to(upstream.address).await;
        let settings = format!("policy = \"{policy}\"");
        let configuration = in_front_of(line.address, &[digits.guarded(&settings)]);
        let gateway = Gateway::start(&format!("[server]\nmax_inflight_examinations = 1\n{configuration}")).await;
        let clean = digits.request(&[digits.examples(&gateway).await.clean]);
        let examined = async || gateway.metrics().await.sum(EXAMINED, &[("stage", "infer")]);
        let before = examined().await;
        line.suffer(Fault::Frozen);
        let connection = gateway.connect().await;
        let mut waiting = Vec::new();
        for begun in 1..=3 {
            waiting.push(sent(&connection, &clean).await);
            let ended = async || (examined().await >= before + f64::from(begun)).then_some(());
            eventually("its examination has ended", ended).await;
        }
        assert!(waiting.iter().all(|exchange| !exchange.is_answered()), "{policy}");
        let mut last = waiting.pop().expect("three of them");
        for exchange in waiting {
            exchange.abandon().await;
        }
        let metrics = gateway.metrics_after(2).await;
        assert_eq!(undecided(&metrics, "cancelled"), 2.0, "{policy}");
        line.suffer(Fault::None);
        assert_eq!(last.answered().await.status(), 200, "it goes on where it stood");
        drop(last);
        let metrics = gateway.metrics_after(3).await;
        assert_eq!(undecided(&metrics, "overload"), 0.0, "{policy}");
        settled(&gateway).await;
    }
}

#[tokio::test]
async fn an_upstream_that_never_answers_about_copies_is_a_timeout() {
    let Some(shared) = shared() else { return };
    let digits = Model::squeezed_digits(shared);
    // The client's own request is answered, copies are not.
    let upstream = Upstream::start(|_| Answer::of(&sound())).await;
    let settings = "policy = \"block\"\non_undecided = \"block\"\npredictions = \"upstream\"\ntime_budget = \"10ms\"";
    let configuration = in_front_of(upstream.address, &[digits.guarded(settings)]);
    let gateway = Gateway::start(&format!("[server]\nmax_inflight_examinations = 1\n{configuration}")).await;
    upstream.hold(true);
    let request = digits.request(&digits.pictures().0[..1]);
    let connection = gateway.connect().await;
    let mut waiting = sent(&connection, &request).await;
    let examined = async || gateway.metrics().await.sum(EXAMINED, &[("stage", "infer")]);
    eventually("the examination has ended", async || (examined().await > 0.0).then_some(())).await;
    upstream.hold(false);
    assert_eq!(waiting.answered().await.headers()["grpc-status"], (Code::PermissionDenied as i32).to_string().as_str());
    assert_eq!(undecided(&gateway.metrics_after(1).await, "timeout"), 1.0);
}

#[tokio::test]
async fn a_model_that_fails_on_an_input_is_undecided_and_goes_on_with_the_next() {
    let Some(shared) = shared() else { return };
    let fragile = Model::fragile(shared);
    let (good, bad) = (fragile.of_pixels([0.0; 16]), fragile.of_pixels([1.0; 16]));
    let upstream = Upstream::start(|_| Answer::message(b"")).await;
    for (on_undecided, code) in [("pass", Code::Ok), ("block", Code::PermissionDenied)] {
        let settings = format!("policy = \"block\"\non_undecided = \"{on_undecided}\"");
        let gateway = Gateway::start(&in_front_of(upstream.address, &[fragile.guarded(&settings)])).await;
        assert_eq!(gateway.call(Call::infer(&bad)).await.code(), code);
        let metrics = gateway.metrics_after(1).await;
        let failed = [("model", "fragile"), ("decision", "undecided"), ("reason", "model")];
        assert_eq!(metrics.sum("portcullis_decisions_total", &failed), 1.0);
        gateway.call(Call::infer(&good)).await;
        let metrics = gateway.metrics_after(2).await;
        assert_eq!(metrics.sum("portcullis_decisions_total", &[("decision", "undecided")]), 1.0, "only the first");
        settled(&gateway).await;
    }
    let gateway = Gateway::start(&embedded(&[fragile.guarded(BLOCK)])).await;
    assert_eq!(gateway.call(Call::infer(&bad)).await.code(), Code::InvalidArgument, "the model's own word");
    let answer = gateway.call(Call::infer(&good)).await;
    assert!([Code::Ok, Code::PermissionDenied].contains(&answer.code()), "{}", answer.error());
    assert!(gateway.is_ready().await);
}

#[tokio::test]
async fn a_full_disk_leaves_the_profile_as_it_was() {
    let Some(shared) = shared() else { return };
    let digits = Model::squeezed_digits(shared);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (configuration, profile) = (folder.path().join("portcullis.toml"), folder.path().join("profile.json"));
    std::fs::write(&configuration, embedded(&[digits.section(&profile, "")])).expect("writable");
    std::fs::write(&profile, "the older profile").expect("writable");
    let data = shared.join("data/mnist");
    // Files of no size at all are as good as a full disk; without the trap the signal would end the process.
    let calibrated = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_portcullis")])
        .args(["calibrate", "--log", "warn", "--count", "100", "--fpr", "0.2"])
        .arg("--config")
        .arg(&configuration)
        .arg("--data")
        .arg(&data)
        .output()
        .expect("the shell runs");
    let said = String::from_utf8_lossy(&calibrated.stderr);
    assert_eq!(calibrated.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write") && said.contains("profile.json"), "{said}");
    assert_eq!(std::fs::read_to_string(&profile).expect("it is there"), "the older profile");
    let names = std::fs::read_dir(folder.path()).expect("readable").map(|entry| entry.expect("readable").file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["portcullis.toml", "profile.json"], "nothing half-written is left");
}
