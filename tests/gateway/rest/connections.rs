//! HTTP as real clients speak it: kept alive, in chunks, with an expectation, over HTTP/2; and as hostile ones do.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{INFER, LISTEN, document, in_binary, in_front_of_rest, in_json, logits, serving};
use crate::support::{Answer, Authority, Gateway, Model, Upstream, http1, shared, tls};

/// Reads until this text has come.
async fn hear(stream: &mut TcpStream, text: &str) -> String {
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(text) {
        let read = stream.read_buf(&mut heard).await.expect("readable");
        assert!(read > 0, "it ended with {}", String::from_utf8_lossy(&heard));
    }
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test]
async fn a_connection_is_kept_alive_and_bodies_come_in_chunks_after_an_expectation() {
    let Some((gateway, examples)) = serving("policy = \"block\"").await else { return };
    let address = gateway.rest.expect("REST is served");
    let mut stream = TcpStream::connect(address).await.expect("somebody listens");
    let body = in_json(&[&examples.clean]).into_body();
    for _ in 0..2 {
        let head =
            format!("POST {INFER} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("writable");
        hear(&mut stream, "HTTP/1.1 100 Continue\r\n\r\n").await;
        for chunk in body.chunks(1000) {
            stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await.expect("writable");
            stream.write_all(chunk).await.expect("writable");
            stream.write_all(b"\r\n").await.expect("writable");
        }
        stream.write_all(b"0\r\n\r\n").await.expect("writable");
        let answer = hear(&mut stream, "}]}").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\"logits\""), "{answer}");
    }
    assert_eq!(gateway.metrics_after(2).await.decisions("digits", "clean"), 2.0);
}

#[tokio::test]
async fn rest_is_served_over_http_2_too() {
    let Some((gateway, examples)) = serving("policy = \"block\"").await else { return };
    let address = gateway.rest.expect("REST is served");
    let stream = TcpStream::connect(address).await.expect("somebody listens");
    let io = TokioIo::new(stream);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.expect("HTTP/2");
    tokio::spawn(async { _ = connection.await });
    for (picture, status) in [(&examples.clean, 200), (&examples.suspicious, 403)] {
        let mut request = in_binary(&[picture]).map(Full::new);
        *request.uri_mut() = format!("http://{address}{INFER}").parse().expect("an URL");
        let answer = sender.send_request(request).await.expect("an answer");
        assert_eq!(answer.status(), status);
        answer.into_body().collect().await.expect("a whole answer");
    }
}

#[tokio::test]
async fn rest_is_spoken_under_tls_on_both_sides() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let (ours, folder) = (Authority::new("ours"), tempfile::tempdir().expect("a temporary folder"));
    std::fs::write(folder.path().join("ca.pem"), &ours.pem).expect("writable");
    ours.issue("localhost").write(folder.path(), "own");
    let mut tls = ours.server(&ours.issue("localhost"));
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let upstream = Upstream::behind(tls, |_| document(&logits([0.0; 10]))).await;
    let url = format!("https://localhost:{}", upstream.address.port());
    let identity = "certificate = \"own.pem\"\nkey = \"own.key\"\n";
    let configuration = format!(
        "{LISTEN}[server.tls]\n{identity}[upstream]\ngrpc = \"{url}\"\nrest = \"{url}\"\n[upstream.tls]\n\
         ca = \"ca.pem\"\n{identity}{}",
        digits.guarded("policy = \"block\"")
    );
    let path = folder.path().join("portcullis.toml");
    std::fs::write(&path, configuration).expect("writable");
    let gateway = Gateway::of_file(&path, &[]).await.ready().await;
    let (address, client) = (gateway.rest.expect("REST is served"), ours.client(None));
    let examples = digits.examples(&gateway).await;
    for (picture, status) in [(&examples.clean, 200), (&examples.suspicious, 403)] {
        let stream = tls::connect_as(address, "localhost", &client, b"http/1.1").await.expect("a handshake");
        let mut request = in_json(&[picture]);
        request.headers_mut().insert("host", HeaderValue::from_static("localhost"));
        let answer = http1::send_over(stream, request).await;
        assert_eq!(answer.status(), status, "{answer:?}");
    }
    assert_eq!(upstream.seen(INFER).len(), 2);
}

#[tokio::test]
async fn a_client_that_sends_slowly_or_goes_away_holds_nobody_else() {
    let Some((gateway, examples)) = serving("policy = \"block\"\n").await else { return };
    let address = gateway.rest.expect("REST is served");
    let body = in_json(&[&examples.clean]).into_body();
    let mut slow = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(address).await.expect("somebody listens");
        let head = format!("POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.expect("writable");
        stream.write_all(&body[..100]).await.expect("writable");
        slow.push(stream);
    }
    assert_eq!(gateway.rest(in_json(&[&examples.clean])).await.status(), 200, "the others' bodies are not whole yet");
    drop(slow);
    let metrics = gateway.metrics_after(301).await;
    assert_eq!(metrics.decisions("digits", "clean"), 1.0);
    assert_eq!(metrics.decisions("other", "undecided"), 300.0, "who breaks off is counted too");
}

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_is_told_as_http_has_it() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| Answer::message(b"")).await;
    // A port on which nobody listens.
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("an address");
    let guarded = digits.guarded("policy = \"block\"");
    let gateway = Gateway::start(&in_front_of_rest(upstream.address, nobody, &[guarded])).await;
    let answer = gateway.rest(in_json(&[&digits.pictures().0[0]])).await;
    assert_eq!(answer.status(), 503, "{answer:?}");
    let answer = gateway.rest(Request::get("/v2/health/ready").body(Bytes::new()).expect("a request")).await;
    assert_eq!(answer.status(), 503, "{answer:?}");
    assert_eq!(gateway.metrics_after(1).await.sum("portcullis_decisions_total", &[]), 1.0);
}

/// A server that answers a request as soon as its head has come, without a look at the rest.
async fn hasty_upstream(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                hear(&mut stream, "\r\n\r\n").await;
                stream.write_all(answer.as_bytes()).await.expect("writable");
                // Whatever else comes is taken and forgotten.
                let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn an_answer_that_comes_before_the_request_is_whole_waits_for_its_examination() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| Answer::message(b"")).await;
    let hasty = hasty_upstream("HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\nthe prediction").await;
    let guarded = digits.guarded("policy = \"block\"");
    let gateway = Gateway::start(&in_front_of_rest(upstream.address, hasty, &[guarded])).await;
    let suspicious = digits.pictures().1.swap_remove(0);
    let answer = gateway.rest(in_json(&[&suspicious; 40])).await;
    assert_ne!(answer.status(), 200, "{answer:?}");
    assert_eq!(gateway.metrics_after(1).await.sum("portcullis_decisions_total", &[]), 1.0);
}
