//! A classifier's server, over HTTP/1.1 and HTTP/2, that answers what the test tells it to, and remembers what it was asked.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use portcullis::proto::inference::ServerMetadataResponse;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use super::wire::{Answer, Body, Messages, STREAM, frame, headers};

/// Calls that an upstream remembers.
const REMEMBERED: usize = 1000;
const SERVER_READY: &str = "/inference.GRPCInferenceService/ServerReady";
const SERVER_METADATA: &str = "/inference.GRPCInferenceService/ServerMetadata";
/// Whatever is sent to methods under this prefix comes back piece by piece, with these metadata around it.
pub const ECHO: &str = "/test.Echo/";

/// What came: a call as the upstream saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub metadata: HeaderMap,
    pub body: Bytes,
    pub trailers: Option<HeaderMap>,
}

/// The server; it stops with the test's runtime.
pub struct Upstream {
    pub address: SocketAddr,
    state: Arc<State>,
    serving: JoinHandle<()>,
}

struct State {
    script: Box<Script>,
    streams: Option<Streams>,
    ready: AtomicBool,
    held: watch::Sender<bool>,
    halting: AtomicBool,
    farewells: watch::Sender<usize>,
    connections: AtomicUsize,
    seen: Mutex<Vec<Seen>>,
    abandoned: Mutex<Vec<String>>,
    streamed: Mutex<Vec<Bytes>>,
    broken: AtomicUsize,
}

/// The answer to a call.
type Script = dyn Fn(&Seen) -> Answer + Send + Sync;

/// The answers to a request of a stream.
type Answers = dyn Fn(&Bytes) -> Vec<Bytes> + Send + Sync;

/// How a server answers streams.
struct Streams {
    server: &'static str,
    answers: Box<Answers>,
}

impl Upstream {
    /// Starts a server that answers as `script` says, but for the question whether it is ready.
    pub async fn start(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let (_, listener) = free_port().await;
        Self::start_on(listener, script)
    }

    /// As [`Upstream::start`], on a port that was found already.
    pub fn start_on(listener: TcpListener, script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::serve(listener, Box::new(script), None)
    }

    /// Starts a server that calls itself `server` and answers each request of a stream with these messages, as it comes.
    pub async fn streaming(
        server: &'static str,
        answers: impl Fn(&Bytes) -> Vec<Bytes> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let script = |_: &Seen| Answer::status(Code::Unimplemented, "streams only");
        Self::serve(listener, Box::new(script), Some(Streams { server, answers: Box::new(answers) }))
    }

    fn serve(listener: TcpListener, script: Box<Script>, streams: Option<Streams>) -> Self {
        let address = listener.local_addr().expect("an address");
        let state = State::new(script, streams);
        let shared = state.clone();
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(shared.clone(), stream));
            }
        });
        Self { address, state, serving }
    }

    /// Ends it in the middle of everything, as if it were killed. Its port refuses connections, and is kept for it.
    pub async fn kill(self) -> TcpSocket {
        self.serving.abort();
        // That it was cancelled is what was wanted.
        let _ = self.serving.await;
        nobody_on(self.address)
    }

    /// As [`Upstream::start`], behind TLS.
    pub async fn behind(tls: ServerConfig, script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let (address, listener) = free_port().await;
        let state = State::new(Box::new(script), None);
        let (shared, tls) = (state.clone(), TlsAcceptor::from(Arc::new(tls)));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // The gateway may turn away.
                if let Ok(stream) = tls.accept(stream).await {
                    tokio::spawn(serve(shared.clone(), stream));
                }
            }
        });
        Self { address, state, serving }
    }

    /// As [`Upstream::start`], on the Unix socket at `path`. It has no address.
    pub async fn at(path: &Path, script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(path).expect("a free path");
        let state = State::new(Box::new(script), None);
        let shared = state.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(shared.clone(), stream));
            }
        });
        Self { address: SocketAddr::from(([0, 0, 0, 0], 0)), state, serving }
    }

    /// From now on it says that it is ready, or that it is not.
    pub fn set_ready(&self, ready: bool) {
        self.state.ready.store(ready, Ordering::SeqCst);
    }

    /// From now on its answers wait, or wait no longer.
    pub fn hold(&self, held: bool) {
        self.state.held.send_replace(held);
    }

    /// From now on its answers break off in the middle and never end, or do so no longer.
    pub fn halt(&self, halting: bool) {
        self.state.halting.store(halting, Ordering::SeqCst);
    }

    /// Says farewell (GOAWAY) on every connection: no further calls are taken there, those under way end.
    pub fn say_farewell(&self) {
        self.state.farewells.send_modify(|farewells| *farewells += 1);
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// How many calls of the method at `path` were reset before they had been answered.
    pub fn abandoned(&self, path: &str) -> usize {
        self.state.abandoned.lock().expect("unpoisoned").iter().filter(|abandoned| *abandoned == path).count()
    }

    /// The calls of the method at `path`, in their order.
    pub fn seen(&self, path: &str) -> Vec<Seen> {
        self.state.seen.lock().expect("unpoisoned").iter().filter(|seen| seen.path == path).cloned().collect()
    }

    /// The requests that came in streams so far, in their order.
    pub fn streamed(&self) -> Vec<Bytes> {
        self.state.streamed.lock().expect("unpoisoned").clone()
    }

    /// How many streams their clients broke off.
    pub fn broken(&self) -> usize {
        self.state.broken.load(Ordering::SeqCst)
    }
}

/// A port, `:0` for any, on which nobody listens and nobody else can.
pub fn nobody_on(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("a socket option");
    socket.bind(address).expect("the port is free");
    socket
}

