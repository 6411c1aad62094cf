//! Under `block` nothing that a client can do to its own request gets a suspicious input its prediction.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis::proto::inference::infer_parameter::ParameterChoice;
use portcullis::proto::inference::model_infer_request::InferRequestedOutputTensor;
use portcullis::proto::inference::{InferParameter, ModelInferRequest, ModelStreamInferResponse};
use portcullis::tensor::Picture;
use prost::Message;
use tokio::net::TcpListener;
use tokio_stream::StreamExt;
use tonic::Code;

use crate::support::gateway::{embedded, in_front_of};
use crate::support::models::{Examples, digits_request, digits_response};
use crate::support::wire::{Body, frame, headers};
use crate::support::{Answer, Call, Gateway, Model, Upstream, shared};

const BLOCK: &str = "policy = \"block\"\non_undecided = \"pass\"";

/// A gateway under `block` that serves the digits itself, a benign picture and one that it refuses.
async fn blocking(settings: &str) -> Option<(Gateway, Picture, Picture)> {
    let digits = Model::digits(shared()?);
    let gateway = Gateway::start(&format!("{settings}\n{}", embedded(&[digits.guarded(BLOCK)]))).await;
    let (benign, refused) = told_apart(&gateway, &digits).await;
    Some((gateway, benign, refused))
}

/// The first benign picture that passes, and the first adversarial one that is refused.
async fn told_apart(gateway: &Gateway, digits: &Model) -> (Picture, Picture) {
    let (benign, adversarial) = digits.pictures();
    (first(gateway, benign, Code::Ok).await, first(gateway, adversarial, Code::PermissionDenied).await)
}

async fn first(gateway: &Gateway, pictures: Vec<Picture>, wanted: Code) -> Picture {
    for picture in pictures {
        if gateway.call(Call::infer(&digits_request(&[&picture]))).await.code() == wanted {
            return picture;
        }
    }
    panic!("no picture is answered with {wanted:?}");
}

/// An answer that names a class with certainty, as the guarded classifier would.
fn certain(class: usize) -> Answer {
    let mut logits = [0.0; 10];
    logits[class] = 20.0;
    Answer::of(&digits_response(logits))
}

/// A server that answers as soon as it is called, waiting neither for the request's end nor for its beginning;
/// with `halting` its answers never end.
async fn hasty_upstream(halting: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let answer = move |request: http::Request<hyper::body::Incoming>| async move {
        let ready = request.uri().path().ends_with("ServerReady");
        let Answer { body, metadata, .. } = if ready { Answer::message(&[8, 1]) } else { certain(3) };
        let trailers = std::future::ready(Some(Ok(headers(&[("grpc-status", "0")]))));
        let body: Body = if halting && !ready {
            let beginning = tokio_stream::once(Ok::<_, Infallible>(Frame::data(body.slice(..body.len() / 2))));
            StreamBody::new(beginning.chain(tokio_stream::pending())).boxed_unsync()
        } else {
            Full::new(body).with_trailers(trailers).boxed_unsync()
        };
        // The request's body is not read to its end, but not dropped either, until the answer has gone.
        tokio::spawn(async move { request.into_body().collect().await });
        let mut response = Response::new(body);
        *response.headers_mut() = metadata;
        Ok::<_, Infallible>(response)
    };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service_fn(answer));
            tokio::spawn(async { _ = connection.await });
        }
    });
    address
}

#[tokio::test]
async fn a_call_whose_client_never_ends_its_half_is_examined_all_the_same() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let gateway = Gateway::start(&in_front_of(hasty_upstream(false).await, &[digits.guarded(BLOCK)])).await;
    let (_, refused) = told_apart(&gateway, &digits).await;
    let call = Call::infer(&digits_request(&[&refused]));
    let mut exchange = gateway.connect().await.begin(call.clone()).await;
    exchange.send(call.body).await;
    let answer = exchange.answered().await;
    assert_eq!(answer.headers()["grpc-status"], (Code::PermissionDenied as i32).to_string().as_str());
}

