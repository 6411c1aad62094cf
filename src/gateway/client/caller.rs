//! A client that sends the same requests over and over, to see how its server bears it.

use bytes::Bytes;
use http_body_util::BodyExt;
use prost::Message;
use tonic::{Code, Status};

use super::{connected, infer_request, is_refusal, tensors_of};
use crate::config::Endpoint;
use crate::gateway::examine::copies::Habits;
use crate::gateway::listen::code_name;
use crate::gateway::message::wire;
use crate::gateway::upstream::{Channel, RemoteError, unary_request};
use crate::load::{Outcome, Target};
use crate::model::InputSpec;
use crate::proto::inference::{ModelInferRequest, ModelMetadataResponse};
use crate::tensor::{Item, Tensor};

/// A request for a prediction, ready to be sent any number of times.
#[derive(Debug, Clone)]
pub struct Prepared(Bytes);

impl Prepared {
    /// A request with these inputs; `version` is empty for the server's choice.
    pub fn new(model: &str, version: &str, tensors: &[Tensor]) -> Self {
        let request = infer_request(model.to_owned(), version.to_owned(), tensors, String::new());
        // All outputs, as of a client that does not choose.
        let request = ModelInferRequest { outputs: Vec::new(), ..request };
        Self(wire::frame(&request.encode_to_vec()))
    }

    /// A request about one item, encoded as `input` lays down and as the server's `metadata` tell.
    ///
    /// # Errors
    /// When the item cannot be encoded so.
    pub fn of_item(
        (model, version): (&str, &str),
        metadata: &ModelMetadataResponse,
        input: &InputSpec,
        item: Item,
    ) -> Result<Self, RemoteError> {
        let tensors = tensors_of(item, input, Habits::of(metadata, input).in_rows)?;
        Ok(Self::new(model, version, &tensors))
    }
}

/// Sends requests in turn, each over the next of its connections.
pub struct Caller {
    channels: Vec<Channel>,
    requests: Vec<Prepared>,
}

impl Caller {
    /// Connects to the server at `endpoint`; `requests` has one at least, and `connections` is not 0.
    ///
    /// # Errors
    /// When nothing answers there, or a file of its TLS is not what it should be.
    pub async fn connect(
        endpoint: &Endpoint,
        connections: usize,
        requests: Vec<Prepared>,
    ) -> Result<Self, RemoteError> {
        let mut channels = Vec::with_capacity(connections);
        for _ in 0..connections {
            channels.push(connected(endpoint).await?);
        }
        Ok(Self { channels, requests })
    }

    /// Sends every request once, so that a mistake shows before there is any load. Refusals are no mistakes.
    ///
    /// # Errors
    /// When one fails.
    pub async fn rehearse(&self) -> Result<(), RemoteError> {
        for index in 0..self.requests.len().max(self.channels.len()) {
            match self.ask(index).await {
                Err(RemoteError::Status(status)) if is_refusal(&status) => {}
                answered => answered?,
            }
        }
        Ok(())
    }

    async fn ask(&self, index: usize) -> Result<(), RemoteError> {
        let Prepared(frame) = &self.requests[index % self.requests.len()];
        let request = unary_request("/inference.GRPCInferenceService/ModelInfer", frame.clone())?;
        let channel = &self.channels[index % self.channels.len()];
        let (answer, mut body) = channel.send(request).await.map_err(RemoteError::Unreachable)?.into_parts();
        let mut status = Status::from_header_map(&answer.headers);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| RemoteError::Unreadable(error.to_string()))?;
            status = frame.trailers_ref().and_then(Status::from_header_map).or(status);
        }
        match status {
            Some(status) if status.code() == Code::Ok => Ok(()),
            Some(status) => Err(RemoteError::Status(status)),
            None => Err(RemoteError::Unreadable(format!("it is no gRPC, but HTTP {}", answer.status))),
        }
    }
}

impl Target for Caller {
    async fn send(&self, index: u64) -> Outcome {
        match self.ask(index as usize).await {
            Ok(()) => Outcome::Answered,
            Err(RemoteError::Status(status)) if is_refusal(&status) => Outcome::Refused(code_name(status.code())),
            Err(RemoteError::Status(status)) => Outcome::Failed(code_name(status.code())),
            Err(RemoteError::Unreachable(_)) => Outcome::Failed(code_name(Code::Unavailable)),
            Err(RemoteError::Unreadable(_)) => Outcome::Failed(code_name(Code::Unknown)),
        }
    }
}
