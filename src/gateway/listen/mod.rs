//! Listening: connections in, calls out to whoever answers them, and a bounded drain at the end.

pub(crate) mod admission;
mod health;
mod identity;
mod socket;

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::Status;
use tonic::body::Body;
use tower::ServiceExt;
use tracing::Instrument;

pub use socket::Listener;

use self::admission::{Admission, greeted};
use self::health::Question;
use crate::detect::{Action, Reason};
use crate::evidence::Client;
use crate::gateway::ModelLabel;
use crate::gateway::credentials::Kept;
use crate::gateway::guard::grpc::{Grpc, ended_with, status_of};
use crate::gateway::lifecycle::serving::{Current, HEALTH, Serving};
use crate::gateway::message::deadline::Deadline;
use crate::gateway::message::tee::Watched;
use crate::gateway::rest;
use crate::gateway::stream::Stream;
use crate::gateway::trace;
use crate::proto::inference::grpc_inference_service_server::SERVICE_NAME;
use crate::telemetry::{self, Call, Ending, Operation, Span, Tracer};

/// Calls that one client may have under way on one connection.
const CONCURRENT_CALLS: u32 = 1024;
/// Clients may put so much into one frame, in bytes: few frames take less time than many, and a frame goes on only once it
/// is whole.
const LARGEST_FRAME: u32 = 64 << 10;
/// A client that has not shown itself for this long, or then not said a word for as long, is sent away.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);
/// A REST client that waits longer than this with a request's head is disconnected; so is one that only keeps alive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause after a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

const INFERENCE: &str = "/inference.GRPCInferenceService/";
const MODEL_INFER: &str = "ModelInfer";
const MODEL_STREAM_INFER: &str = "ModelStreamInfer";
const REGISTRATIONS: [&str; 2] = ["SystemSharedMemoryRegister", "CudaSharedMemoryRegister"];

/// The methods that have a label of their own.
const METHODS: [&str; 7] =
    [MODEL_INFER, MODEL_STREAM_INFER, "ModelMetadata", "ModelReady", "ServerLive", "ServerMetadata", "ServerReady"];

/// Sends each call where it belongs: inference to the guard, health to ourselves, all else to the upstream.
#[derive(Clone)]
pub(crate) struct Dispatch {
    pub(crate) current: Current,
    /// Services that the gateway itself answers.
    pub(crate) own: tonic::service::Routes,
    pub(crate) admission: Admission,
    pub(crate) tracer: Tracer,
}

impl Dispatch {
    /// Answers within a span, but what the gateway is asked about itself.
    async fn answer(self, mut request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let serving = self.current.get();
        let span = if serving.is_own(request.uri().path()) {
            Span::default()
        } else {
            trace::received(&self.tracer, &mut request, |request| operation(request.uri().path()))
        };
        let log = span.trace().log();
        Ok(self.counted(&serving, request, span).instrument(log).await)
    }

    async fn counted(self, serving: &Serving, request: Request<Incoming>, span: Span) -> Response<Body> {
        let mut request = request.map(Body::new);
        let method = method(request.uri().path()).unwrap_or("other");
        let mut call = Call::begin(method);
        let (place, deadline) = (self.admission.call(), Deadline::of(request.headers()));
        let response = match deadline {
            _ if place.is_none() => turned_away(method),
            None => self.route(serving, request, method).await,
            Some(deadline) => {
                request.extensions_mut().insert(deadline);
                deadline.keep(self.route(serving, request, method)).await
            }
        };
        if let Some(ModelLabel(model)) = response.extensions().get() {
            call.asked(model);
        }
        let (in_headers, log) = (status_of(response.headers()), span.trace().log());
        response.map(|body| {
            Body::new(Watched::new(body, move |trailers| {
                let code = ended_with(in_headers, trailers);
                log.in_scope(|| call.ended(code_name(code)));
                span.ended(Ending::Grpc(code.into()));
                drop(place);
            }))
        })
    }

