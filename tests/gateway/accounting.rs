//! Every request is counted, exactly once, under labels that clients cannot multiply.

use std::collections::BTreeSet;

use bytes::Bytes;
use portcullis::proto::portcullis::v1::WatchDetectionsRequest;
use prost::Message;

use crate::support::gateway::{embedded, in_front_of};
use crate::support::wire::{MODEL_INFER, frame};
use crate::support::{Answer, Call, Gateway, Metrics, Model, Upstream, eventually, shared};

fn all_decisions(metrics: &Metrics) -> f64 {
    metrics.sum("portcullis_decisions_total", &[])
}

#[tokio::test]
async fn every_inference_request_ends_up_in_exactly_one_decision_counter() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    for policy in ["monitor", "annotate", "block", "restore"] {
        let gateway = Gateway::start(&embedded(&[digits.guarded(&format!("policy = \"{policy}\""))])).await;
        let examples = digits.examples(&gateway).await;
        let (clean, suspicious) = (digits.request(&[examples.clean]), digits.request(&[examples.suspicious]));
        let mut short = clean.clone();
        short.raw_input_contents[0] = Bytes::from_static(&[0; 7]);
        let mut elsewhere = clean.clone();
        elsewhere.model_name = "somebody".into();
        let calls = [
            (Call::infer(&clean), ["digits", "clean", ""]),
            (Call::infer(&suspicious), ["digits", "suspicious", ""]),
            (Call::infer(&short), ["digits", "undecided", "shape"]),
            (Call::infer(&elsewhere), ["other", "unguarded", ""]),
            (Call::new(MODEL_INFER, b"no protobuf"), ["other", "undecided", "malformed"]),
        ];
        let connection = gateway.connect().await;
        for (index, (call, [model, decision, reason])) in calls.into_iter().enumerate() {
            connection.send(call).await;
            let metrics = gateway.metrics_after(index + 1).await;
            assert_eq!(all_decisions(&metrics), (index + 1) as f64, "{policy}: {decision}");
            let labels = [("model", model), ("decision", decision), ("reason", reason)];
            assert_eq!(metrics.sum("portcullis_decisions_total", &labels), 1.0, "{policy}: {labels:?}");
        }
        let metrics = gateway.metrics().await;
        assert_eq!(metrics.sum("portcullis_requests_total", &[("method", "ModelInfer")]), 5.0);
        assert_eq!(metrics.sum("portcullis_actions_total", &[("model", "digits")]), 3.0);
    }
}

