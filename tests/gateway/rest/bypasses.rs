//! Under `block` nothing that a client can do to its HTTP request gets a suspicious input its prediction, or harms others.

use bytes::Bytes;
use http::{HeaderValue, Request};
use portcullis::tensor::Picture;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::{Value, json};

use super::{
    INFER, LENGTH, LISTEN, behind, document, embedded_rest, in_binary, in_json, input, logits, pixels, post, scripted,
    serving, zipped,
};
use crate::support::models::Examples;
use crate::support::{Gateway, Model, shared};

fn with(mut request: Request<Bytes>, key: &'static str, value: &str) -> Request<Bytes> {
    request.headers_mut().append(key, HeaderValue::from_str(value).expect("a value"));
    request
}

fn without_length(mut request: Request<Bytes>) -> Request<Bytes> {
    request.headers_mut().remove(LENGTH);
    request
}

/// Requests that no correct client sends, each with what is wrong with it.
fn hostile_requests(picture: &Picture) -> Vec<(&'static str, Request<Bytes>)> {
    let (pictures, values) = ([picture], json!(pixels(&[picture])));
    let raw: Vec<u8> = picture.pixels().iter().flat_map(|pixel| pixel.to_le_bytes()).collect();
    let changed = |key: &str, value: Value| {
        let mut input = input(&pictures);
        input["data"] = values.clone();
        input[key] = value;
        post(INFER, json!({ "inputs": [input] }).to_string())
    };
    let sized = |size: Value| {
        let mut input = input(&pictures);
        input["parameters"] = json!({ "binary_data_size": size });
        behind(&json!({ "inputs": [input] }), &raw)
    };
    let text = |text: String| post(INFER, text);
    let whole = String::from_utf8(in_json(&pictures).into_body().to_vec()).expect("text");
    let binary = in_binary(&pictures);
    let length = |length: &str| with(without_length(binary.clone()), LENGTH, length);
    let twin = whole.trim_start_matches("{\"inputs\":[").trim_end_matches("]}").to_owned();
    // What it would be is valid, but larger than what may pass.
    let bomb = zipped(&text(format!("{}{whole}", " ".repeat(65 << 20))));
    vec![
        ("no JSON", text("no JSON".into())),
        ("nothing", text(String::new())),
        ("no object", text("[]".into())),
        ("not UTF-8", post(INFER, [b"{\"id\":\"\xff\",", &whole.as_bytes()[1..]].concat())),
        ("cut short", text(whole[..whole.len() - 1].to_owned())),
        ("something behind it", text(format!("{whole}{{}}"))),
        ("the inputs twice", text(format!("{},\"inputs\":[]}}", &whole[..whole.len() - 1]))),
        ("the same input twice", text(format!("{{\"inputs\":[{twin},{twin}]}}"))),
        (
            "deep nesting",
            changed("data", serde_json::from_str(&format!("{}1{}", "[".repeat(100), "]".repeat(100))).expect("JSON")),
        ),
        (
            "deeper nesting",
            text(whole.replace("\"data\":[", &format!("\"data\":[{}{},", "[".repeat(1 << 20), "]".repeat(1 << 20)))),
        ),
        ("wrong shape", changed("shape", json!([1, 1, 27, 28]))),
        ("negative shape", changed("shape", json!([1, 1, -28, 28]))),
        ("huge shape", changed("shape", json!([i64::MAX, i64::MAX, 4, 4]))),
        ("no shape", changed("shape", json!([]))),
        ("a shape of texts", changed("shape", json!(["1"]))),
        ("wrong datatype", changed("datatype", json!("INT32"))),
        ("unknown datatype", changed("datatype", json!("FP13"))),
        ("another name", changed("name", json!("other"))),
        ("too few elements", changed("data", json!([0.5]))),
        ("texts for numbers", changed("data", json!(vec!["0.5"; 784]))),
        ("truths for numbers", changed("data", json!(vec![true; 784]))),
        ("out of range", changed("data", json!(vec![300; 784]))),
        ("in shared memory", changed("parameters", json!({ "shared_memory_region": "r" }))),
        ("in JSON and binary", changed("parameters", json!({ "binary_data_size": 0 }))),
        ("no input", text("{\"inputs\":[]}".into())),
        ("a negative size", sized(json!(-3136))),
        ("a size beyond the body", sized(json!(3137))),
        ("a size short of the body", sized(json!(3135))),
        ("a huge size", sized(json!(u64::MAX))),
        ("a size in words", sized(json!("3136"))),
        ("no header's length", without_length(binary.clone())),
        ("a header's length beyond the body", length("99999999")),
        ("a header's length short of the JSON", length("10")),
        ("a header's length of nothing", length("0")),
        ("a negative header's length", length("-1")),
        ("a header's length that overflows", length("99999999999999999999999")),
        ("two header's lengths", with(binary.clone(), LENGTH, "7")),
        ("an encoding nobody knows", with(binary.clone(), "content-encoding", "zstd")),
        ("an encoding that it has not", with(binary.clone(), "content-encoding", "gzip")),
        ("two encodings", with(zipped(&binary), "content-encoding", "gzip")),
        ("half a gzip", zipped(&binary).map(|body| body.slice(..body.len() / 2))),
        ("a bomb", bomb),
    ]
}

