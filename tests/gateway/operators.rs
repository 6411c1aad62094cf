//! What operators see: probes, versions, metrics, verdicts.

use crate::support::gateway::embedded;
use crate::support::models::digits_request;
use crate::support::{Call, Gateway, Model, shared};

#[tokio::test]
async fn a_request_is_answered_and_counted() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let gateway = Gateway::start(&embedded(&[digits.guarded("")])).await;
    let (benign, _) = digits.pictures();
    let answer = gateway.call(Call::infer(&digits_request(&[&benign[0]]))).await;
    assert!(!answer.bytes().is_empty());
    assert_eq!(gateway.metrics_after(1).await.sum("portcullis_decisions_total", &[("model", "digits")]), 1.0);
}
