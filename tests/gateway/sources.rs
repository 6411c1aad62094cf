//! Predictions on squeezed copies come from the model's file or from its server, and lead to the same decisions.

use portcullis::proto::inference::ModelInferResponse;
use portcullis::tensor::Picture;

use crate::support::gateway::{embedded, in_front_of};
use crate::support::python::mlserver;
use crate::support::{Call, Gateway, Metrics, Model, shared};

const ANNOTATE: &str = "policy = \"annotate\"\ntime_budget = \"60s\"";

/// Some pictures of each kind, in one batch.
fn pictures(model: &Model) -> Vec<Picture> {
    let (benign, adversarial) = model.pictures();
    [&benign[..8], &adversarial[..8]].concat()
}

/// The decisions on single pictures, then on all of them in one request; and what was counted meanwhile.
async fn decisions(configuration: &str, model: &Model) -> (Vec<String>, Metrics) {
    let gateway = Gateway::start(configuration).await;
    let connection = gateway.connect().await;
    let pictures = pictures(model);
    let mut decisions = Vec::new();
    for batch in pictures.chunks(1).chain([&pictures[..]]) {
        let answer = connection.send(Call::infer(&model.request(batch))).await;
        answer.bytes();
        decisions.push(answer.metadata["portcullis-decision"].to_str().expect("ASCII").to_owned());
    }
    (decisions, gateway.metrics().await)
}

#[tokio::test]
async fn embedded_replica_and_upstream_lead_to_the_same_decisions() {
    let Some(shared) = shared() else { return };
    let (digits, server) = (Model::squeezed_digits(shared), mlserver(shared).await);
    let settings = |source: &str| digits.guarded(&format!("{ANNOTATE}\npredictions = \"{source}\""));
    let (expected, metrics) = decisions(&embedded(&[digits.guarded(ANNOTATE)]), &digits).await;
    assert!(expected.contains(&"suspicious".into()) && expected.contains(&"clean".into()), "{expected:?}");
    let copies =
        |metrics: &Metrics, source| metrics.sum("portcullis_squeezed_predictions_total", &[("source", source)]);
    // Two squeezers; sixteen pictures alone and once more together.
    assert_eq!(copies(&metrics, "replica"), 64.0);

    let (by_replica, metrics) = decisions(&in_front_of(server, &[settings("replica")]), &digits).await;
    assert_eq!(by_replica, expected);
    assert_eq!(copies(&metrics, "replica"), 64.0 + 32.0, "the originals too");
    assert_eq!(metrics.sum("portcullis_replica_disagreements_total", &[]), 0.0);

    let (by_upstream, metrics) = decisions(&in_front_of(server, &[settings("upstream")]), &digits).await;
    assert_eq!(by_upstream, expected);
    assert_eq!(copies(&metrics, "upstream"), 64.0);
}

#[tokio::test]
async fn a_model_whose_file_nobody_has_is_calibrated_and_guarded_through_its_server() {
    let Some(shared) = shared() else { return };
    let server = mlserver(shared).await;
    let digits = Model::digits_of(server, shared);
    let (decisions, _) = decisions(&in_front_of(server, &[digits.guarded(ANNOTATE)]), &digits).await;
    assert!(decisions.contains(&"suspicious".into()) && decisions.contains(&"clean".into()), "{decisions:?}");
    assert!(!decisions.contains(&"undecided".into()), "{decisions:?}");
}

#[tokio::test]
async fn a_model_that_takes_one_picture_a_request_serves_batches() {
    let Some(shared) = shared() else { return };
    let model = Model::one_at_a_time(shared);
    let gateway = Gateway::start(&embedded(&[model.guarded(ANNOTATE)])).await;
    let connection = gateway.connect().await;
    let ask = async |pictures: &[Picture]| -> ModelInferResponse {
        connection.send(Call::infer(&model.request(pictures))).await.decode()
    };
    let pictures = pictures(&model);
    let together = ask(&pictures).await;
    assert_eq!(together.outputs[0].shape, [16, 10]);
    let mut alone = Vec::new();
    for picture in pictures.chunks(1) {
        alone.extend_from_slice(&ask(picture).await.raw_output_contents[0]);
    }
    assert_eq!(together.raw_output_contents[0], alone);
    assert_eq!(gateway.metrics_after(17).await.decisions(model.name, "undecided"), 0.0);
}

#[tokio::test]
async fn copies_for_a_server_that_takes_one_picture_a_request_go_singly() {
    let Some(shared) = shared() else { return };
    let (model, server) = (Model::one_at_a_time(shared), mlserver(shared).await);
    let settings = format!("{ANNOTATE}\npredictions = \"upstream\"");
    let gateway = Gateway::start(&in_front_of(server, &[model.guarded(&settings)])).await;
    let connection = gateway.connect().await;
    for picture in pictures(&model).chunks(1) {
        connection.send(Call::infer(&model.request(picture))).await.bytes();
    }
    let metrics = gateway.metrics_after(16).await;
    assert_eq!(metrics.decisions(model.name, "undecided"), 0.0);
    assert_eq!(metrics.sum("portcullis_squeezed_predictions_total", &[("source", "upstream")]), 32.0);
}