#[tokio::test]
async fn clients_that_go_away_are_counted_too() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| Answer::message(b"")).await;
    let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded("policy = \"block\"")])).await;
    let request = digits.request(&digits.pictures().0[..1]).encode_to_vec();
    upstream.hold(true);

    let waiting = tokio::spawn({
        let (connection, call) = (gateway.connect().await, Call::new(MODEL_INFER, &request));
        async move { connection.send(call).await }
    });
    eventually("the upstream is asked", async || upstream.seen(MODEL_INFER).pop()).await;
    waiting.abort();
    let labels = [("model", "digits"), ("decision", "undecided"), ("reason", "cancelled")];
    assert_eq!(gateway.metrics_after(1).await.sum("portcullis_decisions_total", &labels), 1.0);
    let cancelled = [("method", "ModelInfer"), ("grpc_code", "CANCELLED")];
    eventually("its call is counted", async || {
        (gateway.metrics().await.sum("portcullis_requests_total", &cancelled) == 1.0).then_some(())
    })
    .await;

    let connection = gateway.connect().await;
    let mut half = connection.begin(Call::new(MODEL_INFER, b"")).await;
    half.send(frame(&request).slice(..100)).await;
    eventually("the call is under way", async || {
        (gateway.metrics().await.sum("portcullis_inflight_requests", &[]) == 1.0).then_some(())
    })
    .await;
    half.abandon().await;
    let metrics = gateway.metrics_after(2).await;
    assert_eq!(all_decisions(&metrics), 2.0);
    eventually("nothing is held any more", async || {
        let metrics = gateway.metrics().await;
        let held = ["portcullis_inflight_requests", "portcullis_inflight_bytes"].map(|name| metrics.sum(name, &[]));
        (held == [0.0; 2]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_documented_metrics_are_there() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let gateway = Gateway::start(&embedded(&[digits.guarded("policy = \"block\"")])).await;
    let examples = digits.examples(&gateway).await;
    let mut inspector = gateway.inspector().await;
    let _watched = inspector.watch_detections(WatchDetectionsRequest::default()).await.expect("a stream");
    for picture in [examples.clean, examples.suspicious] {
        gateway.call(Call::infer(&digits.request(&[picture]))).await;
    }
    // The watcher is told beside the request.
    let told = [("sink", "watch"), ("result", "delivered")];
    let metrics = eventually("the watcher is told", async || {
        Some(gateway.metrics_after(2).await).filter(|metrics| metrics.sum("portcullis_audit_events_total", &told) > 0.0)
    })
    .await;
    let on_model = [("model", "digits")];
    let per_detector = [("model", "digits"), ("detector", "cntk.surprise")];
    let expected: [(&str, &[(&str, &str)]); 21] = [
        ("build_info", &[("version", env!("CARGO_PKG_VERSION"))]),
        ("requests_total", &[("model", "digits"), ("method", "ModelInfer"), ("grpc_code", "OK")]),
        ("requests_total", &[("model", "digits"), ("method", "ModelInfer"), ("grpc_code", "PERMISSION_DENIED")]),
        ("decisions_total", &[("model", "digits"), ("decision", "suspicious"), ("reason", "")]),
        ("actions_total", &[("model", "digits"), ("action", "block")]),
        ("request_duration_seconds_bucket", &[("model", "digits"), ("method", "ModelInfer"), ("le", "+Inf")]),
        ("upstream_duration_seconds_count", &on_model),
        ("overhead_seconds_count", &[("model", "digits"), ("policy", "block")]),
        ("stage_duration_seconds_count", &[("stage", "decode")]),
        ("stage_duration_seconds_count", &[("stage", "infer")]),
        ("stage_duration_seconds_count", &[("stage", "score")]),
        ("detector_score_count", &per_detector),
        ("detector_p_value_count", &per_detector),
        ("detector_threshold", &per_detector),
        ("squeezed_predictions_total", &[("model", "digits"), ("source", "replica")]),
        ("calibration_drift", &per_detector),
        ("drift_p_value", &per_detector),
        ("tail_p_value", &on_model),
        ("traffic", &[("model", "digits"), ("state", "unknown")]),
        ("audit_events_total", &told),
        ("upstream_ready", &[]),
    ];
    for (name, labels) in expected {
        let found = metrics.matching(&format!("portcullis_{name}"), labels).count();
        assert!(found > 0, "portcullis_{name} with {labels:?} is missing");
    }
    for gauge in ["inflight_requests", "inflight_bytes", "queue_depth"] {
        let gauge = format!("portcullis_{gauge}");
        assert_eq!(metrics.matching(&gauge, &[]).count(), 1, "{gauge}");
    }
}

#[tokio::test]
async fn clients_cannot_multiply_labels() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| Answer::message(b"")).await;
    let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded("")])).await;
    let connection = gateway.connect().await;
    let mut series = Vec::new();
    for index in 0..20 {
        let mut request = digits.request(&[]);
        request.model_name = format!("invented-{index}");
        connection.send(Call::infer(&request)).await;
        connection.send(Call::new(&format!("/invented.Service{index}/Method"), b"")).await;
        series.push(gateway.metrics_after(index + 1).await.0.len());
    }
    assert_eq!(series.first(), series.last());
    let metrics = gateway.metrics().await;
    let models: BTreeSet<&str> =
        metrics.0.iter().filter_map(|series| series.labels.get("model")).map(String::as_str).collect();
    assert_eq!(models, ["digits", "other"].into());
    assert_eq!(metrics.decisions("other", "unguarded"), 20.0);
    assert_eq!(metrics.sum("portcullis_requests_total", &[("method", "other")]), 20.0);
}
