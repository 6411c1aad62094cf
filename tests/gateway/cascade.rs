//! In a cascade, later detectors look only where the first ones leave the outcome open.

use portcullis::proto::portcullis::v1::{Decision, Verdict};
use portcullis::tensor::Picture;

use crate::support::gateway::{embedded, in_front_of};
use crate::support::python::mlserver;
use crate::support::{Call, Gateway, Model, shared};

/// Predictions of an examination: the original and the student's, then two squeezed copies.
const FIRST: usize = 2;
const ALL: usize = 4;

fn asked(verdict: &Verdict) -> usize {
    verdict.predictions.len()
}

#[tokio::test]
async fn most_benign_pictures_are_seen_by_the_first_detector_alone_and_nothing_is_refused_by_it_alone() {
    let Some(shared) = shared() else { return };
    let digits = Model::cascaded_digits(shared);
    let gateway = Gateway::start(&embedded(&[digits.guarded("time_budget = \"60s\"")])).await;
    let (benign, adversarial) = digits.pictures();
    let benign = gateway.inspect(&digits.request(&benign)).await;
    let adversarial = gateway.inspect(&digits.request(&adversarial)).await;
    for verdict in benign.iter().chain(&adversarial) {
        assert!([FIRST, ALL].contains(&asked(verdict)), "{verdict:?}");
        assert_eq!(verdict.evidence.len(), if asked(verdict) == ALL { 2 } else { 1 }, "{verdict:?}");
        assert!(verdict.decision() == Decision::Clean || asked(verdict) == ALL, "{verdict:?}");
    }
    let open = |verdicts: &[Verdict]| verdicts.iter().filter(|verdict| asked(verdict) == ALL).count();
    assert!(open(&benign) < benign.len() / 2, "{} of {}", open(&benign), benign.len());
    assert!(open(&adversarial) > adversarial.len() / 2, "{} of {}", open(&adversarial), adversarial.len());
    let asked: usize = benign.iter().chain(&adversarial).map(asked).sum();
    assert_eq!(gateway.metrics().await.sum("portcullis_squeezed_predictions_total", &[]), asked as f64);
}

#[tokio::test]
async fn a_cascade_decides_alike_wherever_predictions_come_from_and_in_any_batch() {
    let Some(shared) = shared() else { return };
    let (digits, server) = (Model::cascaded_digits(shared), mlserver(shared).await);
    let settings = |source: &str| {
        digits.guarded(&format!("policy = \"annotate\"\ntime_budget = \"60s\"\npredictions = \"{source}\""))
    };
    let (benign, adversarial) = digits.pictures();
    let pictures: Vec<Picture> = [&benign[..12], &adversarial[..4]].concat();
    let mut told = Vec::new();
    for configuration in [
        embedded(&[settings("replica")]),
        in_front_of(server, &[settings("replica")]),
        in_front_of(server, &[settings("upstream")]),
    ] {
        let gateway = Gateway::start(&configuration).await;
        let connection = gateway.connect().await;
        let mut decisions = Vec::new();
        for batch in pictures.chunks(1).chain([&pictures[..]]) {
            let answer = connection.send(Call::infer(&digits.request(batch))).await;
            decisions.push(answer.metadata["portcullis-decision"].to_str().expect("ASCII").to_owned());
        }
        let scores: Vec<f64> = gateway.inspect(&digits.request(&pictures)).await.iter().map(|one| one.score).collect();
        told.push((decisions, scores));
    }
    let (decisions, scores) = &told[0];
    assert!(decisions.contains(&"suspicious".into()) && decisions.contains(&"clean".into()), "{decisions:?}");
    for (others, other_scores) in &told[1..] {
        assert_eq!(others, decisions);
        assert!(scores.iter().zip(other_scores).all(|(a, b)| (a - b).abs() < 1e-2), "{scores:?} {other_scores:?}");
    }
}
