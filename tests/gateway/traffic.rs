//! Traffic that has changed is told from an attack.

use portcullis::tensor::Picture;

use crate::support::gateway::embedded;
use crate::support::{Call, Gateway, Metrics, Model, eventually, shared};

/// No picture of a batch is left undecided, however slow the machine.
const SETTINGS: &str = "policy = \"monitor\"\ntime_budget = \"60s\"";

/// The metrics once they have the digits' traffic in this state; answers may come before they do.
async fn metrics_in(gateway: &Gateway, state: &str) -> Metrics {
    let is_in = |metrics: &Metrics| metrics.sum("portcullis_traffic", &[("model", "digits"), ("state", state)]) == 1.0;
    eventually(state, async || Some(gateway.metrics().await).filter(is_in)).await
}

/// How many lines of the log hold these words, once there are any.
async fn told(gateway: &Gateway, words: &str) -> usize {
    let count = || gateway.log().iter().filter(|line| line.contains(words)).count();
    eventually(words, async || Some(count()).filter(|&count| count > 0)).await
}

async fn send(gateway: &Gateway, digits: &Model, batches: &[&[Picture]]) {
    let connection = gateway.connect().await;
    for batch in batches {
        connection.send(Call::infer(&digits.request(batch))).await.bytes();
    }
}

#[tokio::test]
async fn suspicious_inputs_among_benign_ones_are_an_attack() {
    let Some(shared) = shared() else { return };
    let digits = Model::squeezed_digits(shared);
    let gateway = Gateway::start(&embedded(&[digits.guarded(SETTINGS)])).await;
    metrics_in(&gateway, "unknown").await;
    let (benign, adversarial) = digits.pictures();
    send(&gateway, &digits, &[&benign, &benign, &benign]).await;
    metrics_in(&gateway, "as_calibrated").await;
    send(&gateway, &digits, &[&adversarial]).await;
    let metrics = metrics_in(&gateway, "under_attack").await;
    assert!(metrics.sum("portcullis_tail_p_value", &[("model", "digits")]) < 1e-4);
    assert!(metrics.sum("portcullis_drift_p_value", &[("model", "digits"), ("detector", "combined")]) > 1e-2);
    assert_eq!(told(&gateway, "look at the detections").await, 1);
    assert!(!gateway.log().concat().contains("the traffic has changed"));
}

#[tokio::test]
async fn nothing_but_one_picture_is_changed_traffic() {
    let Some(shared) = shared() else { return };
    let digits = Model::squeezed_digits(shared);
    let gateway = Gateway::start(&embedded(&[digits.guarded(SETTINGS)])).await;
    let batch = vec![digits.examples(&gateway).await.clean; 50];
    send(&gateway, &digits, &[&batch, &batch, &batch, &batch]).await;
    let metrics = metrics_in(&gateway, "drifted").await;
    assert!(metrics.sum("portcullis_calibration_drift", &[("model", "digits"), ("detector", "combined")]) > 0.4);
    assert_eq!(told(&gateway, "the traffic has changed").await, 1);
}
