//! The way out: who is still served, who is told, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use tokio::net::TcpStream;
use tokio_stream::StreamExt;
use tonic::Code;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::gateway::{embedded, in_front_of, portcullis};
use crate::support::wire::MODEL_INFER;
use crate::support::{Answer, Call, Gateway, Model, Upstream, eventually, shared};

const HEALTH: &str = "/grpc.health.v1.Health/Check";
const NOT_SERVING: &[u8] = b"\x08\x02";
/// Longer than any test's patience.
const FOREVER: &str = "10m";

/// The configuration with this delay and this grace.
fn draining(delay: &str, grace: &str, configuration: &str) -> String {
    format!("[server]\ndrain_delay = \"{delay}\"\ndrain_grace = \"{grace}\"\n{configuration}")
}

async fn is_draining(gateway: &Gateway) -> Option<()> {
    (gateway.get("/readyz").await == (503, "draining\n".into())).then_some(())
}

#[tokio::test]
async fn asked_to_end_it_answers_what_is_under_way_and_exits_with_0() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| Answer::message(b"the last answer")).await;
    let configuration = draining("1ms", FOREVER, &in_front_of(upstream.address, &[digits.guarded("")]));
    let mut gateway = Gateway::start(&configuration).await;
    upstream.hold(true);
    let connection = gateway.connect().await;
    let under_way = tokio::spawn({
        let (connection, call) = (connection.clone(), Call::infer(&digits.request(&digits.pictures().0[..1])));
        async move { connection.send(call).await }
    });
    eventually("the upstream is asked", async || upstream.seen(MODEL_INFER).pop()).await;
    gateway.signal("TERM");
    eventually("it drains", async || is_draining(&gateway).await).await;
    eventually("no clients are let in", async || TcpStream::connect(gateway.clients).await.err()).await;
    let is_closed = async || connection.is_closed_to(Call::new(HEALTH, b"")).await.then_some(());
    eventually("connections take no further calls", is_closed).await;
    upstream.hold(false);
    assert_eq!(under_way.await.expect("answered").bytes(), b"the last answer"[..]);
    assert_eq!(gateway.end().await.code(), Some(0));
}

#[tokio::test]
async fn asked_to_end_it_waits_no_longer_than_its_grace() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| Answer::message(b"")).await;
    let configuration = draining("0s", "100ms", &in_front_of(upstream.address, &[digits.guarded("")]));
    let mut gateway = Gateway::start(&configuration).await;
    upstream.hold(true);
    let connection = gateway.connect().await;
    let call = Call::infer(&digits.request(&digits.pictures().0[..1]));
    let _never_answered = connection.begin(call).await;
    eventually("the call is under way", async || {
        (gateway.metrics().await.sum("portcullis_inflight_requests", &[]) == 1.0).then_some(())
    })
    .await;
    gateway.signal("TERM");
    assert_eq!(gateway.end().await.code(), Some(0));
}

#[tokio::test]
async fn whoever_has_not_heard_of_it_is_served_during_the_delay_and_a_second_signal_ends_it() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let mut gateway = Gateway::start(&draining(FOREVER, FOREVER, &embedded(&[digits.guarded("")]))).await;
    gateway.signal("TERM");
    eventually("it drains", async || is_draining(&gateway).await).await;
    let not_serving = async || (gateway.call(Call::new(HEALTH, b"")).await.bytes() == NOT_SERVING).then_some(());
    eventually("gRPC health says so to new connections", not_serving).await;
    let answer = gateway.call(Call::infer(&digits.request(&digits.pictures().0[..1]))).await;
    assert_eq!(answer.code(), Code::Ok, "{}", answer.error());
    gateway.signal("TERM");
    assert_eq!(gateway.end().await.code(), Some(0));
}

#[tokio::test]
async fn whoever_watches_its_health_hears_of_the_end_and_does_not_put_it_off() {
    let Some(shared) = shared() else { return };
    let mut gateway =
        Gateway::start(&draining(FOREVER, FOREVER, &embedded(&[Model::digits(shared).guarded("")]))).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", gateway.clients)).expect("an URL");
    let mut health = HealthClient::new(endpoint.connect().await.expect("a connection"));
    let request = HealthCheckRequest { service: "inference.GRPCInferenceService".into() };
    let watched = health.watch(request).await.expect("a stream").into_inner();
    let mut watched = watched.map(|told| told.expect("no error").status());
    assert_eq!(watched.next().await, Some(ServingStatus::Serving));
    // A person at the terminal does not wait for the delay.
    gateway.signal("INT");
    assert_eq!(watched.next().await, Some(ServingStatus::NotServing));
    assert_eq!(watched.next().await, None);
    assert_eq!(gateway.end().await.code(), Some(0));
}

#[tokio::test]
async fn the_command_drains_a_gateway_and_waits_until_it_is_gone() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| Answer::message(b"the last answer")).await;
    let configuration = draining("1ms", FOREVER, &in_front_of(upstream.address, &[digits.guarded("")]));
    let mut gateway = Gateway::start(&configuration).await;
    upstream.hold(true);
    let under_way = tokio::spawn({
        let (connection, call) = (gateway.connect().await, Call::infer(&digits.request(&digits.pictures().0[..1])));
        async move { connection.send(call).await }
    });
    eventually("the upstream is asked", async || upstream.seen(MODEL_INFER).pop()).await;

    let impatient = portcullis().args(["drain", "--timeout", "200ms", "--admin", &gateway.admin_url()]).output();
    let impatient = impatient.expect("the binary runs");
    let said = String::from_utf8_lossy(&impatient.stderr).into_owned();
    assert!(impatient.status.code() == Some(1) && said.contains("calls are still under way after 200ms"), "{said}");
    eventually("it drains", async || is_draining(&gateway).await).await;

    // Told again, by the address that the configuration has for the admin port.
    let mut again = portcullis()
        .args(["drain", "--set", &format!("admin.listen={}", gateway.admin), "--config"])
        .arg(&gateway.configuration)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut said = BufReader::new(again.stdout.take().expect("a pipe"));
    let mut line = String::new();
    said.read_line(&mut line).expect("a line");
    assert_eq!(line, "draining\n");
    upstream.hold(false);
    assert_eq!(under_way.await.expect("answered").bytes(), b"the last answer"[..]);
    assert_eq!(gateway.end().await.code(), Some(0));
    said.read_to_string(&mut line).expect("text");
    assert_eq!((again.wait().expect("it ends").code(), line.as_str()), (Some(0), "draining\ndrained\n"));

    let too_late =
        portcullis().args(["drain", "--admin", &gateway.admin.to_string()]).output().expect("the binary runs");
    let said = String::from_utf8_lossy(&too_late.stderr).into_owned();
    assert!(too_late.status.code() == Some(1) && said.contains("no gateway answers on"), "{said}");
}

#[tokio::test]
async fn no_page_in_a_browser_can_drain_a_gateway() {
    let Some(shared) = shared() else { return };
    let gateway = Gateway::start(&embedded(&[Model::digits(shared).guarded("")])).await;
    assert_eq!(gateway.post("/drain", &[("origin", "http://elsewhere.example")]).await.0, 403);
    assert_eq!(gateway.get("/drain").await.0, 405);
    assert!(gateway.is_ready().await);
}