    async fn route(self, serving: &Serving, request: Request<Body>, method: &str) -> Response<Body> {
        let path = request.uri().path();
        if method == MODEL_INFER {
            let grpc = Grpc::of(request.headers());
            serving.guard.infer(grpc, request, |request| serving.guard.upstream().call(request)).await
        } else if method == MODEL_STREAM_INFER {
            serving.guard.stream(request).await
        } else if REGISTRATIONS.iter().any(|method| path.strip_prefix(INFERENCE) == Some(method)) {
            match serving.guard.sharing_refused::<Grpc>() {
                Some(refusal) => refusal,
                None => serving.guard.upstream().call(request).await,
            }
        } else if path.starts_with(HEALTH) && !serving.is_embedded() {
            match Question::read(request).await {
                Ok(Question { request, is_upstreams: true }) => serving.guard.upstream().call(request).await,
                Ok(Question { request, is_upstreams: false }) => self.answer_itself(request).await,
                Err(status) => status.into_http(),
            }
        } else if serving.is_own(path) {
            self.answer_itself(request).await
        } else {
            serving.guard.upstream().call(request).await
        }
    }

    async fn answer_itself(self, request: Request<Body>) -> Response<Body> {
        match self.own.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// The method of this path, where it has a label of its own.
fn method(path: &str) -> Option<&'static str> {
    let name = path.strip_prefix(INFERENCE)?;
    METHODS.into_iter().find(|method| *method == name)
}

/// What a call of this path is to those who trace.
pub(crate) fn operation(path: &str) -> Operation {
    Operation::Grpc(method(path).map(|method| (SERVICE_NAME, method)))
}

/// What a call is told for which there is no place.
fn turned_away(method: &str) -> Response<Body> {
    if [MODEL_INFER, MODEL_STREAM_INFER].contains(&method) {
        telemetry::unattributed_request(Reason::Overload.name(), Action::Block.name());
    }
    Status::resource_exhausted("too many calls are under way: send it again later").into_http()
}

/// A gRPC code as the specification writes it.
pub(crate) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// A socket, and the TLS that is spoken on it.
pub(crate) struct Port {
    pub(crate) listener: Listener,
    pub(crate) tls: Option<Arc<Kept<ServerConfig>>>,
}

/// Serves gRPC on `port` until `shutdown`, which says how long calls may then take to end.
pub(crate) async fn serve_grpc(port: Port, dispatch: Dispatch, shutdown: impl Future<Output = Duration>) {
    let graceful = GracefulShutdown::new();
    let silent = CancellationToken::new();
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.timer(TokioTimer::new()).auto_date_header(false).max_concurrent_streams(CONCURRENT_CALLS);
    let grace = accept(port, shutdown, |secured| {
        let dispatch = dispatch.clone();
        let Some(place) = dispatch.admission.connection() else { return telemetry::connection_refused() };
        let keep_alive = dispatch.current.get().config.server.keep_alive;
        let mut builder = builder.clone();
        builder
            .keep_alive_interval(Some(keep_alive))
            .keep_alive_timeout(keep_alive)
            .max_frame_size(LARGEST_FRAME)
            .initial_stream_window_size(place.stream_window())
            .initial_connection_window_size(place.connection_window());
        let (watcher, stop) = (graceful.watcher(), silent.clone());
        tokio::spawn(async move {
            let (client, stream) = match stop.run_until_cancelled_owned(come_in(secured)).await {
                Some(Ok(client)) => client,
                Some(Err(error)) => return tracing::debug!(%error, "a client did not come in"),
                None => return,
            };
            let service = service_fn(move |request| dispatch.clone().answer(sent_by(&client, request)));
            if let Err(error) = watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await {
                tracing::debug!(%error, "connection ended");
            }
            drop(place);
        });
    })
    .await;
    silent.cancel();
    drain(graceful, grace).await;
}

/// Serves REST over HTTP/1.1 and HTTP/2 on `port` until `shutdown`, which says how long requests may then take to end.
pub(crate) async fn serve_rest(port: Port, dispatch: rest::Dispatch, shutdown: impl Future<Output = Duration>) {
    let graceful = GracefulShutdown::new();
    let silent = CancellationToken::new();
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .preserve_header_case(true)
        .header_read_timeout(HEAD_TIMEOUT);
    builder.http2().timer(TokioTimer::new()).auto_date_header(false).max_concurrent_streams(CONCURRENT_CALLS);
    let grace = accept(port, shutdown, |secured| {
        let dispatch = dispatch.clone();
        let Some(place) = dispatch.admission.connection() else { return telemetry::connection_refused() };
        let keep_alive = dispatch.current.get().config.server.keep_alive;
        let mut builder = builder.clone();
        builder
            .http2()
            .keep_alive_interval(Some(keep_alive))
            .keep_alive_timeout(keep_alive)
            .initial_stream_window_size(place.stream_window())
            .initial_connection_window_size(place.connection_window());
        let (watcher, stop) = (graceful.watcher(), silent.clone());
        tokio::spawn(async move {
            let (client, stream) = match stop.run_until_cancelled_owned(come_in(secured)).await {
                Some(Ok(client)) => client,
                Some(Err(error)) => return tracing::debug!(%error, "a REST client did not come in"),
                None => return,
            };
            let service = service_fn(move |request| dispatch.clone().answer(sent_by(&client, request)));
            let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(%error, "REST connection ended");
            }
            drop(place);
        });
    })
    .await;
    silent.cancel();
    drain(graceful, grace).await;
}

