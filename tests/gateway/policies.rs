//! What clients get under `annotate`, `block` and `restore`.

use std::collections::BTreeSet;

use http::HeaderMap;
use portcullis::proto::inference::infer_parameter::ParameterChoice;
use portcullis::proto::inference::model_infer_response::InferOutputTensor;
use portcullis::proto::inference::{InferParameter, ModelInferResponse};
use prost::Message;
use serde_json::json;
use tonic::Code;

use crate::support::gateway::{embedded, in_front_of, portcullis};
use crate::support::models::digits_response;
use crate::support::wire::{MODEL_INFER, headers};
use crate::support::{Answer, Call, Connection, Gateway, Model, Upstream, python, shared};

const UNKNOWN_FIELD: [u8; 6] = [0xfa, 0x3f, 3, 1, 2, 3];

/// An answer with a parameter, metadata and an unknown field of its own.
fn scripted_answer() -> Answer {
    let parameter = InferParameter { parameter_choice: Some(ParameterChoice::Int64Param(9)) };
    let parameters = [("theirs".to_owned(), parameter)].into();
    let response = ModelInferResponse { parameters, ..digits_response([0.0; 10]) };
    let mut answer = Answer::message(&[&UNKNOWN_FIELD, &response.encode_to_vec()[..]].concat());
    answer.metadata.append("x-leading", "theirs".parse().expect("a value"));
    answer.trailers = Some(headers(&[("grpc-status", "0"), ("x-trailing", "theirs")]));
    answer
}

/// The digits under a policy, in front of an upstream that gives [`scripted_answer`]; nothing without ../shared.
async fn scripted(policy: &str) -> Option<(Model, Upstream, Gateway)> {
    let digits = Model::digits(shared()?);
    let upstream = Upstream::start(|_| scripted_answer()).await;
    let guarded = digits.guarded(&format!("policy = \"{policy}\""));
    let gateway = Gateway::start(&in_front_of(upstream.address, &[guarded])).await;
    Some((digits, upstream, gateway))
}

fn text(parameter: &InferParameter) -> &str {
    match &parameter.parameter_choice {
        Some(ParameterChoice::StringParam(text)) => text,
        other => panic!("not a text: {other:?}"),
    }
}

fn keys(headers: &HeaderMap) -> BTreeSet<&str> {
    headers.keys().map(|key| key.as_str()).collect()
}

#[tokio::test]
async fn annotations_are_appended_to_an_answer_that_stays_as_it_was() {
    let Some((digits, upstream, gateway)) = scripted("annotate").await else { return };
    let examples = digits.examples(&gateway).await;
    let theirs = scripted_answer();
    for (picture, decision) in [(examples.clean, "clean"), (examples.suspicious, "suspicious")] {
        let call = Call::infer(&digits.request(&[picture]));
        let answer = gateway.call(call.clone()).await;
        assert!(answer.bytes().starts_with(&theirs.bytes()), "the original bytes come first");
        let response: ModelInferResponse = answer.decode();
        assert_eq!(text(&response.parameters["portcullis_decision"]), decision);
        assert_eq!(response.parameters["theirs"].parameter_choice, Some(ParameterChoice::Int64Param(9)));
        assert_eq!(answer.metadata["portcullis-decision"], decision);
        assert_eq!(answer.metadata["portcullis-id"], text(&response.parameters["portcullis_id"]));
        assert_eq!(answer.metadata["x-leading"], "theirs");
        assert_eq!(answer.trailers, theirs.trailers);
        let seen = upstream.seen(MODEL_INFER).pop().expect("the call arrived");
        assert_eq!(seen.body, call.body, "nothing is annotated on the way to the upstream");
    }
}

#[tokio::test]
async fn tritonclient_reads_the_annotation() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let gateway = Gateway::start(&embedded(&[digits.guarded("policy = \"annotate\"")])).await;
    let examples = digits.examples(&gateway).await;
    for (picture, decision) in [(examples.clean, "clean"), (examples.suspicious, "suspicious")] {
        let answer = python::client(json!({
            "command": "infer", "url": gateway.clients.to_string(), "model": "digits", "input": "image",
            "array": { "shape": [1, 1, 28, 28], "values": picture.pixels() },
        }))
        .await;
        assert_eq!(answer["parameters"]["portcullis_decision"], decision, "{answer}");
        assert_eq!(answer["outputs"]["logits"]["shape"], json!([1, 10]));
    }
}

