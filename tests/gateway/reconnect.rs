//! An upstream that goes away and comes back.

use std::net::SocketAddr;

use futures_util::future::join_all;
use tonic::Code;

use crate::support::gateway::in_front_of;
use crate::support::upstream::nobody_on;
use crate::support::{Answer, Call, Gateway, Model, Upstream, eventually, shared};

/// Anything that the upstream answers.
const METHOD: &str = "/inference.GRPCInferenceService/ServerMetadata";

#[tokio::test]
async fn an_upstream_that_was_away_is_used_again_without_a_restart() {
    let Some(shared) = shared() else { return };
    let upstream = Upstream::start(|_| Answer::message(b"before")).await;
    let gateway = Gateway::start(&in_front_of(upstream.address, &[Model::digits(shared).guarded("")])).await;
    let connection = gateway.connect().await;
    assert_eq!(connection.send(Call::new(METHOD, b"")).await.bytes(), b"before"[..]);
    let port = upstream.kill().await;
    assert_eq!(connection.send(Call::new(METHOD, b"")).await.code(), Code::Unavailable);
    eventually("it is not ready", async || (!gateway.is_ready().await).then_some(())).await;
    let _upstream = Upstream::start_on(port.listen(128).expect("its port"), |_| Answer::message(b"after"));
    let gateway = gateway.ready().await;
    assert_eq!(connection.send(Call::new(METHOD, b"")).await.bytes(), b"after"[..], "over the same connection");
    let dialled = |result| async move {
        gateway.metrics().await.sum("portcullis_upstream_connections_total", &[("result", result)])
    };
    assert_eq!(dialled("made").await, 2.0);
}

#[tokio::test]
async fn a_storm_of_calls_dials_an_upstream_that_is_away_a_few_times() {
    const CALLS: usize = 1000;
    let Some(shared) = shared() else { return };
    let nobody = nobody_on(SocketAddr::from(([127, 0, 0, 1], 0)));
    let address = nobody.local_addr().expect("an address");
    let gateway = Gateway::launch(&in_front_of(address, &[Model::digits(shared).guarded("")])).await;
    let connection = gateway.connect().await;
    let answers = join_all((0..CALLS).map(|_| connection.send(Call::new(METHOD, b"")))).await;
    for answer in &answers {
        assert_eq!(answer.code(), Code::Unavailable);
        assert!(answer.error().contains("Connection refused"), "the cause is told: {}", answer.error());
    }
    let failed = gateway.metrics().await.sum("portcullis_upstream_connections_total", &[("result", "failed")]);
    assert!((1.0..CALLS as f64 / 10.0).contains(&failed), "{failed} connections were tried");
}
