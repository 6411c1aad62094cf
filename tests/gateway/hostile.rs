//! Bad input gets INVALID_ARGUMENT or the upstream's own answer, and harms nobody.

use portcullis::proto::inference::model_infer_request::InferInputTensor;
use portcullis::proto::inference::{InferTensorContents, ModelInferRequest};
use portcullis::tensor::Picture;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use prost::Message;
use tonic::Code;

use crate::support::gateway::embedded;
use crate::support::models::digits_request;
use crate::support::wire::{MODEL_INFER, frame};
use crate::support::{Call, Gateway, Model, shared};

/// Requests that no correct client sends, each with what is wrong with it.
fn hostile_requests(good: &ModelInferRequest) -> Vec<(&'static str, ModelInferRequest)> {
    let spoil = |spoil: &dyn Fn(&mut ModelInferRequest)| {
        let mut request = good.clone();
        spoil(&mut request);
        request
    };
    let shape = |shape: &[i64]| spoil(&|request| request.inputs[0].shape = shape.to_vec());
    let pixel = |value: f32| {
        let mut raw = good.raw_input_contents[0].to_vec();
        raw[400..404].copy_from_slice(&value.to_le_bytes());
        spoil(&|request| request.raw_input_contents = vec![raw.clone().into()])
    };
    let typed = InferTensorContents { fp32_contents: vec![0.5; 784], ..Default::default() };
    vec![
        ("wrong shape", shape(&[1, 1, 27, 28])),
        ("negative shape", shape(&[1, 1, -28, 28])),
        ("overflowing shape", shape(&[i64::MAX, i64::MAX, i64::MAX, 4])),
        ("no shape", shape(&[])),
        ("a batch larger than its contents", shape(&[2, 1, 28, 28])),
        (
            "empty batch",
            spoil(&|request| {
                request.inputs[0].shape = vec![0, 1, 28, 28];
                request.raw_input_contents = vec![Vec::new().into()];
            }),
        ),
        ("wrong datatype", spoil(&|request| request.inputs[0].datatype = "INT32".into())),
        ("unknown datatype", spoil(&|request| request.inputs[0].datatype = "FP13".into())),
        ("short raw contents", spoil(&|request| request.raw_input_contents = vec![vec![0; 99].into()])),
        ("no contents", spoil(&|request| request.raw_input_contents.clear())),
        ("more raw contents than inputs", spoil(&|request| request.raw_input_contents.push(vec![0; 4].into()))),
        ("raw and typed contents", spoil(&|request| request.inputs[0].contents = Some(typed.clone()))),
        (
            "too few typed contents",
            spoil(&|request| {
                request.raw_input_contents.clear();
                let few = InferTensorContents { fp32_contents: vec![0.5; 3], ..Default::default() };
                request.inputs[0].contents = Some(few);
            }),
        ),
        ("unknown input", spoil(&|request| request.inputs[0].name = "nobody".into())),
        ("no input", spoil(&|request| request.inputs.clear())),
        (
            "the same input twice",
            spoil(&|request| {
                let twin: InferInputTensor = request.inputs[0].clone();
                request.inputs.push(twin);
                let raw = request.raw_input_contents[0].clone();
                request.raw_input_contents.push(raw);
            }),
        ),
        ("NaN", pixel(f32::NAN)),
        ("infinity", pixel(f32::INFINITY)),
        ("out of range", pixel(300.0)),
    ]
}

async fn gateway(settings: &str) -> Option<(Gateway, Picture)> {
    let digits = Model::digits(shared()?);
    let benign = digits.pictures().0.swap_remove(0);
    Some((Gateway::start(&embedded(&[digits.guarded(settings)])).await, benign))
}

#[tokio::test]
async fn bad_input_is_refused_under_block_and_counted_once() {
    let Some((gateway, benign)) = gateway("policy = \"block\"").await else { return };
    let requests = hostile_requests(&digits_request(&[&benign]));
    for (what, request) in &requests {
        let answer = gateway.call(Call::infer(request)).await;
        assert_eq!(answer.code(), Code::InvalidArgument, "{what}: {}", answer.error());
        assert!(answer.body.is_empty(), "{what}: it carries a message");
    }
    assert_eq!(gateway.call(Call::infer(&digits_request(&[&benign]))).await.code(), Code::Ok);
    let decided = requests.len() as f64 + 1.0;
    let metrics = gateway.metrics_after(requests.len() + 1).await;
    assert_eq!(metrics.sum("portcullis_decisions_total", &[("model", "digits")]), decided);
    assert!(gateway.is_ready().await, "bad input makes nobody unready");
}

#[tokio::test]
async fn under_monitor_bad_input_gets_the_classifiers_own_answer() {
    let Some((gateway, benign)) = gateway("policy = \"monitor\"").await else { return };
    for (what, request) in hostile_requests(&digits_request(&[&benign])) {
        let answer = gateway.call(Call::infer(&request)).await;
        // The classifier itself takes any number for a pixel.
        let expected =
            if ["NaN", "infinity", "out of range"].contains(&what) { Code::Ok } else { Code::InvalidArgument };
        assert_eq!(answer.code(), expected, "{what}: {}", answer.error());
    }
}

#[tokio::test]
async fn a_claim_of_two_gibibytes_is_refused_by_its_first_bytes() {
    let Some((gateway, _)) = gateway("policy = \"monitor\"").await else { return };
    let body = vec![0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5].into();
    let answer = gateway.call(Call { body, ..Call::new(MODEL_INFER, &[]) }).await;
    assert_eq!(answer.code(), Code::ResourceExhausted, "{}", answer.error());
}

#[tokio::test]
async fn half_a_message_and_no_message_are_refused_under_block() {
    let Some((gateway, benign)) = gateway("policy = \"block\"").await else { return };
    let whole = frame(&digits_request(&[&benign]).encode_to_vec());
    for length in [0, 3, 5, 40, whole.len() - 1] {
        let answer = gateway.call(Call { body: whole.slice(..length), ..Call::new(MODEL_INFER, &[]) }).await;
        assert_ne!(answer.code(), Code::Ok, "{length} bytes");
        assert_ne!(answer.code(), Code::Unavailable, "{length} bytes");
    }
    assert!(gateway.is_ready().await);
}

#[tokio::test]
async fn a_model_that_nobody_guards_passes_and_is_counted_so() {
    let Some((gateway, benign)) = gateway("policy = \"block\"").await else { return };
    let request = ModelInferRequest { model_name: "unheard-of".into(), ..digits_request(&[&benign]) };
    assert_eq!(gateway.call(Call::infer(&request)).await.code(), Code::NotFound, "the upstream's own answer");
    assert_eq!(gateway.metrics_after(1).await.decisions("other", "unguarded"), 1.0);
}

#[tokio::test]
async fn no_bytes_whatever_end_the_gateway() {
    let Some((gateway, benign)) = gateway("policy = \"block\"").await else { return };
    let good = digits_request(&[&benign]).encode_to_vec();
    let connection = gateway.connect().await;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let flips = prop::collection::vec((0..good.len().min(120), any::<u8>()), 1..6);
    for _ in 0..200 {
        let mut bytes = good.clone();
        let flips = flips.new_tree(&mut runner).expect("a value").current();
        flips.into_iter().for_each(|(at, value)| bytes[at] = value);
        connection.send(Call::new(MODEL_INFER, &bytes)).await;
    }
    assert_eq!(gateway.call(Call::new(MODEL_INFER, &good)).await.code(), Code::Ok);
    assert_eq!(gateway.metrics_after(201).await.sum("portcullis_decisions_total", &[]), 201.0);
}