#[tokio::test]
async fn a_refusal_tells_an_id_and_nothing_of_the_prediction() {
    let Some((digits, _upstream, gateway)) = scripted("block").await else { return };
    let suspicious = digits.examples(&gateway).await.suspicious;
    let answer = gateway.call(Call::infer(&digits.request(&[suspicious]))).await;
    assert_eq!(answer.code(), Code::PermissionDenied);
    let id = answer.metadata["portcullis-id"].to_str().expect("ASCII");
    assert_eq!(answer.error(), format!("refused: the input is suspected to be adversarial (id {id})"));
    assert_eq!(answer.metadata["portcullis-decision"], "suspicious");
    assert!(answer.body.is_empty() && answer.trailers.is_none());
    let expected = ["content-type", "grpc-message", "grpc-status", "portcullis-decision", "portcullis-id"];
    assert_eq!(keys(&answer.metadata), expected.into());
    let metrics = gateway.metrics_after(1).await;
    assert_eq!(metrics.sum("portcullis_actions_total", &[("model", "digits"), ("action", "block")]), 1.0);
}

#[tokio::test]
async fn under_block_a_clean_answer_crosses_byte_for_byte() {
    let Some((digits, upstream, gateway)) = scripted("block").await else { return };
    let call = Call::infer(&digits.request(&[digits.examples(&gateway).await.clean]));
    let without = Connection::open(upstream.address).await.send(call.clone()).await;
    assert_eq!(gateway.call(call).await, without);
    let seen = upstream.seen(MODEL_INFER);
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn under_restore_a_suspicious_picture_is_answered_by_those_who_were_not_fooled() {
    let Some((digits, upstream, gateway)) = scripted("restore").await else { return };
    let examples = digits.examples(&gateway).await;
    let request = digits.request(&[examples.suspicious]);
    let verdicts = gateway.inspect(&request).await;
    let class_of = |source: &str| {
        let mut predictions = verdicts[0].predictions.iter();
        predictions.find(|prediction| prediction.source == source).expect("a prediction").top_class as usize
    };

    let answer = gateway.call(Call::infer(&request)).await;
    assert_eq!(answer.metadata["portcullis-decision"], "suspicious");
    let response: ModelInferResponse = answer.decode();
    assert_eq!(text(&response.parameters["portcullis_decision"]), "suspicious");
    assert_eq!(response.parameters["theirs"].parameter_choice, Some(ParameterChoice::Int64Param(9)));
    let logits: Vec<f32> = bytemuck::pod_collect_to_vec(&response.raw_output_contents[0]);
    let (read, _) = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).expect("ten classes");
    assert_eq!(read, class_of("student cntk"));
    assert_ne!(read, class_of("original"));

    let clean = Call::infer(&digits.request(&[examples.clean]));
    let without = Connection::open(upstream.address).await.send(clean.clone()).await;
    assert_eq!(gateway.call(clean).await, without, "what is clean crosses byte for byte");
    let metrics = gateway.metrics_after(2).await;
    assert_eq!(metrics.sum("portcullis_actions_total", &[("model", "digits"), ("action", "restore")]), 1.0);
}

#[tokio::test]
async fn an_answer_that_tells_more_than_the_class_is_refused_rather_than_restored() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| {
        let mut response = digits_response([0.0; 10]);
        response.outputs.push(InferOutputTensor { name: "features".into(), ..response.outputs[0].clone() });
        response.raw_output_contents.push(response.raw_output_contents[0].clone());
        Answer::of(&response)
    })
    .await;
    let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded("policy = \"restore\"")])).await;
    let suspicious = digits.examples(&gateway).await.suspicious;
    let answer = gateway.call(Call::infer(&digits.request(&[suspicious]))).await;
    assert_eq!(answer.code(), Code::PermissionDenied);
    let metrics = gateway.metrics_after(1).await;
    assert_eq!(metrics.sum("portcullis_actions_total", &[("model", "digits"), ("action", "block")]), 1.0);
}

