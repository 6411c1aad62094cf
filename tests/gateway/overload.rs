//! More than there is room for: memory stays bounded, what cannot be examined is undecided, and others are served.

use std::time::Duration;

use portcullis::proto::inference::ModelInferRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;

use crate::support::gateway::{embedded, in_front_of};
use crate::support::models::digits_response;
use crate::support::wire::Exchange;
use crate::support::{Answer, Call, Connection, Gateway, Model, Upstream, eventually, shared};

const METADATA: &str = "/inference.GRPCInferenceService/ModelMetadata";
/// Limits small enough to be reached.
const SMALL: &str = "[server]\nmax_message_bytes = \"512KiB\"\nmax_inflight_bytes = \"2MiB\"\n";

/// An answer that names a class with certainty.
fn certain() -> Answer {
    let mut logits = [0.0; 10];
    logits[3] = 20.0;
    Answer::of(&digits_response(logits))
}

/// A request that is large without need: a parameter that nobody reads makes it so.
fn padded(request: &ModelInferRequest, bytes: usize) -> ModelInferRequest {
    ModelInferRequest { id: "x".repeat(bytes), ..request.clone() }
}

/// Calls whose bodies stop just before their ends, holding `bytes` each.
async fn half_sent(connection: &Connection, request: &ModelInferRequest, calls: usize, bytes: usize) -> Vec<Exchange> {
    let mut begun = Vec::new();
    for _ in 0..calls {
        let call = Call::infer(&padded(request, bytes));
        let mut exchange = connection.begin(call.clone()).await;
        exchange.send(call.body.slice(..call.body.len() - 1)).await;
        begun.push(exchange);
    }
    begun
}

async fn held(gateway: &Gateway) -> f64 {
    gateway.metrics().await.sum("portcullis_inflight_bytes", &[])
}

#[tokio::test]
async fn without_room_a_request_is_undecided_and_on_undecided_rules() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| certain()).await;
    for (on_undecided, code, action) in [("pass", Code::Ok, "pass"), ("block", Code::PermissionDenied, "block")] {
        let settings = format!("policy = \"block\"\non_undecided = \"{on_undecided}\"");
        let gateway =
            Gateway::start(&format!("{SMALL}{}", in_front_of(upstream.address, &[digits.guarded(&settings)]))).await;
        let clean = digits.request(&[digits.examples(&gateway).await.clean]);
        let slow = gateway.connect().await;
        // Five of them leave too little for one more.
        let begun = half_sent(&slow, &clean, 5, 400_000).await;
        eventually("the room is taken", async || (held(&gateway).await > 1_990_000.0).then_some(())).await;
        let answer = gateway.call(Call::infer(&padded(&clean, 400_000))).await;
        assert_eq!(answer.code(), code, "{}", answer.error());
        assert_eq!(answer.body.is_empty(), code != Code::Ok);
        let metrics = gateway.metrics_after(1).await;
        let overload = [("decision", "undecided"), ("reason", "overload")];
        assert_eq!(metrics.sum("portcullis_decisions_total", &overload), 1.0);
        assert_eq!(metrics.sum("portcullis_actions_total", &[("action", action)]), 1.0);
        for exchange in begun {
            exchange.abandon().await;
        }
        eventually("the room is given back", async || (held(&gateway).await == 0.0).then_some(())).await;
        assert_eq!(gateway.call(Call::infer(&clean)).await.code(), Code::Ok, "there is room again");
        let decided = gateway.metrics_after(7).await;
        assert_eq!(decided.decisions("digits", "clean"), 1.0);
    }
}

#[tokio::test]
async fn who_is_refused_for_want_of_room_does_not_wait_for_the_upstream() {
    let Some(shared) = shared() else { return };
    let digits = Model::squeezed_digits(shared);
    let upstream = Upstream::start(|_| certain()).await;
    // The upstream predicts the squeezed copies too, for which the first examination waits.
    let settings = "policy = \"block\"\non_undecided = \"block\"\npredictions = \"upstream\"\ntime_budget = \"1h\"";
    let configuration = in_front_of(upstream.address, &[digits.guarded(settings)]);
    let gateway = Gateway::start(&format!("[server]\nmax_inflight_examinations = 1\n{configuration}")).await;
    let call = Call::infer(&digits.request(&digits.pictures().0[..1]));
    upstream.hold(true);
    let connection = gateway.connect().await;
    let mut waiting = connection.begin(call.clone()).await;
    waiting.send(call.body.clone()).await;
    waiting.close();
    // Before the copies are sent, it is asked how many pictures it takes at a time.
    eventually("the examination waits", async || upstream.seen(METADATA).pop()).await;
    let answer = gateway.call(call).await;
    assert_eq!(answer.code(), Code::PermissionDenied, "{}", answer.error());
    assert!(answer.error().contains("overload"), "{}", answer.error());
    assert!(!waiting.is_answered());
}

