//! gRPC as bytes: what is sent is what the test says, and what is seen is what came.

use std::convert::Infallible;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

/// A body of any making.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

pub const MODEL_INFER: &str = "/inference.GRPCInferenceService/ModelInfer";
pub const STREAM: &str = "/inference.GRPCInferenceService/ModelStreamInfer";

/// One call: its method, metadata and bytes.
#[derive(Debug, Clone)]
pub struct Call {
    pub path: String,
    pub metadata: HeaderMap,
    pub body: Bytes,
}

impl Call {
    /// A call of the method at `path` with one plain message.
    pub fn new(path: &str, message: &[u8]) -> Self {
        Self { path: path.to_owned(), metadata: HeaderMap::new(), body: frame(message) }
    }

    /// An inference request.
    pub fn infer(request: &impl Message) -> Self {
        Self::new(MODEL_INFER, &request.encode_to_vec())
    }

    /// A stream of inference requests, all sent at once.
    pub fn stream<'a, M: Message + 'a>(requests: impl IntoIterator<Item = &'a M>) -> Self {
        let frames: Vec<Bytes> = requests.into_iter().map(|request| frame(&request.encode_to_vec())).collect();
        Self { body: frames.concat().into(), ..Self::new(STREAM, b"") }
    }

    /// The call with one more entry of metadata; a key may come several times.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.metadata.append(key.parse::<HeaderName>().expect("a key"), value.parse().expect("a value"));
        self
    }

    fn request<B>(&self, authority: &str, body: B) -> Request<B> {
        let mut request =
            Request::post(format!("http://{authority}{}", self.path)).body(body).expect("the test's call is valid");
        *request.headers_mut() = self.metadata.clone();
        request.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
        request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
        request
    }
}

/// Everything that came back, or that a scripted upstream shall send back.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub http: StatusCode,
    pub metadata: HeaderMap,
    pub body: Bytes,
    pub trailers: Option<HeaderMap>,
}

impl Answer {
    /// One plain message and the status OK.
    pub fn message(message: &[u8]) -> Self {
        Self {
            http: StatusCode::OK,
            metadata: headers(&[("content-type", "application/grpc")]),
            body: frame(message),
            trailers: Some(headers(&[("grpc-status", "0")])),
        }
    }

    /// As [`Answer::message`], of a message that is still to be encoded.
    pub fn of(message: &impl Message) -> Self {
        Self::message(&message.encode_to_vec())
    }

    /// A status and nothing else: what gRPC calls trailers only.
    pub fn status(code: Code, message: &str) -> Self {
        let code = (code as i32).to_string();
        let metadata =
            headers(&[("content-type", "application/grpc"), ("grpc-status", &code), ("grpc-message", message)]);
        Self { http: StatusCode::OK, metadata, body: Bytes::new(), trailers: None }
    }

    /// The status, wherever it stands.
    pub fn code(&self) -> Code {
        let trailers = self.trailers.as_ref().unwrap_or(&self.metadata);
        trailers.get("grpc-status").map_or(Code::Unknown, |code| Code::from_bytes(code.as_bytes()))
    }

    /// The status' message, wherever it stands.
    pub fn error(&self) -> String {
        let trailers = self.trailers.as_ref().unwrap_or(&self.metadata);
        let message = trailers.get("grpc-message").map_or("", |message| message.to_str().expect("ASCII"));
        message.replace("%20", " ").replace("%27", "'")
    }

    /// The one message of the answer.
    pub fn bytes(&self) -> Bytes {
        assert_eq!(self.code(), Code::Ok, "{}", self.error());
        assert_eq!(self.body[0], 0, "the message is compressed");
        let length = u32::from_be_bytes(self.body[1..5].try_into().expect("four bytes")) as usize;
        assert_eq!(self.body.len(), 5 + length, "the answer holds one message");
        self.body.slice(5..)
    }

    /// The messages of the answer, however it ended.
    pub fn messages(&self) -> Vec<Bytes> {
        let mut rest = self.body.clone();
        std::iter::from_fn(|| cut(&mut rest)).collect()
    }

    /// The one message of the answer, decoded.
    pub fn decode<M: Message + Default>(&self) -> M {
        M::decode(self.bytes()).expect("the answer is a message of this type")
    }
}

/// Metadata of these pairs, in their order, duplicates kept.
pub fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (key, value) in pairs {
        map.append(key.parse::<HeaderName>().expect("a key"), value.parse().expect("a value"));
    }
    map
}

/// The message with gRPC's five bytes before it.
pub fn frame(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).expect("a message of less than 4 GiB"));
    frame.put_slice(message);
    frame.freeze()
}

/// Takes one message off the front of these bytes, if it is whole.
fn cut(bytes: &mut Bytes) -> Option<Bytes> {
    let length = u32::from_be_bytes(bytes.get(1..5)?.try_into().expect("four bytes")) as usize;
    (bytes.len() >= 5 + length).then(|| bytes.split_to(5 + length).slice(5..))
}

/// The messages of a body, as they arrive.
pub struct Messages {
    body: Incoming,
    all: BytesMut,
    read: usize,
    trailers: Option<HeaderMap>,
    broken: bool,
}

