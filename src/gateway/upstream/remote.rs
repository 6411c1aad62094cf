//! A classifier's server, over HTTP/2.

use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use prost::Message;
use tonic::Status;
use tonic::body::Body;

use super::dial::Dialler;
use super::{Answer, Upstream, root_cause};
use crate::gateway::message::room::Room;
use crate::gateway::message::wire;
use crate::model::{Port, Signature};
use crate::proto::inference::model_metadata_response::TensorMetadata;
use crate::proto::inference::{
    ModelInferRequest, ModelInferResponse, ModelMetadataRequest, ModelMetadataResponse, ServerReadyRequest,
    ServerReadyResponse,
};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Pause between HTTP/2 pings on an idle connection, by which a dead peer is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// What the upstream may send ahead of an answer's reader: more than an answer has but seldom, and little enough for as
/// many as there may be at the same time.
const STREAM_WINDOW: u32 = 256 << 10;
/// As large as can be: answers that nobody reads keep no others from arriving.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// Why a call of our own to the upstream has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RemoteError {
    /// The endpoint is no `host:port`.
    #[error("'{0}' is not HOST:PORT")]
    Endpoint(String),
    /// It answered with an error.
    #[error("the upstream answered {code}: {message}", code = .0.code(), message = .0.message())]
    Status(Status),
    /// Its answer can't be read.
    #[error("the upstream's answer cannot be read: {0}")]
    Unreadable(String),
}

/// Carries calls to a server over pooled HTTP/2 connections, made when needed and again when lost.
pub struct Remote {
    client: Client<Dialler<HttpConnector>, Body>,
    /// As the client has it, to tell why a connection is not made.
    dialler: Dialler<HttpConnector>,
    authority: Authority,
}

impl Remote {
    /// A client for the server at `endpoint` (`host:port`), plain text.
    ///
    /// # Errors
    /// When the endpoint is none.
    pub fn new(endpoint: &str) -> Result<Self, RemoteError> {
        let authority: Authority = endpoint.parse().map_err(|_| RemoteError::Endpoint(endpoint.to_owned()))?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let dialler = Dialler::new(connector);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .http2_only(true)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .http2_keep_alive_while_idle(true)
            .build(dialler.clone());
        Ok(Self { client, dialler, authority })
    }

    fn target(&self, path: Option<&PathAndQuery>) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path.cloned().unwrap_or_else(|| PathAndQuery::from_static("/")));
        Uri::from_parts(parts).unwrap_or_default()
    }

    /// Asks for a prediction on our own account.
    ///
    /// # Errors
    /// When the upstream refuses or its answer can't be read.
    pub async fn infer(&self, request: &ModelInferRequest) -> Result<ModelInferResponse, RemoteError> {
        self.unary("/inference.GRPCInferenceService/ModelInfer", request).await
    }

    /// Asks what a model takes and answers.
    ///
    /// # Errors
    /// When the upstream refuses or its answer can't be read.
    pub async fn metadata(&self, name: &str, version: &str) -> Result<ModelMetadataResponse, RemoteError> {
        let request = ModelMetadataRequest { name: name.to_owned(), version: version.to_owned() };
        self.unary("/inference.GRPCInferenceService/ModelMetadata", &request).await
    }

    /// What a model takes and answers.
    ///
    /// # Errors
    /// When the upstream refuses or its answer can't be read.
    pub async fn signature(&self, name: &str, version: &str) -> Result<Signature, RemoteError> {
        let metadata = self.metadata(name, version).await?;
        let ports = |tensors: Vec<TensorMetadata>| tensors.into_iter().map(port).collect::<Result<Vec<_>, _>>();
        Ok(Signature { inputs: ports(metadata.inputs)?, outputs: ports(metadata.outputs)? })
    }

    async fn unary<A: Message + Default>(&self, path: &'static str, message: &impl Message) -> Result<A, RemoteError> {
        let body = http_body_util::Full::new(wire::frame(&message.encode_to_vec()));
        let mut request = Request::post(path).body(Body::new(body)).map_err(unreadable)?;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        request.headers_mut().insert(header::TE, HeaderValue::from_static("trailers"));
        let response = self.call(request).await;
        if let Some(status) =
            Status::from_header_map(response.headers()).filter(|status| status.code() != tonic::Code::Ok)
        {
            return Err(RemoteError::Status(status));
        }
        let collected = response.into_body().collect().await.map_err(RemoteError::Status)?;
        if let Some(status) = collected.trailers().and_then(Status::from_header_map)
            && status.code() != tonic::Code::Ok
        {
            return Err(RemoteError::Status(status));
        }
        // Nobody compresses what we did not ask to be compressed.
        let message =
            wire::single_message(&collected.to_bytes(), None, usize::MAX, &Room::new(0)).map_err(unreadable)?;
        A::decode(message).map_err(unreadable)
    }
}

fn port(tensor: TensorMetadata) -> Result<Port, RemoteError> {
    let shape = tensor.shape.iter().map(|&side| usize::try_from(side).ok()).collect();
    Ok(Port { datatype: tensor.datatype.parse().map_err(unreadable)?, name: tensor.name, shape })
}

fn unreadable(error: impl std::fmt::Display) -> RemoteError {
    RemoteError::Unreadable(error.to_string())
}

impl Upstream for Remote {
    fn call(&self, mut request: Request<Body>) -> Answer<'_, Response<Body>> {
        *request.uri_mut() = self.target(request.uri().path_and_query());
        *request.version_mut() = http::Version::HTTP_2;
        request.headers_mut().remove(header::HOST);
        Box::pin(async move {
            match self.client.request(request).await {
                Ok(response) => response.map(Body::new),
                Err(error) => {
                    // Calls that waited for another's dialling are not told how it failed.
                    let away = self.dialler.last_failure().filter(|_| error.is_connect());
                    let cause = away.map_or_else(|| root_cause(&error), |away| away.to_string());
                    tracing::debug!(error = %cause, "call to the upstream failed");
                    Status::unavailable(format!("the classifier behind this gateway cannot be reached: {cause}"))
                        .into_http()
                }
            }
        })
    }

    fn ready(&self) -> Answer<'_, bool> {
        Box::pin(async {
            let path = "/inference.GRPCInferenceService/ServerReady";
            let answer: Result<ServerReadyResponse, _> = self.unary(path, &ServerReadyRequest {}).await;
            answer.is_ok_and(|answer| answer.ready)
        })
    }
}
