//! Under `monitor` nobody can tell the gateway from the classifier: everything crosses byte for byte.

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use prost::Message;
use tonic::Code;

use crate::support::gateway::in_front_of;
use crate::support::models::digits_response;
use crate::support::upstream::ECHO;
use crate::support::wire::{MODEL_INFER, frame, headers};
use crate::support::{Answer, Call, Connection, Gateway, Model, Upstream, shared};

/// A field that no version of the protocol knows: number 1023, three bytes long.
const UNKNOWN_FIELD: [u8; 6] = [0xfa, 0x3f, 3, 1, 2, 3];

/// An answer with all that gRPC allows around its message.
fn decorated_answer() -> Answer {
    let response = digits_response([0.0; 10]);
    let mut answer = Answer::message(&[&response.encode_to_vec()[..], &UNKNOWN_FIELD].concat());
    answer.metadata.extend(headers(&[("x-leading", "one"), ("x-leading", "two"), ("x-leading-bin", "AAEC/w")]));
    answer.trailers = Some(headers(&[
        ("grpc-status", "0"),
        ("x-trailing", "one"),
        ("x-trailing", "two"),
        ("x-trailing-bin", "/wIBAA"),
    ]));
    answer
}

/// Metadata that clients send, some of it twice, some of it binary.
fn decorated(call: Call) -> Call {
    [
        ("authorization", "Bearer token"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("user-agent", "a test/1.0"),
        ("x-twice", "one"),
        ("x-twice", "two"),
        ("x-key-bin", "AAEC/w"),
    ]
    .into_iter()
    .fold(call, |call, (key, value)| call.with(key, value))
}

/// Sends a call without and with the gateway, checks that neither client nor upstream could tell, and gives the answer.
async fn crosses(upstream: &Upstream, gateway: &Gateway, call: Call) -> Answer {
    let without = Connection::open(upstream.address).await.send(call.clone()).await;
    let with = gateway.call(call.clone()).await;
    assert_eq!(with, without);
    let seen = upstream.seen(&call.path);
    let [.., directly, through] = &seen[..] else { panic!("the upstream saw both calls") };
    assert_eq!(through, directly);
    with
}

async fn monitored(upstream: &Upstream, digits: &Model) -> Gateway {
    Gateway::start(&in_front_of(upstream.address, &[digits.guarded("policy = \"monitor\"")])).await
}

#[tokio::test]
async fn messages_and_metadata_cross_byte_for_byte() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| decorated_answer()).await;
    let gateway = monitored(&upstream, &digits).await;
    let (benign, _) = digits.pictures();
    let request = digits.request(&benign[..1]).encode_to_vec();
    let with_unknown_field = [&request[..], &UNKNOWN_FIELD].concat();
    crosses(&upstream, &gateway, decorated(Call::new(MODEL_INFER, &with_unknown_field))).await;
    let nobodys = digits.request(&benign[..1]).encode_to_vec();
    let nobodys = [&nobodys[..], b"\x0a\x08somebody"].concat();
    crosses(&upstream, &gateway, decorated(Call::new(MODEL_INFER, &nobodys))).await;
    crosses(&upstream, &gateway, decorated(Call::new(MODEL_INFER, b"no protobuf at all"))).await;
    let metrics = gateway.metrics_after(3).await;
    assert_eq!(metrics.decisions("digits", "undecided"), 0.0);
    assert_eq!(metrics.decisions("other", "unguarded"), 1.0);
}

#[tokio::test]
async fn errors_cross_with_all_their_details() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|seen| match seen.metadata.get("x-wanted").map(|wanted| wanted.as_bytes()) {
        Some(b"trailers-only") => {
            let mut answer = Answer::status(Code::NotFound, "no%20such%20model");
            answer.metadata.extend(headers(&[("grpc-status-details-bin", "CAUSA2Zvbw"), ("x-why", "because")]));
            answer
        }
        Some(b"after-a-message") => {
            let details = [("grpc-status", "8"), ("grpc-message", "too%20much"), ("grpc-status-details-bin", "CAg")];
            Answer { trailers: Some(headers(&details)), ..decorated_answer() }
        }
        _ => Answer {
            http: StatusCode::BAD_GATEWAY,
            metadata: headers(&[("content-type", "text/html")]),
            body: Bytes::from_static(b"<h1>not gRPC</h1>"),
            trailers: None,
        },
    })
    .await;
    let gateway = monitored(&upstream, &digits).await;
    let (benign, _) = digits.pictures();
    for wanted in ["trailers-only", "after-a-message", "no-grpc"] {
        let call = Call::infer(&digits.request(&benign[..1])).with("x-wanted", wanted);
        crosses(&upstream, &gateway, call).await;
    }
    assert_eq!(gateway.metrics_after(3).await.sum("portcullis_decisions_total", &[]), 3.0);
}

#[tokio::test]
async fn methods_that_the_gateway_does_not_know_cross_whole() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|seen| {
        let mut answer = decorated_answer();
        answer.body = seen.body.clone();
        answer
    })
    .await;
    let gateway = monitored(&upstream, &digits).await;
    let large: Vec<u8> = (0..20 << 20).map(|index: u32| index.to_le_bytes()[1]).collect();
    for message in [&b""[..], b"anything", &large] {
        crosses(&upstream, &gateway, decorated(Call::new("/inference.GRPCInferenceService/ModelConfig", message)))
            .await;
        crosses(&upstream, &gateway, decorated(Call::new("/somebody.elses.Service/Method", message))).await;
    }
    let metrics = gateway.metrics().await;
    assert_eq!(metrics.sum("portcullis_decisions_total", &[]), 0.0);
}

#[tokio::test]
async fn streams_flow_in_both_directions_at_once() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| decorated_answer()).await;
    let gateway = monitored(&upstream, &digits).await;
    let connection = gateway.connect().await;
    let mut call = connection.begin(Call::new(&format!("{ECHO}Stream"), b"")).await;
    call.send(frame(b"the first")).await;
    let mut response = call.answered().await;
    assert_eq!(response.headers()["x-begin"], "of the echo");
    for (said, next) in [("the first", "the second"), ("the second", "the third")] {
        let heard = response.frame().await.expect("a piece").expect("no error");
        assert_eq!(heard.into_data().expect("data"), frame(said.as_bytes()));
        call.send(frame(next.as_bytes())).await;
    }
    call.close();
    let rest = response.into_body().collect().await.expect("the rest");
    assert_eq!(rest.trailers().expect("trailers")["x-end"], "of the echo");
    assert_eq!(rest.to_bytes(), frame(b"the third"));
}
