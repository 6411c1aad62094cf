//! What clients get over HTTP under `annotate`, `block` and `restore`.

use std::collections::BTreeSet;

use http::Response;
use serde_json::{Value, json};

use super::{document, forms, in_binary, in_json, logits, read, scripted, serving};

#[tokio::test]
async fn a_refusal_tells_an_id_and_nothing_of_the_prediction() {
    let Some((gateway, examples)) = serving("policy = \"block\"").await else { return };
    for request in forms(&[&examples.suspicious]) {
        let answer = gateway.rest(request).await;
        assert_eq!(answer.status(), 403);
        let id = answer.headers()["portcullis-id"].to_str().expect("ASCII");
        let message = format!("refused: the input is suspected to be adversarial (id {id})");
        assert_eq!(read(&answer), json!({ "error": message }));
        assert_eq!(answer.headers()["portcullis-decision"], "suspicious");
        let keys: BTreeSet<&str> = answer.headers().keys().map(|key| key.as_str()).collect();
        assert_eq!(keys, ["content-length", "content-type", "portcullis-decision", "portcullis-id"].into());
    }
    for request in forms(&[&examples.clean]) {
        assert_eq!(gateway.rest(request).await.status(), 200);
    }
    let metrics = gateway.metrics_after(8).await;
    assert_eq!([metrics.decisions("digits", "suspicious"), metrics.decisions("digits", "clean")], [4.0, 4.0]);
    let labels = [("model", "digits"), ("method", "rest_infer"), ("grpc_code", "PERMISSION_DENIED")];
    assert_eq!(metrics.sum("portcullis_requests_total", &labels), 4.0);
    assert_eq!(metrics.sum("portcullis_actions_total", &[("model", "digits"), ("action", "block")]), 4.0);
}

#[tokio::test]
async fn the_configured_status_is_told_as_http_has_it() {
    for (status, expected) in [("UNAUTHENTICATED", 401), ("ABORTED", 409), ("FAILED_PRECONDITION", 400)] {
        let settings = format!("policy = \"block\"\nblock_status = \"{status}\"");
        let Some((gateway, examples)) = serving(&settings).await else { return };
        assert_eq!(gateway.rest(in_json(&[&examples.suspicious])).await.status(), expected);
    }
}

#[tokio::test]
async fn annotations_are_put_into_a_document_that_stays_as_it_was() {
    let mut theirs = logits([0.0; 10]);
    theirs["parameters"] = json!({ "theirs": 0.1 });
    let Some((gateway, _upstream, examples)) = scripted("policy = \"annotate\"", move |_| document(&theirs)).await
    else {
        return;
    };
    for (picture, decision) in [(&examples.clean, "clean"), (&examples.suspicious, "suspicious")] {
        let answer = gateway.rest(in_json(&[picture])).await;
        assert_eq!((answer.status().as_u16(), &answer.headers()["x-theirs"]), (200, &"1".parse().expect("a value")));
        let id = answer.headers()["portcullis-id"].to_str().expect("ASCII");
        let mut expected = logits([0.0; 10]);
        expected["parameters"] = json!({ "theirs": 0.1, "portcullis_decision": decision, "portcullis_id": id });
        assert_eq!(read(&answer), expected);
        assert_eq!(answer.headers()["portcullis-decision"], decision);
    }
}

#[tokio::test]
async fn annotations_leave_binary_tensors_where_the_header_says() {
    let Some((gateway, examples)) = serving("policy = \"annotate\"").await else { return };
    let answer = gateway.rest(in_binary(&[&examples.clean])).await;
    assert_eq!(read(&answer)["parameters"]["portcullis_decision"], "clean");
    assert_eq!(numbers(&answer).len(), 10);
}

/// The numbers behind the document.
fn numbers(answer: &Response<bytes::Bytes>) -> Vec<f32> {
    let length: usize = answer.headers()[super::LENGTH].to_str().expect("ASCII").parse().expect("a length");
    bytemuck::pod_collect_to_vec(&answer.body()[length..])
}

fn largest(values: &[f32]) -> usize {
    let largest = values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    largest.expect("ten classes").0
}

#[tokio::test]
async fn under_restore_an_answer_keeps_its_form_and_changes_its_class() {
    let Some((gateway, examples)) = serving("policy = \"restore\"").await else { return };
    let Some((plain, _)) = serving("policy = \"monitor\"").await else { return };
    let (json, binary) = (in_json(&[&examples.suspicious]), in_binary(&[&examples.suspicious]));
    let believed = numbers(&plain.rest(binary.clone()).await);
    let restored = gateway.rest(binary).await;
    assert_eq!(read(&restored)["parameters"]["portcullis_decision"], "suspicious");
    assert_ne!(largest(&numbers(&restored)), largest(&believed));
    let answer = read(&gateway.rest(json).await);
    let told: Vec<f32> = serde_json::from_value(answer["outputs"][0]["data"].clone()).expect("numbers");
    assert_eq!(told, numbers(&restored), "{answer}");
    let metrics = gateway.metrics_after(2).await;
    assert_eq!(metrics.sum("portcullis_actions_total", &[("model", "digits"), ("action", "restore")]), 2.0);
}

#[tokio::test]
async fn what_cannot_be_restored_is_refused() {
    let mut more = logits([0.0; 10]);
    let features = json!({ "name": "features", "datatype": "FP32", "shape": [1], "data": [7] });
    more["outputs"].as_array_mut().expect("outputs").push(features);
    for answer in [more, Value::from("no inference response")] {
        let Some((gateway, _upstream, examples)) = scripted("policy = \"restore\"", move |_| document(&answer)).await
        else {
            return;
        };
        assert_eq!(gateway.rest(in_json(&[&examples.suspicious])).await.status(), 403);
    }
}
