//! A batch is decided item by item, and an item's decision does not depend on its company.

use portcullis::proto::portcullis::v1::{Decision, WatchDetectionsRequest};
use portcullis::tensor::Picture;
use tokio::task::JoinSet;

use crate::support::gateway::embedded;
use crate::support::{Call, Connection, Gateway, Model, shared};

const ANNOTATE: &str = "policy = \"annotate\"";

/// The decision on one request, as its client is told.
async fn decision(connection: &Connection, digits: &Model, pictures: &[Picture]) -> String {
    let answer = connection.send(Call::infer(&digits.request(pictures))).await;
    answer.bytes();
    answer.metadata["portcullis-decision"].to_str().expect("ASCII").to_owned()
}

#[tokio::test]
async fn the_worst_item_decides_the_request() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let gateway = Gateway::start(&embedded(&[digits.guarded(ANNOTATE)])).await;
    let examples = digits.examples(&gateway).await;
    let connection = gateway.connect().await;
    let batch = |suspicious: &[bool]| -> Vec<Picture> {
        let picture = |&suspicious| if suspicious { &examples.suspicious } else { &examples.clean };
        suspicious.iter().map(picture).cloned().collect()
    };
    assert_eq!(decision(&connection, &digits, &batch(&[false; 5])).await, "clean");
    assert_eq!(decision(&connection, &digits, &batch(&[true])).await, "suspicious");
    for place in 0..5 {
        let mut items = [false; 5];
        items[place] = true;
        assert_eq!(decision(&connection, &digits, &batch(&items)).await, "suspicious", "item {place}");
    }
}

#[tokio::test]
async fn every_item_of_a_batch_has_a_verdict_of_its_own() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let gateway = Gateway::start(&embedded(&[digits.guarded("policy = \"block\"")])).await;
    let examples = digits.examples(&gateway).await;
    let mut inspector = gateway.inspector().await;
    let mut detections = inspector.watch_detections(WatchDetectionsRequest::default()).await.expect("a stream");
    let batch = [examples.clean.clone(), examples.suspicious, examples.clean];
    let answer = gateway.call(Call::infer(&digits.request(&batch))).await;
    let detection = detections.get_mut().message().await.expect("no error").expect("a detection");
    assert_eq!(answer.metadata["portcullis-id"], detection.id);
    let decisions: Vec<Decision> = detection.items.iter().map(|item| item.decision()).collect();
    assert_eq!(decisions, [Decision::Clean, Decision::Suspicious, Decision::Clean]);
}

#[tokio::test]
async fn the_same_input_gets_the_same_decision_alone_in_a_batch_and_among_sixteen_at_once() {
    assert_same_decisions("").await;
}

#[tokio::test]
async fn and_so_it_does_where_predictions_for_several_requests_are_made_together() {
    assert_same_decisions("[workers]\nbatch = 4\n").await;
}

async fn assert_same_decisions(workers: &str) {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let guarded = digits.guarded(&format!("{ANNOTATE}\ntime_budget = \"60s\""));
    let gateway = Gateway::start(&format!("{workers}{}", embedded(&[guarded]))).await;
    let (benign, adversarial) = digits.pictures();
    let pictures: Vec<Picture> = benign.into_iter().zip(adversarial).flat_map(|pair| [pair.0, pair.1]).collect();
    let connection = gateway.connect().await;
    let mut alone = Vec::new();
    for picture in &pictures {
        alone.push(decision(&connection, &digits, std::slice::from_ref(picture)).await);
    }
    assert!(alone.iter().any(|decision| decision == "clean") && alone.iter().any(|decision| decision == "suspicious"));

    let verdicts = gateway.inspect(&digits.request(&pictures)).await;
    let in_a_batch: Vec<String> =
        verdicts.iter().map(|verdict| verdict.decision().as_str_name()["DECISION_".len()..].to_lowercase()).collect();
    assert_eq!(in_a_batch, alone);

    let mut lanes = JoinSet::new();
    for lane in 0..16 {
        let (connection, digits, pictures) = (connection.clone(), Model::digits(shared), pictures.clone());
        lanes.spawn(async move {
            let mut decisions = Vec::new();
            // Each lane begins elsewhere, so that different pictures are under way together.
            for offset in 0..pictures.len() / 4 {
                let index = (lane * 5 + offset) % pictures.len();
                decisions.push((index, decision(&connection, &digits, &pictures[index..=index]).await));
            }
            decisions
        });
    }
    for (index, together) in lanes.join_all().await.concat() {
        assert_eq!(together, alone[index], "picture {index}");
    }
}
