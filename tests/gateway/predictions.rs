//! A client that nobody here wrote gets the same predictions with and without the gateway.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::gateway::{embedded, in_front_of};
use crate::support::python::{self, mlserver};
use crate::support::{Gateway, Model, shared};

/// How `tritonclient` can be asked to ask.
fn ways() -> [Value; 3] {
    [json!({}), json!({ "aio": true }), json!({ "typed": true })]
}

/// Asks for predictions on the pictures of `array`.
async fn ask(address: SocketAddr, array: &Value, way: &Value) -> Value {
    let mut request = json!({
        "command": "infer", "url": address.to_string(), "model": "digits", "input": "image", "request_id": "7",
        "array": array,
    });
    request.as_object_mut().expect("an object").extend(way.as_object().expect("an object").clone());
    let answer = python::client(request).await;
    assert_eq!(answer["error"], Value::Null, "{way}: {answer}");
    answer
}

fn logits(answer: &Value) -> Vec<f64> {
    let values = answer["outputs"]["logits"]["values"].as_array().expect("logits");
    values.iter().map(|value| value.as_f64().expect("a number")).collect()
}

fn three_digits(model: &Model) -> Value {
    let (benign, _) = model.pictures();
    let pixels: Vec<f32> = benign[..3].iter().flat_map(|picture| picture.pixels().to_vec()).collect();
    json!({ "shape": [3, 1, 28, 28], "values": pixels })
}

#[tokio::test]
async fn a_real_server_predicts_the_same_through_the_gateway() {
    let Some(shared) = shared() else { return };
    let (digits, server) = (Model::digits(shared), mlserver(shared).await);
    let array = three_digits(&digits);
    for policy in ["monitor", "block"] {
        let settings = format!("policy = \"{policy}\"");
        let gateway = Gateway::start(&in_front_of(server, &[digits.guarded(&settings)])).await;
        for way in ways() {
            let (without, with) = (ask(server, &array, &way).await, ask(gateway.clients, &array, &way).await);
            assert_eq!(with, without, "{policy}, {way}");
            assert_eq!(logits(&with).len(), 30);
        }
        let metrics = gateway.metrics_after(3).await;
        assert_eq!(metrics.decisions("digits", "undecided"), 0.0);
    }
}

#[tokio::test]
async fn the_embedded_model_predicts_as_a_real_server_does() {
    let Some(shared) = shared() else { return };
    let (digits, server) = (Model::digits(shared), mlserver(shared).await);
    let array = three_digits(&digits);
    let gateway = Gateway::start(&embedded(&[digits.guarded("")])).await;
    for way in ways() {
        let (theirs, ours) = (ask(server, &array, &way).await, ask(gateway.clients, &array, &way).await);
        assert_eq!(ours["id"], "7");
        assert_eq!(ours["outputs"]["logits"]["shape"], json!([3, 10]));
        let close = logits(&theirs).iter().zip(logits(&ours)).all(|(theirs, ours)| (theirs - ours).abs() < 1e-4);
        assert!(close, "{way}: {ours} instead of {theirs}");
    }
}
