//! How long a client waits, and that nobody works on for one that has gone.

use tonic::Code;

use crate::support::gateway::{embedded, in_front_of};
use crate::support::wire::MODEL_INFER;
use crate::support::{Answer, Call, Gateway, Model, Upstream, eventually, shared};

const MODEL_CONFIG: &str = "/inference.GRPCInferenceService/ModelConfig";

/// A gateway under `policy` in front of a scripted upstream, and a call of each kind: of a guarded model, and of a method
/// that is none of the gateway's business.
async fn scripted(policy: &str) -> Option<(Upstream, Gateway, [Call; 2])> {
    let digits = Model::digits(shared()?);
    let upstream = Upstream::start(|_| Answer::message(b"too late")).await;
    let guarded = digits.guarded(&format!("policy = \"{policy}\""));
    let gateway = Gateway::start(&in_front_of(upstream.address, &[guarded])).await;
    let infer = Call::infer(&digits.request(&digits.pictures().0[..1]));
    Some((upstream, gateway, [infer, Call::new(MODEL_CONFIG, b"")]))
}

#[tokio::test]
async fn the_upstream_is_told_how_much_of_the_time_is_left() {
    let Some((upstream, gateway, calls)) = scripted("monitor").await else { return };
    for call in calls {
        let path = call.path.clone();
        let told = async |timeout: &[&str]| {
            let call = timeout.iter().fold(call.clone(), |call, timeout| call.with("grpc-timeout", timeout));
            assert_eq!(gateway.call(call).await.code(), Code::Ok);
            let seen = upstream.seen(&path).pop().expect("the upstream is asked");
            seen.metadata.get("grpc-timeout").map(|timeout| timeout.to_str().expect("text").to_owned())
        };
        let left = told(&["90S"]).await.expect("a timeout");
        let microseconds: u32 = left.strip_suffix('u').expect("microseconds").parse().expect("a number");
        assert!((1..90_000_000).contains(&microseconds), "{left}");
        assert_eq!(told(&[]).await, None, "who waits for ever goes on doing so");
        assert_eq!(told(&["soon"]).await.as_deref(), Some("soon"), "what means nothing crosses as it is");
    }
}

#[tokio::test]
async fn when_the_time_is_up_the_client_is_told_and_the_upstream_let_off() {
    for policy in ["monitor", "block"] {
        let Some((upstream, gateway, calls)) = scripted(policy).await else { return };
        upstream.hold(true);
        for call in calls {
            let path = call.path.clone();
            let answer = gateway.call(call.with("grpc-timeout", "500m")).await;
            assert_eq!(answer.code(), Code::DeadlineExceeded, "{policy}, {path}");
            assert!(answer.body.is_empty() && answer.trailers.is_none(), "{policy}, {path}: a status and nothing else");
            eventually("the upstream's call is reset", async || (upstream.abandoned(&path) == 1).then_some(())).await;
        }
        let metrics = gateway.metrics_after(1).await;
        let labels = [("model", "digits"), ("decision", "undecided"), ("reason", "cancelled")];
        assert_eq!(metrics.sum("portcullis_decisions_total", &labels), 1.0, "{policy}");
        assert_eq!(metrics.sum("portcullis_decisions_total", &[]), 1.0, "{policy}");
        assert_eq!(metrics.sum("portcullis_requests_total", &[("grpc_code", "DEADLINE_EXCEEDED")]), 2.0, "{policy}");
    }
}

#[tokio::test]
async fn an_answer_that_has_begun_has_to_end_in_time_too() {
    for (policy, begins) in [("monitor", true), ("block", false)] {
        let Some((upstream, gateway, [infer, _])) = scripted(policy).await else { return };
        upstream.halt(true);
        let answer = gateway.call(infer.with("grpc-timeout", "500m")).await;
        assert_eq!(answer.code(), Code::DeadlineExceeded, "{policy}");
        assert_eq!(answer.body.is_empty(), !begins, "{policy}");
        let metrics = gateway.metrics_after(1).await;
        assert_eq!(metrics.sum("portcullis_decisions_total", &[]), 1.0, "{policy}");
        assert_eq!(metrics.sum("portcullis_requests_total", &[("grpc_code", "DEADLINE_EXCEEDED")]), 1.0, "{policy}");
    }
}

#[tokio::test]
async fn no_prediction_is_so_fast_that_a_deadline_does_not_hold() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    for policy in ["monitor", "annotate", "block", "restore"] {
        let gateway = Gateway::start(&embedded(&[digits.guarded(&format!("policy = \"{policy}\""))])).await;
        let call = Call::infer(&digits.request(&digits.pictures().0)).with("grpc-timeout", "1n");
        let answer = gateway.call(call).await;
        assert_eq!((answer.code(), answer.body.is_empty()), (Code::DeadlineExceeded, true), "{policy}");
        assert_eq!(gateway.metrics_after(1).await.sum("portcullis_decisions_total", &[]), 1.0, "{policy}");
    }
}

#[tokio::test]
async fn when_a_client_goes_away_the_upstreams_call_is_reset() {
    for policy in ["monitor", "block"] {
        let Some((upstream, gateway, calls)) = scripted(policy).await else { return };
        upstream.hold(true);
        for call in calls {
            let (path, connection) = (call.path.clone(), gateway.connect().await);
            let waiting = tokio::spawn(async move { connection.send(call).await });
            eventually("the upstream is asked", async || upstream.seen(&path).pop()).await;
            assert_eq!(upstream.abandoned(&path), 0);
            waiting.abort();
            eventually("the upstream's call is reset", async || (upstream.abandoned(&path) == 1).then_some(())).await;
        }
        upstream.hold(false);
        assert_eq!(gateway.call(Call::new(MODEL_INFER, b"")).await.code(), Code::Ok, "{policy}: the connection lives");
    }
}
