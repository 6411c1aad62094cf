//! From the first adversarial pictures to the evidence on an operator's desk, with everything real but the operator.

use std::time::Instant;

use portcullis::data::AdversarialSet;
use portcullis::tensor::Picture;

use crate::support::gateway::{embedded, portcullis};
use crate::support::{Call, Gateway, Model, Prometheus, eventually, shared};

const ALERT: &str = r#"ALERTS{alertname="PortcullisSuspiciousInputs",alertstate="firing",model="digits"}"#;
const EXAMINED: &str = "sum(portcullis_inputs_total)";
/// How often each picture is sent.
const TIMES: usize = 4;

/// Sends each picture so many times, and waits until Prometheus has seen that; the ids of those that are refused.
async fn send(gateway: &Gateway, digits: &Model, prometheus: &Prometheus, pictures: &[Picture]) -> Vec<String> {
    let before = prometheus.query(EXAMINED).await.iter().sum::<f64>();
    let mut refused = Vec::new();
    for picture in std::iter::repeat_n(pictures, TIMES).flatten() {
        let answer = gateway.call(Call::infer(&digits.request(std::slice::from_ref(picture)))).await;
        let id = answer.metadata.get("portcullis-id").map(|id| id.to_str().expect("text").to_owned());
        refused.extend(id);
    }
    let after = before + (TIMES * pictures.len()) as f64;
    eventually("the inputs are scraped", async || {
        (prometheus.query(EXAMINED).await.iter().sum::<f64>() >= after).then_some(())
    })
    .await;
    refused
}

#[tokio::test]
async fn an_attack_raises_the_alert_is_found_on_the_page_and_leaves_as_evidence() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let digits = Model::squeezed_digits(shared);
    let store = folder.path().join("kept");
    let model = digits.guarded("policy = \"block\"\ntime_budget = \"1m\"");
    let gateway = Gateway::start(&format!("[evidence]\nstore = {store:?}\n{}", embedded(&[model]))).await;
    let Some(prometheus) = Prometheus::start(gateway.admin).await else { return };
    let (benign, adversarial) = digits.pictures();
    eventually("zeros are scraped", async || (!prometheus.query(EXAMINED).await.is_empty()).then_some(())).await;
    send(&gateway, &digits, &prometheus, &benign).await;
    assert!(prometheus.query(ALERT).await.is_empty(), "benign inputs are no alert");

    let began = Instant::now();
    let refused = send(&gateway, &digits, &prometheus, &adversarial).await;
    eventually("the alert fires", async || (prometheus.query(ALERT).await == [1.0]).then_some(())).await;
    println!("{:?} after the first of them the alert fires", began.elapsed());

    let id = refused.last().expect("some are refused");
    let address = format!("/detections/{id}");
    let list = gateway.get("/?decision=suspicious").await;
    assert_eq!(list.0, 200);
    assert!(list.1.contains(&address), "the latest is on the page: {}", list.1);
    let (code, page) = gateway.get(&address).await;
    assert!(code == 200 && page.contains("Suspicious, blocked") && page.contains("feature_squeezing"), "{page}");

    let out = folder.path().join("captured.npz");
    let labels = [("sink", "evidence"), ("result", "delivered")];
    eventually("all are kept", async || {
        let metrics = gateway.metrics().await;
        (metrics.sum("portcullis_audit_events_total", &labels) >= refused.len() as f64).then_some(())
    })
    .await;
    let mut export = portcullis();
    export.args(["evidence", "export", "--out"]).arg(&out).arg("--config").arg(&gateway.configuration);
    let exported = export.output().expect("the binary runs");
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let set = AdversarialSet::open(&out).expect("an adversarial set");
    let captured = &set.result("captured").expect("it has a name").pictures;
    assert!(adversarial.iter().any(|picture| captured.contains(picture)), "what was sent is what leaves");
    println!("{:?} after the first of them the evidence is out", began.elapsed());
}
