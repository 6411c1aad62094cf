//! Readiness: from the first probe on.

use std::net::SocketAddr;

use tonic::Code;

use crate::support::gateway::{in_front_of, portcullis};
use crate::support::upstream::nobody_on;
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
    let nobody = nobody_on(SocketAddr::from(([127, 0, 0, 1], 0)));
    let address = nobody.local_addr().expect("an address");
    let gateway = Gateway::launch(&in_front_of(address, &[digits.guarded("policy = \"block\"")])).await;
    assert_eq!(gateway.get("/livez").await.0, 200);
    assert_eq!(gateway.get("/readyz").await, (503, "the upstream is not ready\n".into()));
    let (code, said) = healthcheck(gateway.admin);
    assert!(code == Some(1) && said.contains("the upstream is not ready"), "{said}");
    let answer = gateway.call(Call::infer(&digits.request(&digits.pictures().0[..1]))).await;
    assert_eq!(answer.code(), Code::Unavailable, "what the upstream's clients know to try again");
    assert_eq!(gateway.metrics_after(1).await.sum("portcullis_decisions_total", &[]), 1.0);
}