impl Messages {
    /// Reads this body.
    pub fn of(body: Incoming) -> Self {
        Self { body, all: BytesMut::new(), read: 0, trailers: None, broken: false }
    }

    /// The next message; `None` at the end, however it came.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(message) = cut(&mut Bytes::copy_from_slice(&self.all[self.read..])) {
                self.read += 5 + message.len();
                return Some(message);
            }
            match self.body.frame().await? {
                Ok(frame) => match frame.into_data() {
                    Ok(data) => self.all.extend_from_slice(&data),
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                },
                Err(_) => {
                    self.broken = true;
                    return None;
                }
            }
        }
    }

    /// The trailers, once the end was reached.
    pub fn trailers(&self) -> &HeaderMap {
        self.trailers.as_ref().expect("trailers")
    }

    /// Whether the other side went away.
    pub fn broke_off(&self) -> bool {
        self.broken
    }

    /// Everything that came.
    pub fn bytes(self) -> Bytes {
        self.all.freeze()
    }
}

/// Bytes of an answer that are sent before they are read, unless the test says otherwise.
const WINDOW: u32 = 1 << 20;

/// An HTTP/2 connection.
#[derive(Clone)]
pub struct Connection {
    sender: SendRequest<Body>,
    authority: String,
    /// To go away at once; where the connection is over TCP alone.
    socket: Option<Arc<std::net::TcpStream>>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Self {
        Self::with_window(address, WINDOW).await
    }

    /// Connects, and lets only so many bytes of each answer be sent before they are read.
    pub async fn with_window(address: SocketAddr, bytes: u32) -> Self {
        let stream = TcpStream::connect(address).await.expect("somebody listens");
        stream.set_nodelay(true).expect("a socket option");
        let stream = stream.into_std().expect("a socket");
        let socket = Arc::new(stream.try_clone().expect("a second handle"));
        let stream = TcpStream::from_std(stream).expect("a socket");
        let connection = Self::over_with_window(stream, &address.to_string(), bytes).await;
        Self { socket: Some(socket), ..connection }
    }

    /// Speaks HTTP/2 with the `authority` at the other end of the stream.
    pub async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, authority: &str) -> Self {
        Self::over_with_window(stream, authority, WINDOW).await
    }

    async fn over_with_window(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        authority: &str,
        bytes: u32,
    ) -> Self {
        let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(bytes);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.expect("HTTP/2");
        // It ends when its last sender is dropped, or with the peer.
        tokio::spawn(async { _ = connection.await });
        Self { sender, authority: authority.to_owned(), socket: None }
    }

    /// Goes away with all calls under way, as a client does that is killed.
    pub fn kill(self) {
        self.socket.expect("it is over TCP").shutdown(Shutdown::Both).expect("it is connected");
    }

    /// Whether the peer takes no further calls: this one gets no answer, not even an error.
    pub async fn is_closed_to(&self, call: Call) -> bool {
        let body = Full::new(call.body.clone()).boxed_unsync();
        self.sender.clone().send_request(call.request(&self.authority, body)).await.is_err()
    }

    /// Sends a call and waits for all of its answer.
    pub async fn send(&self, call: Call) -> Answer {
        self.try_send(call).await.expect("a whole answer")
    }

    /// As [`Connection::send`], where the answer may break off.
    pub async fn try_send(&self, call: Call) -> Result<Answer, hyper::Error> {
        let body = Full::new(call.body.clone()).boxed_unsync();
        let response = self.sender.clone().send_request(call.request(&self.authority, body)).await?;
        let (parts, body) = response.into_parts();
        let collected = body.collect().await?;
        let trailers = collected.trailers().cloned();
        Ok(Answer { http: parts.status, metadata: parts.headers, body: collected.to_bytes(), trailers })
    }

    /// Begins a call whose body is sent piece by piece.
    pub async fn begin(&self, call: Call) -> Exchange {
        let (body, pieces) = mpsc::channel(1);
        let pieces = ReceiverStream::new(pieces).map(|piece| Ok(Frame::data(piece)));
        let request = call.request(&self.authority, StreamBody::new(pieces).boxed_unsync());
        let answered = self.sender.clone().send_request(request);
        Exchange { body: Some(body), answered: tokio::spawn(async { answered.await.expect("an answer") }) }
    }
}

/// A call under way, in both directions.
pub struct Exchange {
    body: Option<mpsc::Sender<Bytes>>,
    answered: tokio::task::JoinHandle<http::Response<Incoming>>,
}

impl Exchange {
    /// Sends a piece of the body.
    pub async fn send(&mut self, piece: Bytes) {
        self.body.as_ref().expect("not closed yet").send(piece).await.expect("the call is still under way");
    }

    /// Goes away in the middle of the call, as a client does that is killed.
    pub async fn abandon(self) {
        self.answered.abort();
        // The call is cancelled before its body seems to have ended.
        let _ = self.answered.await;
    }

    /// Whether the answer has begun.
    pub fn is_answered(&self) -> bool {
        self.answered.is_finished()
    }

    /// Ends the body.
    pub fn close(&mut self) {
        self.body = None;
    }

    /// The head of the answer and its body, which goes on arriving.
    pub async fn answered(&mut self) -> http::Response<Incoming> {
        (&mut self.answered).await.expect("the answer's task")
    }
}
