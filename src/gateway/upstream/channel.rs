//! One server: connections are made when they are needed, shared, and made again when they are lost.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri, Version, header};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::legacy::{self as client, Client};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use super::dial::Dialler;
use super::gathered::Gathered;
use super::replay::{Replay, is_untouched};
use super::root_cause;
use crate::config::{Endpoint, Location, Mistake, Target};
use crate::gateway::credentials::{self, Kept, Refresh};
use crate::gateway::message::deadline::Deadline;
use crate::gateway::stream::Stream;
use crate::telemetry;

/// How long a connection may take to be made, and then its handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How often a request is sent that the server does not look at.
const ATTEMPTS: usize = 4;
/// Pause between HTTP/2 pings on an idle connection, by which a dead peer is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// What the server may send ahead of an answer's reader: more than an answer has but seldom, and little enough for as
/// many as there may be at the same time.
const STREAM_WINDOW: u32 = 256 << 10;
/// As large as can be: answers that nobody reads keep no others from arriving.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
/// What a server on a Unix socket is called in requests.
const LOCAL: Authority = Authority::from_static("localhost");

type Future<T, E> = Pin<Box<dyn std::future::Future<Output = Result<T, E>> + Send>>;
type BoxError = Box<dyn Error + Send + Sync>;

/// Idle HTTP/1.1 connections are given up before servers do so, which mostly wait five seconds: a request that meets a
/// closing connection is lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// What a server is to the gateway: metrics tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// The classifier's.
    Upstream,
    /// One that is told of detections.
    Collector,
    /// One that takes traces.
    Tracing,
}

impl Peer {
    /// The role of the gateway's certificate before it.
    fn role(self) -> &'static str {
        match self {
            Self::Upstream => "upstream_client",
            Self::Collector => "audit_client",
            Self::Tracing => "tracing_client",
        }
    }

    /// Counts a connection that was made, or could not be.
    fn dialled(self, made: bool) {
        match self {
            Self::Upstream => telemetry::upstream_dialled(made),
            Self::Collector | Self::Tracing => {}
        }
    }
}

/// A client of one server. Copies share its connections.
#[derive(Clone)]
pub(crate) struct Channel {
    client: Client<Dialler<Connector>, Body>,
    /// As the client has it, to tell why a connection is not made.
    dialler: Dialler<Connector>,
    credentials: Option<Arc<Kept<ClientConfig>>>,
    version: Version,
    scheme: Scheme,
    authority: Authority,
}

impl Channel {
    /// A client of the server at `endpoint`, over HTTP/2.
    ///
    /// # Errors
    /// When the endpoint names no host, or a file of its TLS is not what it should be.
    pub(crate) fn http_2(endpoint: &Endpoint, peer: Peer) -> Result<Self, Mistake> {
        Self::speaking(Version::HTTP_2, endpoint, peer)
    }

    /// The same over HTTP/1.1.
    ///
    /// # Errors
    /// As [`Channel::http_2`].
    pub(crate) fn http_1(endpoint: &Endpoint, peer: Peer) -> Result<Self, Mistake> {
        Self::speaking(Version::HTTP_11, endpoint, peer)
    }

    fn speaking(version: Version, endpoint: &Endpoint, peer: Peer) -> Result<Self, Mistake> {
        let protocol = if version == Version::HTTP_2 { credentials::H2 } else { credentials::HTTP_1 };
        let authority = match &endpoint.target {
            Target::Unix(_) => LOCAL,
            Target::Tcp(authority) => authority
                .parse()
                .map_err(|_| Mistake { at: Location::Default, message: format!("'{authority}' is not HOST:PORT") })?,
        };
        let route = match (&endpoint.target, &endpoint.tls) {
            (Target::Unix(path), _) => Route::Unix(path.clone()),
            (Target::Tcp(_), None) => Route::Tcp,
            (Target::Tcp(_), Some(tls)) => {
                let name = credentials::server_name(endpoint, tls)?;
                Route::Tls(Arc::new(credentials::client(peer.role(), tls, protocol)?), name)
            }
        };
        let credentials = match &route {
            Route::Tls(tls, _) => Some(tls.clone()),
            Route::Tcp | Route::Unix(_) => None,
        };
        let scheme = if credentials.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let dialler = Dialler::new(Connector::new(route), move |made| peer.dialled(made));
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout((version == Version::HTTP_11).then_some(IDLE_TIMEOUT))
            .http1_preserve_header_case(true)
            .http2_only(version == Version::HTTP_2)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .http2_keep_alive_while_idle(true)
            .build(dialler.clone());
        Ok(Self { client, dialler, credentials, version, scheme, authority })
    }