#[tokio::test]
async fn a_second_message_behind_the_examined_one_is_refused() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| certain(3)).await;
    let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded(BLOCK)])).await;
    let (benign, refused) = told_apart(&gateway, &digits).await;
    let mut call = Call::infer(&digits_request(&[&benign]));
    call.body = [call.body, frame(&digits_request(&[&refused]).encode_to_vec())].concat().into();
    assert_eq!(gateway.call(call).await.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn an_input_that_cannot_be_read_is_refused() {
    let Some((gateway, benign, refused)) = blocking("").await else { return };
    let good = digits_request(&[&refused]);
    let spoilt = |spoil: &dyn Fn(&mut ModelInferRequest)| {
        let mut request = good.clone();
        spoil(&mut request);
        request
    };
    let mut bright = refused.pixels().to_vec();
    bright[0] = 1.01;
    let bright = Picture::new(1, 28, 28, bright).expect("a picture");
    let shared_memory = InferParameter { parameter_choice: Some(ParameterChoice::StringParam("region".into())) };
    let requests = [
        ("one pixel out of range", digits_request(&[&bright])),
        ("one pixel out of range beside a benign picture", digits_request(&[&benign, &bright])),
        ("no batch dimension", spoilt(&|request| request.inputs[0].shape = vec![1, 28, 28])),
        ("another name", spoilt(&|request| request.inputs[0].name = "other".into())),
        (
            "twice",
            spoilt(&|request| {
                let (input, raw) = (request.inputs[0].clone(), request.raw_input_contents[0].clone());
                request.inputs.push(input);
                request.raw_input_contents.push(raw);
            }),
        ),
        (
            "in shared memory",
            spoilt(&|request| {
                request.raw_input_contents.clear();
                request.inputs[0].parameters.insert("shared_memory_region".into(), shared_memory.clone());
            }),
        ),
    ];
    for (what, request) in requests {
        let answer = gateway.call(Call::infer(&request)).await;
        assert_eq!(answer.code(), Code::InvalidArgument, "{what}: {}", answer.error());
    }
}

#[tokio::test]
async fn a_client_cannot_ask_for_an_answer_that_hides_the_prediction() {
    let Some((gateway, _, refused)) = blocking("").await else { return };
    let output = |parameters: &[&str]| InferRequestedOutputTensor {
        name: "logits".into(),
        parameters: parameters
            .iter()
            .map(|key| ((*key).to_owned(), InferParameter { parameter_choice: Some(ParameterChoice::Int64Param(1)) }))
            .collect(),
    };
    for outputs in [vec![output(&["classification"])], vec![output(&[]), output(&["classification"])]] {
        let request = ModelInferRequest { outputs, ..digits_request(&[&refused]) };
        assert_eq!(gateway.call(Call::infer(&request)).await.code(), Code::PermissionDenied);
    }
}

#[tokio::test]
async fn a_broken_neighbour_in_the_batch_hides_nothing() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let blocking = Gateway::start(&embedded(&[digits.guarded(BLOCK)])).await;
    let (benign, refused) = told_apart(&blocking, &digits).await;
    let broken = |value: f32| {
        let mut pixels = benign.pixels().to_vec();
        pixels[100] = value;
        Picture::new(1, 28, 28, pixels).expect("a picture")
    };
    let batch = digits_request(&[&broken(f32::NAN), &refused, &broken(7.0)]);
    let answer = blocking.call(Call::infer(&batch)).await;
    assert_eq!(answer.code(), Code::PermissionDenied, "{}", answer.error());
    let monitoring = Gateway::start(&embedded(&[digits.guarded("policy = \"monitor\"")])).await;
    monitoring.call(Call::infer(&batch)).await;
    assert_eq!(monitoring.metrics_after(1).await.decisions("digits", "suspicious"), 1.0);
}

#[tokio::test]
async fn a_batch_larger_than_the_queue_hides_nothing() {
    let Some((gateway, benign, refused)) = blocking("[workers]\nqueue = 20").await else { return };
    let mut batch = vec![&benign; 200];
    batch.push(&refused);
    let answer = gateway.call(Call::infer(&digits_request(&batch))).await;
    assert_eq!(answer.code(), Code::PermissionDenied, "{}", answer.error());
    batch.pop();
    assert_eq!(gateway.call(Call::infer(&digits_request(&batch))).await.code(), Code::Ok);
}

