//! Inference over HTTP: inspected and enforced as over gRPC.

mod bypasses;
mod clients;
mod connections;
mod policies;
mod transparency;

use std::io::Write;
use std::net::SocketAddr;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Request, Response, StatusCode};
use portcullis::tensor::Picture;
use serde_json::{Value, json};

use crate::support::gateway::{embedded, in_front_of};
use crate::support::models::Examples;
use crate::support::wire::headers;
use crate::support::{Answer, Gateway, Model, Upstream, shared};

const INFER: &str = "/v2/models/digits/infer";
const LENGTH: &str = "inference-header-content-length";

/// The setting that has a gateway serve REST.
const LISTEN: &str = "[server]\nrest_listen = \"127.0.0.1:0\"\n";

/// The configuration of a gateway that serves its models itself, over REST too.
pub fn embedded_rest(models: &[String]) -> String {
    format!("{LISTEN}{}", embedded(models))
}

/// The configuration of a gateway in front of a server that speaks both.
pub fn in_front_of_rest(grpc: SocketAddr, rest: SocketAddr, models: &[String]) -> String {
    let both = in_front_of(grpc, models).replacen("grpc", &format!("rest = \"http://{rest}\"\ngrpc"), 1);
    format!("{LISTEN}{both}")
}

/// The digits under a policy, served by the gateway itself; nothing without ../shared.
async fn serving(settings: &str) -> Option<(Gateway, Examples)> {
    let digits = Model::digits(shared()?);
    let gateway = Gateway::start(&embedded_rest(&[digits.guarded(settings)])).await;
    let examples = digits.examples(&gateway).await;
    Some((gateway, examples))
}

/// The digits under a policy, in front of a server that answers over REST as `script` says.
async fn scripted(
    settings: &str,
    script: impl Fn(&Bytes) -> Answer + Send + Sync + 'static,
) -> Option<(Gateway, Upstream, Examples)> {
    let digits = Model::digits(shared()?);
    let upstream = Upstream::start(move |seen| script(&seen.body)).await;
    let configuration = in_front_of_rest(upstream.address, upstream.address, &[digits.guarded(settings)]);
    let gateway = Gateway::start(&configuration).await;
    let examples = digits.examples(&gateway).await;
    Some((gateway, upstream, examples))
}

/// An answer over REST with this document.
fn document(document: &Value) -> Answer {
    let body = Bytes::from(document.to_string());
    let length = body.len().to_string();
    let metadata = headers(&[("content-type", "application/json"), ("content-length", &length), ("x-theirs", "1")]);
    Answer { http: StatusCode::OK, metadata, body, trailers: None }
}

/// What the digits' classifier answers to one picture when these are its logits.
fn logits(logits: [f32; 10]) -> Value {
    let output = json!({ "name": "logits", "datatype": "FP32", "shape": [1, 10], "data": logits });
    json!({ "model_name": "digits", "model_version": "1", "outputs": [output] })
}

fn post(path: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post(path).header("content-type", "application/json").body(body.into()).expect("a request")
}

/// The input of these pictures, its contents left out.
fn input(pictures: &[&Picture]) -> Value {
    json!({ "name": "image", "datatype": "FP32", "shape": [pictures.len(), 1, 28, 28] })
}

fn pixels(pictures: &[&Picture]) -> Vec<f32> {
    pictures.iter().flat_map(|picture| picture.pixels()).copied().collect()
}

/// The request for these pictures, all in JSON.
fn in_json(pictures: &[&Picture]) -> Request<Bytes> {
    let mut input = input(pictures);
    input["data"] = json!(pixels(pictures));
    post(INFER, json!({ "inputs": [input] }).to_string())
}

/// The request for these pictures, their bytes behind the document.
fn in_binary(pictures: &[&Picture]) -> Request<Bytes> {
    let raw: Vec<u8> = pixels(pictures).iter().flat_map(|pixel| pixel.to_le_bytes()).collect();
    let mut input = input(pictures);
    input["parameters"] = json!({ "binary_data_size": raw.len() });
    behind(&json!({ "parameters": { "binary_data_output": true }, "inputs": [input] }), &raw)
}

/// A request of this document with bytes behind it.
fn behind(document: &Value, bytes: &[u8]) -> Request<Bytes> {
    let document = document.to_string();
    let mut request = post(INFER, [document.as_bytes(), bytes].concat());
    request.headers_mut().insert(LENGTH, document.len().into());
    request
}

/// The same request, compressed.
fn zipped(request: &Request<Bytes>) -> Request<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(request.body()).expect("in memory");
    let mut zipped = request.clone().map(|_| Bytes::from(encoder.finish().expect("in memory")));
    zipped.headers_mut().insert("content-encoding", "gzip".parse().expect("a value"));
    zipped
}

/// Every form of the request for these pictures.
fn forms(pictures: &[&Picture]) -> [Request<Bytes>; 4] {
    let (json, binary) = (in_json(pictures), in_binary(pictures));
    [zipped(&json), zipped(&binary), json, binary]
}

/// The JSON document of an answer.
fn read(answer: &Response<Bytes>) -> Value {
    let length = answer.headers().get(LENGTH).map(|length| length.to_str().expect("ASCII").parse().expect("a length"));
    let document = &answer.body()[..length.unwrap_or(answer.body().len())];
    serde_json::from_slice(document).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}
