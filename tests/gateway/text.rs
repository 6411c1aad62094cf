//! A spam filter under guard: models that take text are guarded as those that take pictures.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::Request;
use portcullis::proto::inference::model_infer_request::InferInputTensor;
use portcullis::proto::inference::{
    InferTensorContents, ModelInferRequest, ModelInferResponse, ModelStreamInferResponse,
};
use portcullis::proto::portcullis::v1::InspectRequest;
use portcullis::proto::portcullis::v1::inspect_request::Input;
use portcullis::tensor::Elements;
use prost::Message;
use serde_json::{Value, json};
use tonic::Code;

use crate::support::gateway::{embedded, in_front_of, portcullis};
use crate::support::python::mlserver;
use crate::support::{Answer, Call, Gateway, Model, root, scratch, shared};

pub const HAM: &str = "Ok, I will call you after lunch";
pub const SPAM: &str = "Free entry to win a cash prize! Call 09061701461 now to claim";
/// Spam with Cyrillic letters in the place of Latin ones: the filter knows none of its words.
pub const DISGUISED: &str = "Frее еntry tо wіn а cаsh рrіzе! Cаll nоw tо clаіm";

const BLOCK: &str = "policy = \"block\"\non_undecided = \"pass\"\ntime_budget = \"60s\"";
const ANNOTATE: &str = "policy = \"annotate\"\ntime_budget = \"60s\"";

/// The request for these texts, with raw contents or typed ones.
pub fn request(texts: &[impl AsRef<[u8]>], typed: bool) -> ModelInferRequest {
    let elements: Vec<Bytes> = texts.iter().map(|text| Bytes::copy_from_slice(text.as_ref())).collect();
    let contents = InferTensorContents { bytes_contents: elements.clone(), ..Default::default() };
    ModelInferRequest {
        model_name: "spam".into(),
        inputs: vec![InferInputTensor {
            name: "text".into(),
            datatype: "BYTES".into(),
            shape: vec![texts.len() as i64, 1],
            contents: typed.then_some(contents),
            ..Default::default()
        }],
        raw_input_contents: if typed { Vec::new() } else { vec![Elements::Bytes(elements).to_raw()] },
        ..Default::default()
    }
}

/// The filter under these settings, in a gateway that serves it itself.
async fn serving(settings: &str) -> Option<Gateway> {
    let spam = Model::spam(shared()?);
    Some(Gateway::start(&embedded(&[spam.guarded(settings)])).await)
}

async fn ask(gateway: &Gateway, texts: &[impl AsRef<[u8]>], typed: bool) -> Answer {
    gateway.call(Call::infer(&request(texts, typed))).await
}

/// The classes that the filter read: 0 for ham, 1 for spam.
fn labels(answer: &Answer) -> Vec<i64> {
    let response: ModelInferResponse = answer.decode();
    let position = response.outputs.iter().position(|output| output.name == "label").expect("labels");
    let output = &response.outputs[position];
    assert_eq!(output.datatype, "INT64");
    match (&output.contents, response.raw_output_contents.get(position)) {
        (Some(typed), None) => typed.int64_contents.clone(),
        (None, Some(raw)) => {
            raw.chunks_exact(8).map(|bytes| i64::from_le_bytes(bytes.try_into().expect("eight"))).collect()
        }
        _ => panic!("raw or typed, and not both"),
    }
}

#[tokio::test]
async fn disguised_spam_is_refused_in_both_forms_and_all_else_is_answered_with_labels_and_probabilities() {
    let Some(gateway) = serving(BLOCK).await else { return };
    for typed in [false, true] {
        let refused = ask(&gateway, &[DISGUISED], typed).await;
        assert_eq!(refused.code(), Code::PermissionDenied, "typed: {typed}");
        assert!(refused.body.is_empty(), "a refusal predicts nothing");
        let answer = ask(&gateway, &[HAM, SPAM, ""], typed).await;
        assert_eq!(labels(&answer), [0, 1, 0], "typed: {typed}");
        let response: ModelInferResponse = answer.decode();
        assert_eq!(response.outputs[1].shape, [3, 2]);
        assert_eq!(ask(&gateway, &[HAM, DISGUISED], typed).await.code(), Code::PermissionDenied, "typed: {typed}");
    }
    let metrics = gateway.metrics_after(6).await;
    assert_eq!([metrics.decisions("spam", "suspicious"), metrics.decisions("spam", "clean")], [4.0, 2.0]);
}

