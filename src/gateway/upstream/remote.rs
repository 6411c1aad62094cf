//! A classifier's server, over HTTP/2.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full};
use prost::Message;
use tokio::sync::OnceCell;
use tonic::Status;
use tonic::body::Body;

use super::channel::{Channel, Peer};
use super::{Answer, Upstream};
use crate::config::{Endpoint, Mistake};
use crate::gateway::credentials::Refresh;
use crate::gateway::listen::operation;
use crate::gateway::message::room::Room;
use crate::gateway::message::stream::StreamForm;
use crate::gateway::message::wire;
use crate::gateway::trace;
use crate::model::{Port, Signature};
use crate::proto::inference::model_metadata_response::TensorMetadata;
use crate::proto::inference::{
    ModelInferRequest, ModelInferResponse, ModelMetadataRequest, ModelMetadataResponse, ServerMetadataRequest,
    ServerMetadataResponse, ServerReadyRequest, ServerReadyResponse,
};
use crate::telemetry::Trace;

/// Why a call of our own to the upstream has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RemoteError {
    /// There is no connection, for this reason.
    #[error("{0}")]
    Unreachable(String),
    /// It answered with an error.
    #[error("the upstream answered {code}: {message}", code = .0.code(), message = .0.message())]
    Status(Status),
    /// Its answer can't be read.
    #[error("the upstream's answer cannot be read: {0}")]
    Unreadable(String),
}

/// Carries calls to a server.
pub struct Remote {
    channel: Channel,
    /// Asked once, when it first matters.
    stream_form: OnceCell<StreamForm>,
}

impl Remote {
    /// A client for the server at `endpoint`.
    ///
    /// # Errors
    /// When the endpoint names no host, or a file of its TLS is not what it should be.
    pub fn new(endpoint: &Endpoint) -> Result<Self, Mistake> {
        Channel::http_2(endpoint, Peer::Upstream).map(|channel| Self { channel, stream_form: OnceCell::new() })
    }

    /// What its TLS is made of, to be kept up to date.
    pub(crate) fn credentials(&self) -> Option<Arc<dyn Refresh>> {
        self.channel.credentials()
    }

    /// Asks for a prediction on our own account, within `trace`.
    ///
    /// # Errors
    /// When the upstream refuses or its answer can't be read.
    pub async fn infer(&self, request: &ModelInferRequest, trace: &Trace) -> Result<ModelInferResponse, RemoteError> {
        unary(self, "/inference.GRPCInferenceService/ModelInfer", request, trace).await
    }

    /// Asks what a model takes and answers.
    ///
    /// # Errors
    /// When the upstream refuses or its answer can't be read.
    pub async fn metadata(&self, name: &str, version: &str) -> Result<ModelMetadataResponse, RemoteError> {
        let request = ModelMetadataRequest { name: name.to_owned(), version: version.to_owned() };
        unary(self, "/inference.GRPCInferenceService/ModelMetadata", &request, &Trace::default()).await
    }

    /// What a model takes and answers.
    ///
    /// # Errors
    /// When the upstream refuses or its answer can't be read.
    pub async fn signature(&self, name: &str, version: &str) -> Result<Signature, RemoteError> {
        signature_of(self.metadata(name, version).await?)
    }
}

/// What a model takes and answers, as its metadata tell.
///
/// # Errors
/// When a datatype is unknown.
pub fn signature_of(metadata: ModelMetadataResponse) -> Result<Signature, RemoteError> {
    let ports = |tensors: Vec<TensorMetadata>| tensors.into_iter().map(port).collect::<Result<Vec<_>, _>>();
    Ok(Signature { inputs: ports(metadata.inputs)?, outputs: ports(metadata.outputs)? })
}

/// Asks an upstream on our own account, within `trace`.
///
/// # Errors
/// When it refuses or its answer can't be read.
pub(in crate::gateway) async fn unary<A: Message + Default>(
    upstream: &dyn Upstream,
    path: &'static str,
    message: &impl Message,
    trace: &Trace,
) -> Result<A, RemoteError> {
    let mut request = unary_request(path, wire::frame(&message.encode_to_vec()))?;
    trace::attach(trace, &mut request);
    let response = upstream.call(request).await;
    if let Some(status) = Status::from_header_map(response.headers()).filter(|status| status.code() != tonic::Code::Ok)
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
    let message = wire::single_message(&collected.to_bytes(), None, usize::MAX, &Room::new(0)).map_err(unreadable)?;
    A::decode(message).map_err(unreadable)
}

/// A call of our own with one framed message.
///
/// # Errors
/// When the path is none.
pub(in crate::gateway) fn unary_request(path: &'static str, frame: Bytes) -> Result<Request<Body>, RemoteError> {
    let mut request = Request::post(path).body(Body::new(Full::new(frame))).map_err(unreadable)?;
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    request.headers_mut().insert(header::TE, HeaderValue::from_static("trailers"));
    Ok(request)
}

fn port(tensor: TensorMetadata) -> Result<Port, RemoteError> {
    let shape = tensor.shape.iter().map(|&side| usize::try_from(side).ok()).collect();
    Ok(Port { datatype: tensor.datatype.parse().map_err(unreadable)?, name: tensor.name, shape })
}

fn unreadable(error: impl std::fmt::Display) -> RemoteError {
    RemoteError::Unreadable(error.to_string())
}

impl Upstream for Remote {
    fn call(&self, request: Request<Body>) -> Answer<'_, Response<Body>> {
        Box::pin(async move {
            match trace::send(&self.channel, request, |request| operation(request.uri().path())).await {
                Ok(response) => response,
                Err(cause) => {
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
            let answer: Result<ServerReadyResponse, _> =
                unary(self, path, &ServerReadyRequest {}, &Trace::default()).await;
            answer.is_ok_and(|answer| answer.ready)
        })
    }

    fn stream_form(&self) -> Answer<'_, StreamForm> {
        Box::pin(async {
            let ask = || async {
                let path = "/inference.GRPCInferenceService/ServerMetadata";
                let metadata: ServerMetadataResponse =
                    unary(self, path, &ServerMetadataRequest {}, &Trace::default()).await?;
                Ok::<_, RemoteError>(StreamForm::of_server(&metadata.name))
            };
            self.stream_form.get_or_try_init(ask).await.copied().unwrap_or(StreamForm::Bare)
        })
    }
}
