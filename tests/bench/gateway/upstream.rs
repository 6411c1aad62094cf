//! The classifier's server: models in ONNX Runtime over gRPC, and no guard.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis::gateway::{Embedded, EmbeddedModel, Upstream};
use portcullis::model::{OnnxModel, Runtime, Workers};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tonic::body::Body;

/// The argument that makes the benchmark this server, and the one that makes it a server that predicts but once.
pub const ARGUMENT: &str = "upstream";
pub const CANNED: &str = "canned";
const MODEL_INFER: &str = "/inference.GRPCInferenceService/ModelInfer";
/// Largest message that is taken, in bytes.
const LARGEST_MESSAGE: usize = 16 << 20;
/// Jobs that may wait.
const QUEUE: usize = 1024;

/// Serves `models` (names and files) on a port, 0 for any, which it prints, until it is killed. Where it is `canned`, its
/// first prediction is its answer to whatever it is asked: a classifier that takes no time.
pub fn serve(models: &[(&str, PathBuf)], port: u16, canned: bool) {
    let runtime = Runtime::load(None).expect("ONNX Runtime");
    let workers = Arc::new(Workers::start(0, QUEUE).expect("threads"));
    let models = models.iter().map(|(name, path)| EmbeddedModel {
        name: (*name).to_owned(),
        version: None,
        longest: None,
        model: Arc::new(OnnxModel::load(&runtime, path, workers.count(), 1).expect("a model")),
    });
    let server = Arc::new(Embedded::new(models.collect(), workers.clone(), LARGEST_MESSAGE));
    let can = canned.then(|| Arc::new(OnceCell::new()));
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a port");
        println!("{}", listener.local_addr().expect("an address"));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a socket");
            let (server, can) = (server.clone(), can.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let (server, can) = (server.clone(), can.clone());
                async move {
                    let can = can.filter(|_| request.uri().path() == MODEL_INFER);
                    Ok::<_, Infallible>(match can {
                        Some(can) => repeated(&can, &server, request).await,
                        None => server.call(request.map(Body::new)).await,
                    })
                }
            });
            let mut connection = http2::Builder::new(TokioExecutor::new());
            connection.initial_stream_window_size(4 << 20).initial_connection_window_size(16 << 20);
            // A client that goes away is no failure of the server's.
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    });
}

/// The first answer, after the request has been read.
async fn repeated(can: &OnceCell<Canned>, server: &Embedded, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    let ask = async || {
        let answer = server.call(Request::from_parts(parts, Body::new(Full::new(body)))).await;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect("an answer");
        Canned { headers: parts.headers, trailers: body.trailers().cloned(), body: body.to_bytes() }
    };
    let Canned { headers, body, trailers } = can.get_or_init(ask).await.clone();
    let mut answer = Response::new(Body::new(Full::new(body).with_trailers(async { trailers.map(Ok) })));
    *answer.headers_mut() = headers;
    answer
}

#[derive(Clone)]
struct Canned {
    headers: HeaderMap,
    body: Bytes,
    trailers: Option<HeaderMap>,
}