#[tokio::test]
async fn bad_input_is_refused_under_block_and_counted_once() {
    let settings = "policy = \"block\"\non_undecided = \"pass\"";
    let Some((gateway, examples)) = serving(settings).await else { return };
    let requests = hostile_requests(&examples.clean);
    for (what, request) in &requests {
        let answer = gateway.rest(request.clone()).await;
        assert_eq!(answer.status(), 400, "{what}: {answer:?}");
        assert!(answer.body().starts_with(b"{\"error\":"), "{what}: {answer:?}");
    }
    assert_eq!(gateway.rest(in_json(&[&examples.clean])).await.status(), 200, "and it goes on serving");
    let metrics = gateway.metrics_after(requests.len() + 1).await;
    assert_eq!(metrics.sum("portcullis_decisions_total", &[("model", "digits")]), requests.len() as f64 + 1.0);
    assert!(gateway.is_ready().await, "bad input makes nobody unready");
}

#[tokio::test]
async fn no_bytes_whatever_end_the_gateway() {
    let Some((gateway, examples)) = serving("policy = \"block\"").await else { return };
    let good = in_binary(&[&examples.clean]);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let flips = prop::collection::vec((0..150_usize, any::<u8>()), 1..6);
    for _ in 0..100 {
        let mut bytes = good.body().to_vec();
        let flips = flips.new_tree(&mut runner).expect("a value").current();
        flips.into_iter().for_each(|(at, value)| bytes[at] = value);
        gateway.rest(good.clone().map(|_| bytes.into())).await;
    }
    assert_eq!(gateway.rest(good).await.status(), 200);
    assert_eq!(gateway.metrics_after(101).await.sum("portcullis_decisions_total", &[]), 101.0);
}

#[tokio::test]
async fn no_spelling_of_the_path_is_a_way_past() {
    let Some((gateway, upstream, examples)) = scripted("policy = \"block\"", |_| document(&logits([0.0; 10]))).await
    else {
        return;
    };
    let paths = [
        "/v2/models/digits/infer",
        "/v2/models/digits/versions/1/infer",
        "/v2/models/%64igits/infer",
        "//v2/models/digits/infer",
        "/v2/models/digits/infer/",
        "/v2/models//digits/infer",
        "/v2/./models/digits/infer",
        "/v2/models/x/../digits/infer",
        "/v2/models/%2564igits/infer",
        "/v2/models/digits%2Finfer",
        "/v2/models/digits/%69nfer",
        "/v2/models/digits/infer%3Fa=b",
        "/v2/models/digits/infer;a=b",
        "/V2/MODELS/digits/INFER",
        "/prefix/v2/models/digits/infer",
        "/v2/models/digits/generate",
        "/v2/models/digits/generate_stream",
        "/v2/models/digits/versions/1/infer_stream",
    ];
    for path in paths {
        for method in ["POST", "PUT", "post"] {
            let mut request = in_json(&[&examples.suspicious]);
            *request.uri_mut() = path.parse().expect("a path");
            *request.method_mut() = method.parse().expect("a method");
            let answer = gateway.rest(request).await;
            assert!([400, 403].contains(&answer.status().as_u16()), "{method} {path}: {answer:?}");
            assert!(answer.body().starts_with(b"{\"error\":"), "{method} {path}: {answer:?}");
        }
    }
    let metrics = gateway.metrics_after(paths.len() * 3).await;
    assert_eq!(metrics.sum("portcullis_decisions_total", &[]), paths.len() as f64 * 3.0);
    assert_eq!(upstream.seen(paths[3]).len(), 0, "what is odd does not reach the classifier");
}

#[tokio::test]
async fn streams_over_http_pass_where_they_are_let() {
    let Some((gateway, upstream, examples)) = scripted("policy = \"monitor\"", |_| document(&logits([0.0; 10]))).await
    else {
        return;
    };
    let path = "/v2/models/digits/infer_stream";
    let mut request = in_json(&[&examples.suspicious]);
    *request.uri_mut() = path.parse().expect("a path");
    assert_eq!(gateway.rest(request).await.status(), 200);
    assert_eq!(upstream.seen(path).len(), 1);
    let undecided = [("model", "other"), ("decision", "undecided"), ("reason", "streaming")];
    assert_eq!(gateway.metrics().await.sum("portcullis_decisions_total", &undecided), 1.0);
}

#[tokio::test]
async fn a_connection_header_hides_no_other() {
    let Some((gateway, examples)) = serving("policy = \"block\"").await else { return };
    let request = with(in_binary(&[&examples.suspicious]), "connection", "inference-header-content-length");
    assert_eq!(gateway.rest(request).await.status(), 400, "it is read as the upstream would read it");
}

#[tokio::test]
async fn sizes_are_limited() {
    let limits = "max_message_bytes = \"64KiB\"\nmax_inspected_bytes = \"32KiB\"";
    let Some(shared) = shared() else { return };
    // Forty pictures, among which these were found, are more than may pass below.
    let Some((_, Examples { clean, .. })) = serving("").await else { return };
    let digits = Model::digits(shared);
    let configuration = embedded_rest(&[digits.guarded("policy = \"block\"")]);
    let gateway = Gateway::start(&configuration.replacen(LISTEN, &format!("{LISTEN}{limits}\n"), 1)).await;
    let padded = |size: usize| {
        let whole = in_json(&[&clean]).into_body();
        post(INFER, [&whole[..], " ".repeat(size.saturating_sub(whole.len())).as_bytes()].concat())
    };
    assert_eq!(gateway.rest(padded(0)).await.status(), 200);
    let answer = gateway.rest(padded(40 << 10)).await;
    assert_eq!(answer.status(), 400, "{answer:?}");
    assert!(String::from_utf8_lossy(answer.body()).contains("too_large"), "{answer:?}");
    let answer = gateway.rest(padded(65 << 10)).await;
    assert_eq!(answer.status(), 413, "{answer:?}");
    assert_eq!(gateway.metrics_after(3).await.sum("portcullis_decisions_total", &[]), 3.0);
}