#[tokio::test]
async fn what_is_no_text_or_too_long_cannot_be_examined_and_gets_not_past_block() {
    let Some(gateway) = serving(&format!("{BLOCK}\n")).await else { return };
    let long = "a".repeat((64 << 10) + 1);
    // The embedded server itself reads no text with a NUL, and its errors pass.
    let wrong: [(&[u8], &str); 3] =
        [(b"\xffree", "(text)"), (b"free\0entry", "nul byte"), (long.as_bytes(), "(too_large)")];
    for (text, reason) in wrong {
        for typed in [false, true] {
            let refused = ask(&gateway, &[HAM.as_bytes(), text], typed).await;
            assert_eq!(refused.code(), Code::InvalidArgument, "{reason}");
            assert!(refused.error().contains(reason), "{}", refused.error());
        }
    }
    let metrics = gateway.metrics_after(6).await;
    let counted = |reason| metrics.sum("portcullis_decisions_total", &[("model", "spam"), ("reason", reason)]);
    assert_eq!([counted("text"), counted("too_large")], [4.0, 2.0]);
    assert_eq!(labels(&ask(&gateway, &["a".repeat(64 << 10)], false).await), [0], "as long as may be");

    let mut flat = request(&[HAM], false);
    flat.inputs[0].shape = vec![1, 1, 1];
    let refused = gateway.call(Call::infer(&flat)).await;
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.error().contains("shape [1, 1, 1]"), "{}", refused.error());
}

#[tokio::test]
async fn under_monitor_what_is_no_text_passes_and_is_counted() {
    let Some(gateway) = serving("policy = \"monitor\"").await else { return };
    assert_eq!(ask(&gateway, &[b"\xffree"], false).await.code(), Code::Ok);
    assert_eq!(labels(&ask(&gateway, &[DISGUISED], false).await), [0]);
    let metrics = gateway.metrics_after(2).await;
    assert_eq!([metrics.decisions("spam", "undecided"), metrics.decisions("spam", "suspicious")], [1.0, 1.0]);
}

#[tokio::test]
async fn no_language_is_suspicious_for_being_itself() {
    let Some(gateway) = serving(ANNOTATE).await else { return };
    for message in [
        "Akşam yemeğe geliyor musun? Çok özledik, görüşürüz",
        "Где встретимся завтра? Я буду после работы",
        "Θα τα πούμε το βράδυ στο σπίτι, καλή όρεξη",
        "مرحبا، هل نلتقي غدا بعد العمل؟",
        "می‌خواهم فردا شما را ببینم",
        "明天下班后一起吃饭吗？",
        "今日は何時に帰りますか？",
        "कल सुबह मिलते हैं, ठीक है?",
        "내일 저녁에 시간 있어요?",
        "Tối nay mình đi ăn phở nhé",
        "On se voit à la gare à midi ? Grüße aus Köln 😀👩‍👩‍👧",
    ] {
        let answer = ask(&gateway, &[message], false).await;
        assert_eq!(answer.metadata["portcullis-decision"], "clean", "{message}");
    }
}

#[tokio::test]
async fn texts_in_json_are_examined_as_those_in_protobuf() {
    let Some(shared) = shared() else { return };
    let configuration = embedded(&[Model::spam(shared).guarded(BLOCK)]);
    let gateway = Gateway::start(&format!("[server]\nrest_listen = \"127.0.0.1:0\"\n{configuration}")).await;
    let post = async |texts: &[&str]| {
        let input = json!({ "name": "text", "datatype": "BYTES", "shape": [texts.len(), 1], "data": texts });
        let request = Request::post("/v2/models/spam/infer").header("content-type", "application/json");
        let body = json!({ "inputs": [input] }).to_string();
        gateway.rest(request.body(Bytes::from(body)).expect("a request")).await
    };
    let answer = post(&[HAM, SPAM]).await;
    assert_eq!(answer.status(), 200);
    let document: Value = serde_json::from_slice(answer.body()).expect("JSON");
    assert_eq!(
        [&document["outputs"][0]["datatype"], &document["outputs"][0]["data"]],
        [&json!("INT64"), &json!([0, 1])]
    );
    assert_eq!(post(&[DISGUISED]).await.status(), 403);
    assert_eq!(post(&["free\u{0}entry"]).await.status(), 400);
}

#[tokio::test]
async fn texts_of_a_stream_are_guarded_each() {
    let Some(gateway) = serving(BLOCK).await else { return };
    let requests = [HAM, DISGUISED, SPAM].map(|text| request(&[text], false));
    let answer = gateway.call(Call::stream(&requests)).await;
    let told: Vec<bool> = answer
        .messages()
        .into_iter()
        .map(|message| ModelStreamInferResponse::decode(message).expect("an answer").error_message.is_empty())
        .collect();
    assert_eq!(told, [true, false, true]);
}