impl State {
    fn new(script: Box<Script>, streams: Option<Streams>) -> Arc<Self> {
        Arc::new(Self {
            script,
            streams,
            ready: AtomicBool::new(true),
            held: watch::Sender::new(false),
            halting: AtomicBool::new(false),
            farewells: watch::Sender::new(0),
            connections: AtomicUsize::new(0),
            seen: Mutex::default(),
            abandoned: Mutex::default(),
            streamed: Mutex::default(),
            broken: AtomicUsize::new(0),
        })
    }
}

async fn free_port() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    (listener.local_addr().expect("an address"), listener)
}

async fn serve(state: Arc<State>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    state.connections.fetch_add(1, Ordering::SeqCst);
    let mut farewell = state.farewells.subscribe();
    let service = service_fn(move |request| answer(state.clone(), request));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().auto_date_header(false);
    builder.http2().auto_date_header(false);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // It ends with its client.
        _ = &mut connection => return,
        _ = farewell.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str()).to_owned();
    if path.starts_with(ECHO) {
        return Ok(echo(body));
    }
    if path == STREAM && state.streams.is_some() {
        return Ok(answer_stream(state, parts.headers, body));
    }
    let Ok(collected) = body.collect().await else {
        return Ok(response(Answer::status(Code::Cancelled, "the request broke off")));
    };
    let trailers = collected.trailers().cloned();
    let seen = Seen { method: parts.method, path, metadata: parts.headers, body: collected.to_bytes(), trailers };
    if seen.path == SERVER_READY {
        let ready = state.ready.load(Ordering::SeqCst);
        return Ok(response(Answer::message(&[8, u8::from(ready)])));
    }
    if let Some(Streams { server, .. }) = state.streams.as_ref().filter(|_| seen.path == SERVER_METADATA) {
        return Ok(response(Answer::of(&ServerMetadataResponse { name: (*server).to_owned(), ..Default::default() })));
    }
    let answer = (state.script)(&seen);
    let mut call = UnderWay { path: seen.path.clone(), state: state.clone(), answered: false };
    remember(&mut state.seen.lock().expect("unpoisoned"), seen);
    // The sender lives as long as the state.
    let _ = state.held.subscribe().wait_for(|held| !held).await;
    call.answered = true;
    Ok(if state.halting.load(Ordering::SeqCst) { halting(answer) } else { response(answer) })
}

/// A call that is noted if it goes away before it was answered.
struct UnderWay {
    path: String,
    state: Arc<State>,
    answered: bool,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.answered {
            self.state.abandoned.lock().expect("unpoisoned").push(std::mem::take(&mut self.path));
        }
    }
}

/// The first half of the answer.
fn halting(answer: Answer) -> Response<Body> {
    let half = answer.body.slice(..answer.body.len() / 2);
    let beginning = tokio_stream::once(Ok(Frame::data(half)));
    let body = StreamBody::new(beginning.chain(tokio_stream::pending())).boxed_unsync();
    response(answer).map(|_| body)
}

/// The latest calls are enough: a soak makes very many.
fn remember(calls: &mut Vec<Seen>, seen: Seen) {
    if calls.len() == REMEMBERED {
        calls.remove(0);
    }
    calls.push(seen);
}

/// Answers the requests of a stream one by one. Like many servers it says nothing before its first answer.
fn answer_stream(state: Arc<State>, metadata: HeaderMap, body: Incoming) -> Response<Body> {
    let (answers, told) = mpsc::channel(1);
    let (heard, mut requests) = mpsc::unbounded_channel();
    let hearing = state.clone();
    let heard = tokio::spawn(async move {
        let mut requests = Messages::of(body);
        while let Some(request) = requests.next().await {
            hearing.streamed.lock().expect("unpoisoned").push(request.clone());
            heard.send(request).expect("they are answered until the last");
        }
        requests
    });
    tokio::spawn(async move {
        let streams = state.streams.as_ref().expect("it streams");
        while let Some(request) = requests.recv().await {
            // The sender lives as long as the state.
            let _ = state.held.subscribe().wait_for(|held| !held).await;
            for answer in (streams.answers)(&request) {
                // Nobody listens where the call was cancelled.
                let _ = answers.send(Frame::data(frame(&answer))).await;
            }
        }
        let requests = heard.await.expect("all was heard");
        if requests.broke_off() {
            state.broken.fetch_add(1, Ordering::SeqCst);
            return;
        }
        let seen =
            Seen { method: Method::POST, path: STREAM.to_owned(), metadata, body: requests.bytes(), trailers: None };
        remember(&mut state.seen.lock().expect("unpoisoned"), seen);
        let _ = answers.send(Frame::trailers(headers(&[("grpc-status", "0"), ("x-end", "of the stream")]))).await;
    });
    let mut response = Response::new(StreamBody::new(ReceiverStream::new(told).map(Ok)).boxed_unsync());
    *response.headers_mut() = headers(&[("content-type", "application/grpc"), ("x-begin", "of the stream")]);
    response
}

fn response(answer: Answer) -> Response<Body> {
    let Answer { http, metadata, body, trailers } = answer;
    let body = Full::new(body);
    let body = match trailers {
        Some(trailers) => body.with_trailers(std::future::ready(Some(Ok(trailers)))).boxed_unsync(),
        None => body.boxed_unsync(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = http;
    *response.headers_mut() = metadata;
    response
}

fn echo(body: Incoming) -> Response<Body> {
    let trailers = headers(&[("grpc-status", "0"), ("x-end", "of the echo")]);
    let body = body.map_err(|error| panic!("the test's own client broke off: {error}"));
    let mut response = Response::new(body.with_trailers(std::future::ready(Some(Ok(trailers)))).boxed_unsync());
    *response.headers_mut() = headers(&[("content-type", "application/grpc"), ("x-begin", "of the echo")]);
    response
}