#[tokio::test]
async fn the_upstreams_own_errors_pass_under_every_policy() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| Answer::status(Code::ResourceExhausted, "come%20back%20later")).await;
    for settings in ["policy = \"annotate\"", "policy = \"block\"", "policy = \"block\"\non_undecided = \"block\""] {
        let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded(settings)])).await;
        let suspicious = digits.examples(&gateway).await.suspicious;
        let answer = gateway.call(Call::infer(&digits.request(&[suspicious]))).await;
        assert_eq!(
            (answer.code(), answer.error().as_str()),
            (Code::ResourceExhausted, "come back later"),
            "{settings}"
        );
    }
}

#[tokio::test]
async fn the_status_of_a_refusal_is_configurable_but_never_one_that_clients_retry() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let settings = "policy = \"block\"\nblock_status = \"FAILED_PRECONDITION\"";
    let gateway = Gateway::start(&embedded(&[digits.guarded(settings)])).await;
    let suspicious = digits.examples(&gateway).await.suspicious;
    let answer = gateway.call(Call::infer(&digits.request(&[suspicious]))).await;
    assert_eq!(answer.code(), Code::FailedPrecondition);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("portcullis.toml");
    let settings = "policy = \"block\"\nblock_status = \"UNAVAILABLE\"";
    std::fs::write(&path, embedded(&[digits.guarded(settings)])).expect("writable");
    let served = portcullis().args(["serve", "--config"]).arg(&path).output().expect("the binary runs");
    assert_eq!(served.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&served.stderr).contains("block_status"));
}

#[tokio::test]
async fn what_could_not_be_examined_in_time_passes_or_is_refused_as_configured() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| scripted_answer()).await;
    let call = Call::infer(&digits.request(&digits.pictures().0[..1]));
    for (on_undecided, code) in [("pass", Code::Ok), ("block", Code::PermissionDenied)] {
        let settings = format!("policy = \"block\"\non_undecided = \"{on_undecided}\"\ntime_budget = \"1ns\"");
        let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded(&settings)])).await;
        assert_eq!(gateway.call(call.clone()).await.code(), code, "{on_undecided}");
        let counted = [("model", "digits"), ("decision", "undecided"), ("reason", "timeout")];
        assert_eq!(gateway.metrics_after(1).await.sum("portcullis_decisions_total", &counted), 1.0);
    }
}

#[tokio::test]
async fn a_client_cannot_get_past_a_block_by_sending_what_cannot_be_examined() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| scripted_answer()).await;
    let settings = "policy = \"block\"\non_undecided = \"pass\"";
    let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded(settings)])).await;
    let mut request = digits.request(&digits.pictures().0[..1]);
    request.raw_input_contents[0] = vec![0xff; 4 * 28 * 28].into();
    let answer = gateway.call(Call::infer(&request)).await;
    assert_eq!(answer.code(), Code::InvalidArgument, "the pixels are no numbers");
    let counted = [("model", "digits"), ("decision", "undecided"), ("reason", "values")];
    assert_eq!(gateway.metrics_after(1).await.sum("portcullis_decisions_total", &counted), 1.0);
}

/// What the threads of this kind have computed, in nanoseconds.
#[cfg(target_os = "linux")]
fn computed(gateway: &Gateway, kind: &str) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{}/task", gateway.process_id())).expect("a process");
    let of_kind = threads.map(|thread| thread.expect("a thread").path()).filter(|thread| {
        let name = std::fs::read_to_string(thread.join("comm")).expect("a name");
        name.starts_with(kind)
    });
    let time = |thread: std::path::PathBuf| {
        let told = std::fs::read_to_string(thread.join("schedstat")).expect("its times");
        told.split_whitespace().next().expect("a first one").parse::<u64>().expect("a number")
    };
    of_kind.map(time).sum()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_is_only_monitored_has_what_others_leave_of_the_cores() {
    for (policy, at_work, at_rest) in [("monitor", "monitoring", "inference"), ("block", "inference", "monitoring")] {
        let Some((digits, _upstream, gateway)) = scripted(policy).await else { return };
        let requests = 20;
        for picture in digits.pictures().0.into_iter().take(requests) {
            gateway.call(Call::infer(&digits.request(&[picture]))).await;
        }
        gateway.metrics_after(requests).await;
        let (worked, rested) = (computed(&gateway, at_work), computed(&gateway, at_rest));
        assert!(worked > 2 * rested, "{policy}: {at_work} {worked} ns, {at_rest} {rested} ns");
    }
}
