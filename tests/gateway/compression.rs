//! Messages that are compressed cross as they are, and are examined all the same.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use portcullis::proto::inference::ModelInferResponse;
use prost::Message;
use tonic::Code;

use crate::support::gateway::{embedded, in_front_of};
use crate::support::models::digits_response;
use crate::support::wire::{MODEL_INFER, STREAM, frame};
use crate::support::{Answer, Call, Connection, Gateway, Model, Upstream, shared};

const ENCODINGS: [&str; 4] = ["identity", "gzip", "deflate", "zstd"];

/// The message as a frame, compressed as `encoding` names.
fn packed(encoding: &str, message: &[u8]) -> Bytes {
    let in_memory = "writing to memory";
    let compressed = match encoding {
        "identity" => return frame(message),
        "gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(message).expect(in_memory);
            encoder.finish().expect(in_memory)
        }
        "deflate" => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(message).expect(in_memory);
            encoder.finish().expect(in_memory)
        }
        _ => zstd::encode_all(message, 0).expect(in_memory),
    };
    let mut frame = frame(&compressed).to_vec();
    frame[0] = 1;
    frame.into()
}

/// An upstream that answers in the encoding in which it was asked.
async fn upstream() -> Upstream {
    Upstream::start(|seen| {
        let encoding = &seen.metadata["grpc-encoding"];
        let mut answer = Answer::of(&digits_response([0.0; 10]));
        answer.body = packed(encoding.to_str().expect("text"), &answer.body[5..]);
        answer.metadata.insert("grpc-encoding", encoding.clone());
        answer
    })
    .await
}

fn infer(encoding: &str, message: &[u8]) -> Call {
    Call { body: packed(encoding, message), ..Call::new(MODEL_INFER, b"") }.with("grpc-encoding", encoding)
}

#[tokio::test]
async fn compressed_messages_cross_as_they_are_and_are_examined() {
    let Some(shared) = shared() else { return };
    let (digits, upstream) = (Model::digits(shared), upstream().await);
    let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded("policy = \"monitor\"")])).await;
    let request = digits.request(&digits.pictures().0[..1]).encode_to_vec();
    for encoding in ENCODINGS {
        let call = infer(encoding, &request);
        let without = Connection::open(upstream.address).await.send(call.clone()).await;
        assert_eq!(gateway.call(call).await, without, "{encoding}");
        let [.., directly, through] = &upstream.seen(MODEL_INFER)[..] else { panic!("the upstream saw both") };
        assert_eq!(through, directly, "{encoding}");
    }
    let metrics = gateway.metrics_after(ENCODINGS.len()).await;
    assert_eq!(metrics.decisions("digits", "undecided"), 0.0);
    assert_eq!(metrics.sum("portcullis_decisions_total", &[("model", "digits")]), ENCODINGS.len() as f64);
}

#[tokio::test]
async fn compressed_answers_carry_the_decision_and_compressed_requests_are_refused() {
    let Some(shared) = shared() else { return };
    let (digits, upstream) = (Model::digits(shared), upstream().await);
    let start = async |policy: &str| {
        let guarded = digits.guarded(&format!("policy = \"{policy}\""));
        Gateway::start(&in_front_of(upstream.address, &[guarded])).await
    };
    let (annotating, blocking) = (start("annotate").await, start("block").await);
    let examples = digits.examples(&annotating).await;
    let suspicious = digits.request(&[examples.suspicious]).encode_to_vec();
    for encoding in ENCODINGS {
        let annotated = annotating.call(infer(encoding, &suspicious)).await;
        let response: ModelInferResponse = annotated.decode();
        assert!(response.parameters.contains_key("portcullis_decision"), "{encoding}");
        let answer = blocking.call(infer(encoding, &suspicious)).await;
        assert_eq!((answer.code(), answer.body.is_empty()), (Code::PermissionDenied, true), "{encoding}");
    }
}

#[tokio::test]
async fn what_cannot_be_decompressed_is_refused_where_it_would_be_a_way_past() {
    let Some(shared) = shared() else { return };
    let (digits, upstream) = (Model::digits(shared), Upstream::start(|_| Answer::message(b"")).await);
    let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded("policy = \"block\"")])).await;
    let request = digits.request(&digits.pictures().0[..1]).encode_to_vec();
    let bomb = vec![0; (64 << 20) + 1];
    for (encoding, reason) in [("gzip", "too_large"), ("zstd", "too_large"), ("snappy", "compression")] {
        let message = if encoding == "snappy" { &request } else { &bomb };
        let answer = gateway.call(infer(encoding, message)).await;
        assert_eq!(answer.code(), Code::InvalidArgument, "{encoding}");
        assert!(answer.error().contains(&format!("({reason})")), "{encoding}: {}", answer.error());
    }
}

#[tokio::test]
async fn a_compressed_message_that_would_swell_when_decoded_is_refused_by_embedded_models() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let gateway = Gateway::start(&embedded(&[digits.guarded("policy = \"monitor\"")])).await;
    // A million inputs in a few thousand bytes.
    let swarm = [0x2a, 0].repeat(1 << 20);
    for path in [MODEL_INFER, STREAM] {
        for encoding in ["identity", "gzip"] {
            let answer = gateway.call(Call { path: path.to_owned(), ..infer(encoding, &swarm) }).await;
            assert_eq!(answer.code(), Code::OutOfRange, "{path}, {encoding}: {}", answer.error());
        }
    }
}
