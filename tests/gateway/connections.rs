//! What happens to a connection is no call's concern.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;

use crate::support::gateway::in_front_of;
use crate::support::{Answer, Call, Gateway, Model, Upstream, eventually, shared};

const METHOD: &str = "/inference.GRPCInferenceService/ModelConfig";
/// Types of HTTP/2 frames, and the flag of an acknowledgement.
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;

/// A client that speaks HTTP/2 frame by frame.
struct Frames(TcpStream);

impl Frames {
    async fn open(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("somebody listens");
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("writable");
        let mut frames = Self(stream);
        frames.write(SETTINGS, 0, &[]).await;
        frames
    }

    /// Sends a frame that belongs to no stream.
    async fn write(&mut self, kind: u8, flags: u8, payload: &[u8]) {
        let length = u8::try_from(payload.len()).expect("a short frame");
        let head = [0, 0, length, kind, flags, 0, 0, 0, 0];
        self.0.write_all(&[&head, payload].concat()).await.expect("writable");
    }

    /// Type, flags and payload of the next frame; nothing once the gateway has closed the connection.
    async fn read(&mut self) -> Option<(u8, u8, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((head[3], head[4], payload))
    }
}

async fn scripted(settings: &str) -> Option<(Upstream, Gateway)> {
    let digits = Model::digits(shared()?);
    let upstream = Upstream::start(|_| Answer::message(b"here")).await;
    let configuration = in_front_of(upstream.address, &[digits.guarded("")]);
    let gateway = Gateway::start(&format!("{settings}\n{configuration}")).await;
    Some((upstream, gateway))
}

#[tokio::test]
async fn a_client_may_ping_as_often_as_it_likes() {
    let Some((_upstream, gateway)) = scripted("").await else { return };
    let mut frames = Frames::open(gateway.clients).await;
    for number in 0..1000_u64 {
        frames.write(PING, 0, &number.to_be_bytes()).await;
        loop {
            let (kind, flags, payload) = frames.read().await.expect("the connection stays open");
            assert_ne!(kind, GOAWAY, "after {number} pings");
            if (kind, flags) == (PING, ACK) {
                assert_eq!(payload, number.to_be_bytes());
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_let_go() {
    let Some((_upstream, gateway)) = scripted("[server]\nkeep_alive = \"100ms\"").await else { return };
    let mut frames = Frames::open(gateway.clients).await;
    let mut pinged = false;
    while let Some((kind, flags, _)) = frames.read().await {
        pinged |= (kind, flags) == (PING, 0);
    }
    assert!(pinged, "it was asked before");
}

#[tokio::test]
async fn a_server_that_says_farewell_costs_no_call() {
    let Some((upstream, gateway)) = scripted("").await else { return };
    upstream.hold(true);
    let connection = gateway.connect().await;
    let under_way = tokio::spawn({
        let connection = connection.clone();
        async move { connection.send(Call::new(METHOD, b"under way")).await }
    });
    eventually("the upstream is asked", async || upstream.seen(METHOD).pop()).await;
    upstream.say_farewell();
    upstream.hold(false);
    assert_eq!(under_way.await.expect("answered").bytes(), b"here"[..], "what is under way ends");
    let before = upstream.connections();
    for call in 0..20 {
        assert_eq!(connection.send(Call::new(METHOD, b"")).await.code(), Code::Ok, "call {call}");
        upstream.say_farewell();
    }
    assert!(upstream.connections() > before, "on other connections");
}