#[tokio::test]
async fn a_stream_is_no_way_past() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::streaming("triton", |_| vec![Bytes::from_static(&[0x12, 0])]).await;
    let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded(BLOCK)])).await;
    let Examples { clean, suspicious } = digits.examples(&gateway).await;
    let (good, bad) = (digits_request(&[&clean]), digits_request(&[&suspicious]));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &bad.encode_to_vec()).expect("writable");
    let mut packed = frame(&encoder.finish().expect("compressed")).to_vec();
    packed[0] = 1;
    let mut swarm = digits_request(&[]);
    swarm.inputs = vec![Default::default(); 1 << 16];
    let behind = Call::stream(&[good.clone(), bad, digits_request(&[&clean, &suspicious]), swarm]);
    let call = Call { body: [&behind.body[..], &packed].concat().into(), ..behind }.with("grpc-encoding", "gzip");
    let answer = gateway.call(call).await;
    let is_error = |answer: &Bytes| {
        let answer = ModelStreamInferResponse::decode(answer.clone()).expect("an answer or an error");
        !answer.error_message.is_empty()
    };
    assert_eq!(answer.messages().iter().map(is_error).collect::<Vec<_>>(), [false, true, true, true, true]);
    assert_eq!(upstream.streamed(), [good.encode_to_vec()]);
}

#[tokio::test]
async fn compression_hides_nothing() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| certain(3)).await;
    let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded(BLOCK)])).await;
    let (_, refused) = told_apart(&gateway, &digits).await;
    let message = digits_request(&[&refused]).encode_to_vec();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &message).expect("writable");
    let packed = |encoding: &str, bytes: &[u8]| {
        let mut body = frame(bytes).to_vec();
        body[0] = 1;
        Call { body: body.into(), ..Call::infer(&ModelInferRequest::default()) }.with("grpc-encoding", encoding)
    };
    let gzip = encoder.finish().expect("compressed");
    assert_eq!(gateway.call(packed("gzip", &gzip)).await.code(), Code::PermissionDenied);
    assert_eq!(gateway.call(packed("zstd", &gzip)).await.code(), Code::InvalidArgument);
    assert_eq!(gateway.call(packed("gzip", &gzip[..40])).await.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn size_hides_nothing() {
    let Some((gateway, _, refused)) = blocking("[server]\nmax_inspected_bytes = \"16KiB\"").await else { return };
    let mut padded = digits_request(&[&refused]).encode_to_vec();
    // An unknown field of 20 kB behind the request.
    padded.extend_from_slice(&[0xfa, 0x3f, 0xa0, 0x9c, 0x01]);
    padded.extend(std::iter::repeat_n(0, 20_000));
    assert_eq!(gateway.call(Call::new(crate::support::wire::MODEL_INFER, &padded)).await.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_message_that_would_swell_when_decoded_is_refused() {
    let Some((gateway, benign, _)) = blocking("").await else { return };
    let swarm = Bytes::from([0x2a, 0].repeat(1 << 20));
    let answer = gateway.call(Call::new(crate::support::wire::MODEL_INFER, &swarm)).await;
    assert_eq!(answer.code(), Code::InvalidArgument, "{}", answer.error());
    assert_eq!(gateway.call(Call::infer(&digits_request(&[&benign]))).await.code(), Code::Ok);
}

#[tokio::test]
async fn who_reads_the_answer_slowly_keeps_nobody_from_being_examined() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let configuration = in_front_of(hasty_upstream(true).await, &[digits.guarded("policy = \"monitor\"")]);
    let gateway = Gateway::start(&format!("[server]\nmax_inflight_examinations = 1\n{configuration}")).await;
    let (benign, _) = digits.pictures();
    let connection = gateway.connect().await;
    let mut calls = Vec::new();
    for done in 1..=3 {
        let call = Call::infer(&digits_request(&[&benign[0]]));
        let mut exchange = connection.begin(call.clone()).await;
        exchange.send(call.body).await;
        exchange.close();
        // The answer has begun, and will never end.
        assert_eq!(exchange.answered().await.status(), 200);
        calls.push(exchange);
        let examined = async || {
            let ended = ("portcullis_stage_duration_seconds_count", [("stage", "infer")]);
            (gateway.metrics().await.sum(ended.0, &ended.1) >= f64::from(done)).then_some(())
        };
        crate::support::eventually("the picture is examined", examined).await;
    }
    drop(calls);
    assert_eq!(gateway.metrics_after(3).await.sum("portcullis_decisions_total", &[("reason", "overload")]), 0.0);
}
