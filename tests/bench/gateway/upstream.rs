//! The classifier's server: models in ONNX Runtime over gRPC, and no guard.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis::gateway::{Embedded, EmbeddedModel, Upstream};
use portcullis::model::{OnnxModel, Runtime, Workers};
use tokio::net::TcpListener;
use tonic::body::Body;

/// The argument that makes the benchmark this server.
pub const ARGUMENT: &str = "upstream";
/// Largest message that is taken, in bytes.
const LARGEST_MESSAGE: usize = 16 << 20;
/// Jobs that may wait.
const QUEUE: usize = 1024;

/// Serves `models` (names and files) on a free port, which it prints, until it is killed.
pub fn serve(models: &[(&str, PathBuf)]) {
    let runtime = Runtime::load(None).expect("ONNX Runtime");
    let workers = Arc::new(Workers::start(0, QUEUE).expect("threads"));
    let models = models.iter().map(|(name, path)| EmbeddedModel {
        name: (*name).to_owned(),
        version: None,
        model: Arc::new(OnnxModel::load(&runtime, path, workers.count(), 1).expect("a model")),
    });
    let server = Arc::new(Embedded::new(models.collect(), workers.clone(), LARGEST_MESSAGE));
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        println!("{}", listener.local_addr().expect("an address"));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a socket");
            let server = server.clone();
            let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let server = server.clone();
                async move { Ok::<_, Infallible>(server.call(request.map(Body::new)).await) }
            });
            let mut connection = http2::Builder::new(TokioExecutor::new());
            connection.initial_stream_window_size(4 << 20).initial_connection_window_size(16 << 20);
            // A client that goes away is no failure of the server's.
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    });
}
