//! From the first probe to the last answer.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tonic::Code;

use crate::support::gateway::{in_front_of, portcullis};
use crate::support::wire::MODEL_INFER;
use crate::support::{Answer, Call, Gateway, Model, Upstream, eventually, shared};

const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// Exit code of `portcullis healthcheck`, and what it said.
fn healthcheck(admin: SocketAddr) -> (Option<i32>, String) {
    let output = portcullis().args(["healthcheck", "--admin", &admin.to_string()]).output().expect("the binary runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("text"))
}

#[tokio::test]
async fn readiness_follows_the_upstream() {
    let Some(shared) = shared() else { return };
    let upstream = Upstream::start(|_| Answer::message(b"")).await;
    let gateway = Gateway::start(&in_front_of(upstream.address, &[Model::digits(shared).guarded("")])).await;
    assert_eq!(healthcheck(gateway.admin), (Some(0), "ready\n".into()));
    for ready in [false, true] {
        upstream.set_ready(ready);
        eventually("readiness changes", async || (gateway.is_ready().await == ready).then_some(())).await;
        let health = if ready { *b"\x08\x01" } else { *b"\x08\x02" };
        let published = async || (gateway.call(Call::new(HEALTH, b"")).await.bytes() == health[..]).then_some(());
        eventually("gRPC health changes", published).await;
        assert_eq!(gateway.metrics().await.sum("portcullis_upstream_ready", &[]), f64::from(u8::from(ready)));
        assert_eq!(gateway.get("/livez").await.0, 200, "it lives either way");
        assert_eq!(healthcheck(gateway.admin).0 == Some(0), ready);
    }
}

#[tokio::test]
async fn a_gateway_starts_before_its_upstream_does() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    // A port on which nobody listens.
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("an address");
    let gateway = Gateway::launch(&in_front_of(nobody, &[digits.guarded("policy = \"block\"")])).await;
    assert_eq!(gateway.get("/livez").await.0, 200);
    assert_eq!(gateway.get("/readyz").await, (503, "the upstream is not ready\n".into()));
    let (code, said) = healthcheck(gateway.admin);
    assert!(code == Some(1) && said.contains("the upstream is not ready"), "{said}");
    let answer = gateway.call(Call::infer(&digits.request(&digits.pictures().0[..1]))).await;
    assert_eq!(answer.code(), Code::Unavailable, "what the upstream's clients know to try again");
    assert_eq!(gateway.metrics_after(1).await.sum("portcullis_decisions_total", &[]), 1.0);
}

#[tokio::test]
async fn asked_to_end_it_answers_what_is_under_way_and_exits_with_0() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| Answer::message(b"the last answer")).await;
    let mut gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded("")])).await;
    upstream.hold(true);
    let under_way = tokio::spawn({
        let (connection, call) = (gateway.connect().await, Call::infer(&digits.request(&digits.pictures().0[..1])));
        async move { connection.send(call).await }
    });
    eventually("the upstream is asked", async || upstream.seen(MODEL_INFER).pop()).await;
    gateway.terminate();
    eventually("it drains", async || (gateway.get("/readyz").await == (503, "draining\n".into())).then_some(())).await;
    eventually("no clients are let in", async || TcpStream::connect(gateway.clients).await.err()).await;
    upstream.hold(false);
    assert_eq!(under_way.await.expect("answered").bytes(), b"the last answer"[..]);
    assert_eq!(gateway.end().await.code(), Some(0));
}

#[tokio::test]
async fn asked_to_end_it_waits_no_longer_than_its_grace() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| Answer::message(b"")).await;
    let configuration = in_front_of(upstream.address, &[digits.guarded("")]);
    let mut gateway = Gateway::start(&format!("[server]\ndrain_grace = \"100ms\"\n{configuration}")).await;
    upstream.hold(true);
    let connection = gateway.connect().await;
    let call = Call::infer(&digits.request(&digits.pictures().0[..1]));
    let _never_answered = connection.begin(call).await;
    eventually("the call is under way", async || {
        (gateway.metrics().await.sum("portcullis_inflight_requests", &[]) == 1.0).then_some(())
    })
    .await;
    gateway.terminate();
    assert_eq!(gateway.end().await.code(), Some(0));
}
