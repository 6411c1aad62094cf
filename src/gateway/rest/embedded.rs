//! The models of this process over HTTP: each request is asked over gRPC, without a wire.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use prost::Message;
use serde_json::{Value, json};
use tonic::Status;
use tonic::body::Body;

use super::layout::Layout;
use super::message::{self, Written};
use super::route::{Model, model_path};
use super::{error, transport};
use crate::detect::Reason;
use crate::gateway::guard::transport::Read;
use crate::gateway::message::room::Room;
use crate::gateway::message::tee::Frames;
use crate::gateway::trace;
use crate::gateway::upstream::{RemoteError, Upstream, unary};
use crate::proto::inference::model_metadata_response::TensorMetadata;
use crate::proto::inference::{
    ModelInferResponse, ModelMetadataRequest, ModelMetadataResponse, ModelReadyRequest, ModelReadyResponse,
    ServerMetadataRequest, ServerMetadataResponse, ServerReadyRequest, ServerReadyResponse,
};
use crate::telemetry::Trace;

/// Serves what a gRPC upstream in this process serves.
pub(crate) struct Embedded {
    upstream: Arc<dyn Upstream>,
    max_message_bytes: usize,
    room: Room,
}

impl Embedded {
    /// The models of `upstream`, for requests of up to `max_message_bytes`, as far as there is `room` to hold them.
    pub(crate) fn new(upstream: Arc<dyn Upstream>, max_message_bytes: usize, room: Room) -> Self {
        Self { upstream, max_message_bytes, room }
    }

    pub(super) async fn call(&self, request: Request<Body>) -> Response<Body> {
        self.answer(request).await.unwrap_or_else(|status| error::response(&status))
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        let get = [Method::GET, Method::HEAD].contains(&head.method);
        match model_path(path) {
            Some((model, Some("infer"))) if head.method == Method::POST => self.infer(&model, &head, body).await,
            Some((model, Some("ready"))) if get => self.model_ready(model).await,
            Some((model, None)) if get => self.model_metadata(model).await,
            _ if get => match path {
                "/v2" => self.metadata().await,
                "/v2/health/live" => Ok(document(&json!({ "live": true }))),
                "/v2/health/ready" => self.ready().await,
                _ => Err(nowhere(path)),
            },
            _ => Err(nowhere(path)),
        }
    }

    async fn ready(&self) -> Result<Response<Body>, Status> {
        let ServerReadyResponse { ready } =
            self.ask("/inference.GRPCInferenceService/ServerReady", &ServerReadyRequest {}).await?;
        Ok(readiness(ready))
    }

    async fn model_ready(&self, Model { name, version }: Model) -> Result<Response<Body>, Status> {
        let ModelReadyResponse { ready } =
            self.ask("/inference.GRPCInferenceService/ModelReady", &ModelReadyRequest { name, version }).await?;
        Ok(readiness(ready))
    }

    async fn metadata(&self) -> Result<Response<Body>, Status> {
        let ServerMetadataResponse { name, version, .. } =
            self.ask("/inference.GRPCInferenceService/ServerMetadata", &ServerMetadataRequest {}).await?;
        Ok(document(&json!({ "name": name, "version": version, "extensions": ["binary_tensor_data"] })))
    }

    async fn model_metadata(&self, Model { name, version }: Model) -> Result<Response<Body>, Status> {
        let ModelMetadataResponse { name, versions, platform, inputs, outputs } =
            self.ask("/inference.GRPCInferenceService/ModelMetadata", &ModelMetadataRequest { name, version }).await?;
        Ok(document(&json!({
            "name": name,
            "versions": versions,
            "platform": platform,
            "inputs": inputs.iter().map(tensor).collect::<Value>(),
            "outputs": outputs.iter().map(tensor).collect::<Value>(),
        })))
    }

    async fn infer(&self, model: &Model, head: &Parts, body: Body) -> Result<Response<Body>, Status> {
        let (limit, body) = (self.max_message_bytes, self.take_in(body).await?);
        let trace = trace::of(&head.extensions);
        let read =
            Layout::of(&head.headers).and_then(|layout| message::request(model, &layout, &body, limit, &self.room));
        let Read { request, held: _held, .. } = read.map_err(|reason| match reason {
            Reason::Overload => no_room(),
            _ => Status::invalid_argument(format!("the body is no request that can be read ({})", reason.name())),
        })?;
        let response: ModelInferResponse =
            self.ask_within(&trace, "/inference.GRPCInferenceService/ModelInfer", &request).await?;
        let written = message::written(&response, |output| message::asks_for_binary(&request, output));
        let Written { body, document } = written.map_err(|error| {
            Status::invalid_argument(format!("the answer cannot be written ({error}): ask for binary data"))
        })?;
        let (mut parts, body) = Response::new(Body::new(Full::new(body))).into_parts();
        let kind = if document.is_some() { "application/octet-stream" } else { "application/json" };
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        transport::lay_out(&mut parts, document);
        Ok(Response::from_parts(parts, body))
    }

    /// The whole body, if it may be held.
    async fn take_in(&self, mut body: Body) -> Result<Bytes, Status> {
        let (mut frames, held, limit) = (Frames::default(), self.room.nothing(), self.max_message_bytes);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            if frames.len().saturating_add(data.len()) > limit {
                return Err(Status::resource_exhausted(format!("the body is larger than the {limit} bytes allowed")));
            }
            if !held.take(data.len()) {
                return Err(no_room());
            }
            frames.push(&data);
        }
        Ok(held.keep(frames.joined()))
    }

    /// Asks over gRPC.
    async fn ask<A: Message + Default>(&self, path: &'static str, message: &impl Message) -> Result<A, Status> {
        self.ask_within(&Trace::default(), path, message).await
    }

    /// As [`Embedded::ask`], within `trace`.
    async fn ask_within<A: Message + Default>(
        &self,
        trace: &Trace,
        path: &'static str,
        message: &impl Message,
    ) -> Result<A, Status> {
        unary(&*self.upstream, path, message, trace).await.map_err(|error| match error {
            RemoteError::Status(status) => status,
            other => Status::internal(other.to_string()),
        })
    }
}

fn no_room() -> Status {
    Status::resource_exhausted("too many requests are under way: send it again later")
}

fn nowhere(path: &str) -> Status {
    Status::not_found(format!("there is nothing at {path} that this method asks for"))
}

fn readiness(ready: bool) -> Response<Body> {
    let mut response = document(&json!({ "ready": ready }));
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

fn document(value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::from(value.to_string())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn tensor(metadata: &TensorMetadata) -> Value {
    json!({ "name": metadata.name, "datatype": metadata.datatype, "shape": metadata.shape })
}