#[tokio::test]
async fn embedded_replica_and_server_lead_to_the_same_decisions() {
    let Some(shared) = shared() else { return };
    let (spam, server) = (Model::spam(shared), mlserver(shared).await);
    let from = |source: &str| spam.guarded(&format!("{ANNOTATE}\npredictions = \"{source}\""));
    let configurations = [
        embedded(&[spam.guarded(ANNOTATE)]),
        in_front_of(server, &[from("replica")]),
        in_front_of(server, &[from("upstream")]),
    ];
    for configuration in configurations {
        let gateway = Gateway::start(&configuration).await;
        for typed in [false, true] {
            let mut told = Vec::new();
            for texts in [&[HAM][..], &[SPAM], &[DISGUISED], &[""], &[HAM, DISGUISED]] {
                let answer = ask(&gateway, texts, typed).await;
                answer.bytes();
                told.push(answer.metadata["portcullis-decision"].to_str().expect("ASCII").to_owned());
            }
            assert_eq!(told, ["clean", "clean", "suspicious", "clean", "suspicious"], "{configuration}");
        }
        let metrics = gateway.metrics_after(10).await;
        assert_eq!(metrics.sum("portcullis_replica_disagreements_total", &[]), 0.0);
    }
}

#[tokio::test]
async fn operators_inspect_texts_at_the_gateway_and_without_one() {
    let Some(shared) = shared() else { return };
    let spam = Model::spam(shared);
    let gateway = Gateway::start(&embedded(&[spam.guarded(BLOCK)])).await;
    let inspected = |arguments: &[&str]| {
        let output = portcullis().args(["inspect", "--json", "--log", "warn"]).args(arguments).output();
        let output = output.expect("the binary runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).expect("UTF-8");
        let verdicts = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["verdict"].clone());
        verdicts.collect::<Vec<_>>()
    };
    let file = gateway.configuration.with_file_name("message.txt");
    std::fs::write(&file, format!("{DISGUISED}\r\n")).expect("writable");
    let configuration = gateway.configuration.to_str().expect("UTF-8");
    let file = file.to_str().expect("UTF-8");
    let here = inspected(&["--config", configuration, file, "--text", HAM, "--text", DISGUISED]);
    let url = gateway.admin_url();
    let there = inspected(&["--gateway", &url, "--model", "spam", "--text", HAM, "--text", DISGUISED]);
    assert_eq!(here[1..], there);
    assert_eq!(here[0], here[2], "the line end is none of the text");
    assert_eq!([&here[1]["decision"], &here[2]["decision"]], ["clean", "suspicious"]);

    let picture = InspectRequest { model: "spam".into(), input: Some(Input::Picture(Bytes::new())) };
    let refusal = gateway.inspector().await.inspect(picture).await.expect_err("no picture");
    assert!(refusal.message().contains("the model takes text"), "{}", refusal.message());
}

#[test]
fn squeezers_of_another_kind_than_the_model_takes_are_named() {
    let Some(shared) = shared() else { return };
    let (spam, digits) = (shared.join("models/sms_spam.onnx"), shared.join("models/mnist_cnn.onnx"));
    for (model, squeezer, problem) in [
        (&spam, "bit_depth(5)", "'bit_depth(5)' squeezes pictures, and the model takes text"),
        (&digits, "skeleton", "'skeleton' squeezes text, and the model takes pictures"),
        (&digits, "invisible+leet", "'invisible+leet' squeezes text, and the model takes pictures"),
        (&spam, "skeletton", "there is no squeezer 'skeletton'; known are nfkc"),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let configuration = folder.path().join("portcullis.toml");
        let section = format!(
            "[[models]]\nname = \"model\"\npath = {model:?}\nprofile = \"none.json\"\n[[models.detectors]]\n\
             kind = \"feature_squeezing\"\nsqueezers = [\"{squeezer}\"]\n"
        );
        std::fs::write(&configuration, embedded(&[section])).expect("writable");
        let checked = portcullis().args(["config", "check", "--config"]).arg(&configuration).output();
        let checked = checked.expect("the binary runs");
        let told = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert_eq!(checked.status.code(), Some(64), "{told}");
        assert!(told.contains(problem), "{told}");
    }
}

/// The example of a spam filter, and settings for a profile of its own, under `block`.
pub fn calibrated_example(shared: &Path, profile: &str) -> (PathBuf, Vec<String>) {
    let (example, profile) = (root().join("deploy/examples/spam.toml"), scratch().join(profile));
    let calibrated = portcullis()
        .args(["calibrate", "--log", "warn", "--count", "900", "--fpr", "0.01"])
        .arg("--config")
        .arg(&example)
        .arg("--data")
        .arg(shared.join("data/sms_spam/SMSSpamCollection"))
        .arg("--out")
        .arg(&profile)
        .output()
        .expect("the binary runs");
    assert!(calibrated.status.success(), "{}", String::from_utf8_lossy(&calibrated.stderr));
    (example, vec![format!("models.spam.profile={}", profile.display()), "models.spam.policy=block".to_owned()])
}

#[tokio::test]
async fn the_example_of_a_spam_filter_starts_once_it_is_calibrated() {
    let Some(shared) = shared() else { return };
    let (example, settings) = calibrated_example(shared, "example_spam.json");
    let gateway = Gateway::of_file(&example, &settings).await.ready().await;
    assert_eq!(labels(&ask(&gateway, &[HAM, SPAM], false).await), [0, 1]);
    assert_eq!(ask(&gateway, &[DISGUISED], false).await.code(), Code::PermissionDenied);
}