    /// What its TLS is made of, to be kept up to date.
    pub(crate) fn credentials(&self) -> Option<Arc<dyn Refresh>> {
        self.credentials.clone().map(|kept| kept as Arc<dyn Refresh>)
    }

    /// The server's host.
    pub(crate) fn host(&self) -> &str {
        self.authority.host()
    }

    /// The server's port, where it has one.
    pub(crate) fn port(&self) -> Option<u16> {
        self.authority.port_u16()
    }

    /// Whether a connection can be made, and why not.
    ///
    /// # Errors
    /// The cause, for a person.
    pub(crate) async fn reach(&self) -> Result<(), String> {
        let connected = self.dialler.clone().call(self.target(None)).await;
        connected.map(|_| ()).map_err(|away| away.to_string())
    }

    /// Sends a request on its way, whatever server it was made for.
    ///
    /// # Errors
    /// The cause, for a person.
    pub(crate) async fn send(&self, mut request: Request<Body>) -> Result<Response<Incoming>, String> {
        *request.uri_mut() = self.target(request.uri().path_and_query());
        *request.version_mut() = self.version;
        if self.version == Version::HTTP_2 {
            request.headers_mut().remove(header::HOST);
        }
        if let Some(deadline) = request.extensions().get::<Deadline>().copied() {
            deadline.tell(request.headers_mut());
        }
        self.attempt(request).await.map_err(|error| {
            // Calls that waited for another's dialling are not told how it failed.
            let away = self.dialler.last_failure().filter(|_| error.is_connect());
            away.map_or_else(|| root_cause(&error), |away| away.to_string())
        })
    }

    /// Sends a request, again where the server says that it has not looked at it.
    async fn attempt(&self, request: Request<Body>) -> Result<Response<Incoming>, client::Error> {
        let (parts, body) = request.into_parts();
        let replay = Replay::new(body);
        let mut body = replay.begin().unwrap_or_default();
        for _ in 1..ATTEMPTS {
            let sent = self.client.request(Request::from_parts(parts.clone(), body)).await;
            let again = sent.as_ref().err().filter(|error| is_untouched(*error)).and_then(|_| replay.begin());
            let Some(again) = again else {
                replay.settle();
                return sent;
            };
            body = again;
        }
        self.client.request(Request::from_parts(parts, body)).await
    }

    fn target(&self, path: Option<&PathAndQuery>) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path.cloned().unwrap_or_else(|| PathAndQuery::from_static("/")));
        Uri::from_parts(parts).unwrap_or_default()
    }
}

/// As tonic's clients send.
impl Service<Request<Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = Status;
    type Future = Future<Self::Response, Status>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let channel = self.clone();
        Box::pin(async move { channel.send(request).await.map_err(Status::unavailable) })
    }
}

/// The way to the server.
#[derive(Clone)]
enum Route {
    Tcp,
    Tls(Arc<Kept<ClientConfig>>, ServerName<'static>),
    Unix(PathBuf),
}

/// Makes connections.
#[derive(Clone)]
struct Connector {
    tcp: HttpConnector,
    route: Arc<Route>,
}

impl Connector {
    fn new(route: Route) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        Self { tcp, route: Arc::new(route) }
    }

    async fn connect(mut self, target: Uri) -> Result<Stream, BoxError> {
        if let Route::Unix(path) = self.route.as_ref() {
            return Ok(Stream::Unix(UnixStream::connect(path).await?));
        }
        let stream = self.tcp.call(target).await?.into_inner();
        let Route::Tls(tls, name) = self.route.as_ref() else { return Ok(Stream::Tcp(stream)) };
        let secured = TlsConnector::from(tls.current()).connect(name.clone(), stream);
        match tokio::time::timeout(CONNECT_TIMEOUT, secured).await.map_err(io::Error::from).flatten() {
            Ok(stream) => Ok(Stream::Tls(Box::new(stream.into()))),
            Err(error) => Err(format!("no TLS with {}: {error}", name.to_str()).into()),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Gathered<Stream>>;
    type Error = BoxError;
    type Future = Future<Self::Response, BoxError>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let connecting = self.clone().connect(target);
        Box::pin(async { connecting.await.map(|stream| TokioIo::new(Gathered::new(stream))) })
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
