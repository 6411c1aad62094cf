//! HTTP/1.1 as bytes.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::wire::headers;

/// Sends a request over a connection of its own and waits for all of its answer.
pub async fn send(address: SocketAddr, request: Request<Bytes>) -> Response<Bytes> {
    let (mut parts, body) = request.into_parts();
    parts.headers.entry("host").or_insert_with(|| address.to_string().parse().expect("a host"));
    send_over(TcpStream::connect(address).await.expect("somebody listens"), Request::from_parts(parts, body)).await
}

/// As [`send`], over this stream; the request names its host.
pub async fn send_over(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Bytes>,
) -> Response<Bytes> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1");
    tokio::spawn(async { _ = connection.await });
    let response = sender.send_request(request.map(Full::new)).await.expect("an answer");
    let (parts, body) = response.into_parts();
    Response::from_parts(parts, body.collect().await.expect("a whole answer").to_bytes())
}

/// What the server answers: status and text.
pub async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    ask(address, "GET", path, &[]).await
}

/// As [`get`], by any method and with further headers.
pub async fn ask(address: SocketAddr, method: &str, path: &str, further: &[(&str, &str)]) -> (u16, String) {
    let host = address.to_string();
    let stream = TcpStream::connect(address).await.expect("somebody listens");
    let (status, _, text) = ask_over(stream, method, path, &[&[("host", host.as_str())], further].concat()).await;
    (status, text)
}

/// What the server at the other end of the stream answers: status, headers and text.
pub async fn ask_over(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    method: &str,
    path: &str,
    metadata: &[(&str, &str)],
) -> (u16, HeaderMap, String) {
    let mut request = Request::builder().method(method).uri(path).body(Bytes::new()).expect("a path");
    *request.headers_mut() = headers(metadata);
    let (parts, body) = send_over(stream, request).await.into_parts();
    (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).expect("text"))
}