/// Serves HTTP/1 and gRPC on the admin `port` until `shutdown`.
pub(crate) async fn serve_admin(port: Port, router: axum::Router, shutdown: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let silent = CancellationToken::new();
    accept(port, shutdown, |secured| {
        let (service, watcher) = (TowerToHyperService::new(router.clone()), graceful.watcher());
        let stop = silent.clone();
        tokio::spawn(async move {
            let stream = match stop.run_until_cancelled_owned(secured).await {
                Some(Ok(stream)) => TokioIo::new(stream),
                Some(Err(error)) => return tracing::debug!(%error, "an operator did not come in"),
                None => return,
            };
            let builder = auto::Builder::new(TokioExecutor::new());
            let connection = builder.serve_connection_with_upgrades(stream, service).into_owned();
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(%error, "admin connection ended");
            }
        });
    })
    .await;
    silent.cancel();
    drain(graceful, Duration::from_secs(1)).await;
}

/// Hands each connection to `connected`, whose it is to wait until it is secured.
async fn accept<T>(port: Port, shutdown: impl Future<Output = T>, mut connected: impl FnMut(Secured)) -> T {
    let Port { listener, tls } = port;
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            end = &mut shutdown => return end,
        };
        match accepted {
            Ok(stream) => connected(Box::pin(secured(stream, tls.as_ref().map(|tls| tls.current())))),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A connection on which TLS is still being settled.
type Secured = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

/// The stream as it is, or under TLS.
async fn secured(stream: Stream, tls: Option<Arc<ServerConfig>>) -> io::Result<Stream> {
    match (stream, tls) {
        (Stream::Tcp(stream), Some(tls)) => {
            let secured = tokio::time::timeout(GREETING_TIMEOUT, TlsAcceptor::from(tls).accept(stream)).await??;
            Ok(Stream::Tls(Box::new(secured.into())))
        }
        (stream, _) => Ok(stream),
    }
}

/// Waits until the connection is secured and the client has begun to speak.
async fn come_in(secured: Secured) -> io::Result<(Arc<Client>, impl AsyncRead + AsyncWrite + Unpin + Send)> {
    let stream = secured.await?;
    let client = Arc::new(identity::client(&stream));
    Ok((client, greeted(stream, GREETING_TIMEOUT).await?))
}

/// The request, which tells whose it is.
fn sent_by(client: &Arc<Client>, mut request: Request<Incoming>) -> Request<Incoming> {
    request.extensions_mut().insert(client.clone());
    request
}

async fn drain(graceful: GracefulShutdown, grace: Duration) {
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds = grace.as_secs_f64(), "calls were still under way when the grace ended");
    }
}