#[tokio::test]
async fn an_answer_that_there_is_no_room_to_hold_passes_if_the_input_is_clean_and_does_not_if_it_is_not() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let mut long = digits_response([0.0; 10]);
    long.id = "y".repeat(450_000);
    let expected = Answer::of(&long);
    let upstream = Upstream::start({
        let answer = expected.clone();
        move |_| answer.clone()
    })
    .await;
    let configuration = in_front_of(upstream.address, &[digits.guarded("policy = \"block\"")]);
    let gateway = Gateway::start(&format!("{SMALL}{configuration}")).await;
    let examples = digits.examples(&gateway).await;
    let (clean, suspicious) = (digits.request(&[examples.clean]), digits.request(&[examples.suspicious]));
    let slow = gateway.connect().await;
    let _begun = half_sent(&slow, &clean, 4, 450_000).await;
    eventually("the room is taken", async || (held(&gateway).await > 1_790_000.0).then_some(())).await;
    let answer = gateway.call(Call::infer(&clean)).await;
    assert_eq!((answer.code(), answer.body == expected.body), (Code::Ok, true), "{}", answer.error());
    let answer = gateway.call(Call::infer(&suspicious)).await;
    assert_eq!((answer.code(), answer.body.len()), (Code::PermissionDenied, 0), "{}", answer.error());
}

#[tokio::test]
async fn a_request_that_would_fill_the_room_by_itself_is_no_way_past() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let settings = "policy = \"block\"\non_undecided = \"pass\"";
    let gateway = Gateway::start(&format!("{SMALL}{}", embedded(&[digits.guarded(settings)]))).await;
    let suspicious = digits.examples(&gateway).await.suspicious;
    // Under the largest message, and with what it is decoded to over half of the room.
    let batch = digits.request(&vec![suspicious; 100]);
    let answer = gateway.call(Call::infer(&batch)).await;
    assert_eq!(answer.code(), Code::InvalidArgument, "{}", answer.error());
}

#[tokio::test]
async fn the_embedded_upstream_takes_no_more_than_there_is_room_for() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let gateway = Gateway::start(&format!("{SMALL}{}", embedded(&[digits.guarded("policy = \"monitor\"")]))).await;
    let clean = digits.request(&[digits.examples(&gateway).await.clean]);
    let slow = gateway.connect().await;
    let mut begun = half_sent(&slow, &clean, 8, 400_000).await;
    let refused = eventually("one of them is refused", async || {
        begun.retain(|exchange| !exchange.is_answered());
        (begun.len() < 8).then_some(())
    });
    refused.await;
    assert!(held(&gateway).await <= f64::from(2 << 20));
    drop(begun);
    eventually("the room is given back", async || (held(&gateway).await == 0.0).then_some(())).await;
    assert_eq!(gateway.call(Call::infer(&clean)).await.code(), Code::Ok);
}

#[tokio::test]
async fn calls_beyond_as_many_as_may_be_are_refused_and_counted() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| certain()).await;
    let configuration = in_front_of(upstream.address, &[digits.guarded("policy = \"monitor\"")]);
    let gateway = Gateway::start(&format!("[server]\nmax_inflight_requests = 2\n{configuration}")).await;
    let clean = digits.request(&[digits.examples(&gateway).await.clean]);
    let connection = gateway.connect().await;
    let begun = half_sent(&connection, &clean, 2, 0).await;
    let under_way = async || gateway.metrics().await.sum("portcullis_inflight_requests", &[]);
    eventually("two calls are under way", async || (under_way().await == 2.0).then_some(())).await;
    let answer = gateway.call(Call::infer(&clean)).await;
    assert_eq!(answer.code(), Code::ResourceExhausted, "{}", answer.error());
    for exchange in begun {
        exchange.abandon().await;
    }
    eventually("they are gone", async || (under_way().await == 0.0).then_some(())).await;
    assert_eq!(gateway.call(Call::infer(&clean)).await.code(), Code::Ok);
    let metrics = gateway.metrics_after(4).await;
    assert_eq!(metrics.sum("portcullis_decisions_total", &[("reason", "overload")]), 1.0);
    assert_eq!(metrics.sum("portcullis_decisions_total", &[]), 4.0);
}

