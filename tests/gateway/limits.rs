//! How large messages may be: up to one limit they pass, up to another they are examined.

use tonic::Code;

use crate::support::gateway::in_front_of;
use crate::support::models::digits_response;
use crate::support::wire::MODEL_INFER;
use crate::support::{Answer, Call, Gateway, Metrics, Model, Upstream, shared};

/// The digits in front of an upstream whose answers are padded to `padding` bytes. One digit is 3136 bytes.
async fn limited(server: &str, policy: &str, padding: usize) -> Option<(Model, Upstream, Gateway)> {
    let digits = Model::digits(shared()?);
    let upstream = Upstream::start(move |_| {
        Answer::of(&portcullis::proto::inference::ModelInferResponse {
            id: "x".repeat(padding),
            ..digits_response([0.0; 10])
        })
    })
    .await;
    let guarded = digits.guarded(&format!("policy = \"{policy}\""));
    let configuration = format!("[server]\n{server}\n{}", in_front_of(upstream.address, &[guarded]));
    let gateway = Gateway::start(&configuration).await;
    Some((digits, upstream, gateway))
}

fn too_large(metrics: &Metrics, action: &str) -> f64 {
    let labels = [("model", "other"), ("decision", "undecided"), ("reason", "too_large")];
    assert_eq!(metrics.sum("portcullis_actions_total", &[("model", "other"), ("action", action)]), 1.0);
    metrics.sum("portcullis_decisions_total", &labels)
}

#[tokio::test]
async fn a_message_that_is_larger_than_may_pass_is_refused_under_any_policy() {
    for policy in ["monitor", "annotate", "block", "restore"] {
        let Some((digits, upstream, gateway)) = limited("max_message_bytes = \"8KiB\"", policy, 0).await else {
            return;
        };
        let (benign, _) = digits.pictures();
        let answer = gateway.call(Call::infer(&digits.request(&benign[..3]))).await;
        assert_eq!(answer.code(), Code::ResourceExhausted, "{policy}");
        assert!(answer.error().contains("more than the 8192 allowed"), "{}", answer.error());
        assert!(upstream.seen(MODEL_INFER).is_empty(), "{policy}: the classifier is spared");
        assert_eq!(too_large(&gateway.metrics_after(1).await, "block"), 1.0, "{policy}");
        let answer = gateway.call(Call::infer(&digits.request(&benign[..2]))).await;
        assert_ne!(answer.code(), Code::ResourceExhausted, "{policy}");
    }
}

#[tokio::test]
async fn a_message_that_is_larger_than_may_be_examined_passes_undecided() {
    let Some((digits, _upstream, gateway)) = limited("max_inspected_bytes = \"8KiB\"", "monitor", 0).await else {
        return;
    };
    let (benign, _) = digits.pictures();
    assert_eq!(gateway.call(Call::infer(&digits.request(&benign[..3]))).await.code(), Code::Ok);
    assert_eq!(too_large(&gateway.metrics_after(1).await, "pass"), 1.0);
}

#[tokio::test]
async fn an_answer_that_is_larger_than_may_pass_is_withheld() {
    let Some((digits, _upstream, gateway)) = limited("max_message_bytes = \"8KiB\"", "block", 9000).await else {
        return;
    };
    let answer = gateway.call(Call::infer(&digits.request(&digits.pictures().0[..1]))).await;
    assert_eq!((answer.code(), answer.body.is_empty()), (Code::ResourceExhausted, true), "{}", answer.error());
}

#[tokio::test]
async fn the_limit_is_64_mib_unless_it_is_set_to_as_much_as_2_gib() {
    let large = Call::new(MODEL_INFER, &vec![0; (64 << 20) + 1]);
    for (settings, code) in
        [("", Code::ResourceExhausted), ("max_message_bytes = \"2GiB\"\nmax_inspected_bytes = \"1MiB\"", Code::Ok)]
    {
        let Some((_, _upstream, gateway)) = limited(settings, "monitor", 0).await else { return };
        assert_eq!(gateway.call(large.clone()).await.code(), code, "{settings}");
    }
}
