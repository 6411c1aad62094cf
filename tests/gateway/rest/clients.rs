//! `tritonclient` over HTTP: with the models inside, and with MLServer behind.

use serde_json::{Value, json};

use super::{embedded_rest, in_front_of_rest};
use crate::support::python::{self, mlserver_addresses};
use crate::support::{Gateway, Model, shared};

/// How `tritonclient` can be asked to ask over HTTP.
fn ways() -> [Value; 6] {
    [
        json!({}),
        json!({ "aio": true }),
        json!({ "json": true }),
        json!({ "output": "logits" }),
        json!({ "json": true, "output": "logits", "compression": "gzip" }),
        json!({ "compression": "deflate" }),
    ]
}

async fn ask(command: &str, url: String, pictures: &Value, way: &Value) -> Value {
    let mut request = json!({
        "command": command, "url": url, "model": "digits", "input": "image", "request_id": "7", "array": pictures,
    });
    request.as_object_mut().expect("an object").extend(way.as_object().expect("an object").clone());
    python::client(request).await
}

fn three_digits(model: &Model) -> Value {
    let (benign, _) = model.pictures();
    let pixels: Vec<f32> = benign[..3].iter().flat_map(|picture| picture.pixels().to_vec()).collect();
    json!({ "shape": [3, 1, 28, 28], "values": pixels })
}

#[tokio::test]
async fn tritonclient_is_answered_over_http_as_over_grpc() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let pictures = three_digits(&digits);
    for policy in ["monitor", "block"] {
        let gateway = Gateway::start(&embedded_rest(&[digits.guarded(&format!("policy = \"{policy}\""))])).await;
        let rest = gateway.rest.expect("REST is served").to_string();
        let grpc = ask("infer", gateway.clients.to_string(), &pictures, &json!({})).await;
        let wanted = &grpc["outputs"]["logits"]["values"];
        assert_eq!(wanted.as_array().expect("logits").len(), 30, "{grpc}");
        for way in ways() {
            let answer = ask("http-infer", rest.clone(), &pictures, &way).await;
            assert_eq!(&answer["outputs"]["logits"]["values"], wanted, "{policy}, {way}: {answer}");
            assert_eq!([&answer["id"], &answer["model_version"]], ["7", "1"], "{policy}, {way}");
        }
        let metrics = gateway.metrics_after(1 + ways().len()).await;
        assert_eq!(metrics.decisions("digits", "undecided"), 0.0);
        let labels = [("model", "digits"), ("method", "rest_infer"), ("grpc_code", "OK")];
        assert_eq!(metrics.sum("portcullis_requests_total", &labels), ways().len() as f64);
    }
}

#[tokio::test]
async fn tritonclient_finds_server_and_models_over_http() {
    let Some(shared) = shared() else { return };
    let gateway = Gateway::start(&embedded_rest(&[Model::digits(shared).guarded("version = \"7\"")])).await;
    let meta = async |model: &str| {
        let url = gateway.rest.expect("REST is served").to_string();
        python::client(json!({ "command": "http-meta", "url": url, "model": model })).await
    };
    let digits = meta("digits").await;
    assert_eq!([&digits["live"], &digits["ready"], &digits["model_ready"]], [true; 3].map(Value::from).each_ref());
    assert_eq!((&digits["server"]["name"], &digits["model"]["versions"]), (&json!("portcullis"), &json!(["7"])));
    let image = json!([{ "name": "image", "datatype": "FP32", "shape": [-1, 1, 28, 28] }]);
    assert_eq!(digits["model"]["inputs"], image);
    assert_eq!(meta("nobody").await["error"]["code"], "404");
}

#[tokio::test]
async fn a_real_server_predicts_the_same_over_http_through_the_gateway() {
    let Some(shared) = shared() else { return };
    let (digits, server) = (Model::digits(shared), mlserver_addresses(shared).await);
    let pictures = three_digits(&digits);
    // MLServer does without the binary extension, and not without the type, which this client does not tell.
    let header = json!({ "content-type": "application/json" });
    let ways = [
        json!({ "json": true, "header": header }),
        json!({ "json": true, "header": header, "aio": true, "compression": "gzip" }),
    ];
    for policy in ["monitor", "block"] {
        let guarded = digits.guarded(&format!("policy = \"{policy}\""));
        let gateway = Gateway::start(&in_front_of_rest(server.grpc, server.rest, &[guarded])).await;
        let rest = gateway.rest.expect("REST is served");
        for way in &ways {
            let without = ask("http-infer", server.rest.to_string(), &pictures, way).await;
            let with = ask("http-infer", rest.to_string(), &pictures, way).await;
            assert_eq!(with, without, "{policy}, {way}");
            assert_eq!(with["outputs"]["logits"]["values"].as_array().map(Vec::len), Some(30), "{with}");
        }
        assert_eq!(gateway.metrics_after(2).await.decisions("digits", "undecided"), 0.0);
        let meta =
            async |url: String| python::client(json!({ "command": "http-meta", "url": url, "model": "digits" })).await;
        assert_eq!(meta(rest.to_string()).await, meta(server.rest.to_string()).await);
    }
}

#[tokio::test]
async fn a_real_server_is_asked_about_copies_of_what_came_over_http() {
    let Some(shared) = shared() else { return };
    let server = mlserver_addresses(shared).await;
    let digits = Model::digits_of(server.grpc, shared);
    let guarded = digits.guarded("policy = \"block\"");
    let gateway = Gateway::start(&in_front_of_rest(server.grpc, server.rest, &[guarded])).await;
    let examples = digits.examples(&gateway).await;
    let clean = gateway.rest(super::in_json(&[&examples.clean])).await;
    assert_eq!(clean.status(), 200, "{clean:?}");
    let suspicious = gateway.rest(super::in_json(&[&examples.suspicious])).await;
    assert_eq!(suspicious.status(), 403, "{suspicious:?}");
}

#[tokio::test]
async fn tritonclient_reads_a_refusal_over_http() {
    let Some((gateway, examples)) = super::serving("policy = \"block\"").await else { return };
    let pictures = json!({ "shape": [1, 1, 28, 28], "values": examples.suspicious.pixels() });
    let rest = gateway.rest.expect("REST is served").to_string();
    for way in ways() {
        let answer = ask("http-infer", rest.clone(), &pictures, &way).await;
        assert_eq!(answer["error"]["code"], "403", "{way}: {answer}");
        let message = answer["error"]["message"].as_str().expect("a message");
        assert!(message.contains("refused: the input is suspected to be adversarial (id "), "{message}");
    }
}