#[tokio::test]
async fn connections_beyond_as_many_as_may_be_are_closed_and_the_others_served() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let configuration = embedded(&[digits.guarded("policy = \"monitor\"")]);
    let gateway = Gateway::start(&format!("[server]\nmax_connections = 2\n{configuration}")).await;
    let clean = digits.request(&[digits.examples(&gateway).await.clean]);
    let first = gateway.connect().await;
    assert_eq!(first.send(Call::infer(&clean)).await.code(), Code::Ok);
    let idle = TcpStream::connect(gateway.clients).await.expect("a connection");
    let open = async || gateway.metrics().await.sum("portcullis_connections", &[]);
    eventually("two are connected", async || (open().await == 2.0).then_some(())).await;
    let mut third = TcpStream::connect(gateway.clients).await.expect("a connection");
    // Closed: the end, or a reset.
    assert!(!third.read(&mut [0]).await.is_ok_and(|read| read > 0));
    assert_eq!(gateway.metrics().await.sum("portcullis_connections_refused_total", &[]), 1.0);
    assert_eq!(first.send(Call::infer(&clean)).await.code(), Code::Ok);
    drop(idle);
    eventually("one has gone", async || (open().await == 1.0).then_some(())).await;
    assert_eq!(gateway.call(Call::infer(&clean)).await.code(), Code::Ok);
}

/// Resident memory of a process, in bytes.
fn resident(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}

#[tokio::test]
async fn a_thousand_idle_connections_and_clients_that_send_a_byte_now_and_then_keep_nobody_waiting() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let gateway = Gateway::start(&embedded(&[digits.guarded("policy = \"block\"")])).await;
    let clean = digits.request(&[digits.examples(&gateway).await.clean]);
    assert_eq!(gateway.call(Call::infer(&clean)).await.code(), Code::Ok);
    let before = resident(gateway.process_id());
    let mut idle = Vec::new();
    for _ in 0..1000 {
        idle.push(Connection::open(gateway.clients).await);
    }
    let mut silent = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(gateway.clients).await.expect("a connection");
        stream.write_all(b"PRI").await.expect("it listens");
        silent.push(stream);
    }
    let call = Call::infer(&clean);
    let mut trickling = Vec::new();
    for connection in &idle[..100] {
        let mut exchange = connection.begin(call.clone()).await;
        for at in 0..3 {
            exchange.send(call.body.slice(at..=at)).await;
        }
        trickling.push(exchange);
    }
    assert_eq!(gateway.call(Call::infer(&clean)).await.code(), Code::Ok);
    let metrics = gateway.metrics().await;
    assert!(metrics.sum("portcullis_connections", &[]) >= 1100.0);
    let grown = resident(gateway.process_id()).saturating_sub(before);
    assert!(grown < 256 << 20, "{grown} bytes for a thousand connections that do nothing");
}

#[tokio::test]
async fn answers_that_nobody_takes_keep_no_others_from_arriving() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let mut long = digits_response([0.0; 10]);
    long.id = "y".repeat(450_000);
    let expected = Answer::of(&long);
    let upstream = Upstream::start(move |_| expected.clone()).await;
    let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded("policy = \"monitor\"")])).await;
    let clean = Call::infer(&digits.request(&[digits.examples(&gateway).await.clean]));
    // More than any window that the upstream would have for all of them together.
    let stuck = Connection::with_window(gateway.clients, 0).await;
    let mut exchanges = Vec::new();
    for _ in 0..128 {
        let mut exchange = stuck.begin(clean.clone()).await;
        exchange.send(clean.body.clone()).await;
        exchange.close();
        assert_eq!(exchange.answered().await.status(), 200);
        exchanges.push(exchange);
    }
    let answer = tokio::time::timeout(Duration::from_secs(60), gateway.call(clean.clone())).await;
    assert_eq!(answer.expect("others are served").code(), Code::Ok);
}
