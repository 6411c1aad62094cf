//! A client of the Open Inference Protocol: what an application sends, and what it gets back.

pub(super) mod caller;
pub(super) mod operator;

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tonic::Status;

use crate::config::Endpoint;
use crate::gateway::examine::copies::Habits;
use crate::gateway::guard::answer::DECISION_HEADER;
use crate::gateway::listen::code_name;
use crate::gateway::message::codec;
use crate::gateway::message::view;
use crate::gateway::upstream::{Channel, Peer, RemoteError};
use crate::model::{Distribution, InputSpec};
use crate::profile::ModelIdentity;
use crate::proto::inference::grpc_inference_service_client::GrpcInferenceServiceClient;
use crate::proto::inference::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use crate::proto::inference::{ModelInferRequest, ModelMetadataRequest};
use crate::tensor::{Item, Tensor};

/// Largest answer that is read.
const LARGEST_ANSWER: usize = 16 << 20;

/// What a client gets for one item.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The classifier's prediction.
    Predicted(Distribution),
    /// The gateway's refusal: the gRPC code and the message.
    Refused(String),
}

/// Asks one model for predictions, over one HTTP/2 connection. Copies share the connection.
#[derive(Clone)]
pub struct Client {
    service: GrpcInferenceServiceClient<Channel>,
    model: Arc<ModelIdentity>,
    habits: Habits,
}

impl Client {
    /// Connects to the server at `endpoint` as a client of `model`.
    ///
    /// # Errors
    /// When nothing answers there, or a file of its TLS is not what it should be.
    pub async fn connect(endpoint: &Endpoint, model: ModelIdentity) -> Result<Self, RemoteError> {
        let channel = connected(endpoint).await?;
        let mut service = GrpcInferenceServiceClient::new(channel).max_decoding_message_size(LARGEST_ANSWER);
        let asked = ModelMetadataRequest { name: model.name.clone(), version: String::new() };
        // Pixels have their shape; only how files are listed has to be asked for, and then it can be guessed too.
        let told = if model.input.takes_bytes() { service.model_metadata(asked).await.ok() } else { None };
        let habits = told.map(|told| Habits::of(told.get_ref(), &model.input)).unwrap_or_default();
        Ok(Self { service, model: Arc::new(model), habits })
    }

    /// Sends one item, encoded as the model's input lays down.
    ///
    /// # Errors
    /// When the call fails other than by a gateway's refusal, or the answer holds no prediction.
    pub async fn classify(&self, item: impl Into<Item>) -> Result<Answer, RemoteError> {
        let request = self.request(item.into())?;
        match self.service.clone().model_infer(request).await {
            Ok(response) => {
                let predictions = view::predictions_of(response.get_ref(), &self.model.output, 1);
                let prediction = predictions.map_err(RemoteError::Unreadable)?.pop().and_then(Result::ok);
                prediction
                    .map(Answer::Predicted)
                    .ok_or_else(|| RemoteError::Unreadable("it holds no prediction".to_owned()))
            }
            Err(status) => refusal(status),
        }
    }

    /// Sends `items`, `at_once` of them at a time; `done` is called after each. The answers are in their order.
    ///
    /// # Errors
    /// The first of [`Client::classify`].
    pub async fn classify_all(
        &self,
        items: impl IntoIterator<Item = impl Into<Item>>,
        at_once: usize,
        mut done: impl FnMut(),
    ) -> Result<Vec<Answer>, RemoteError> {
        let mut answers = Vec::new();
        let mut underway: VecDeque<JoinHandle<Result<Answer, RemoteError>>> = VecDeque::new();
        let mut items = items.into_iter();
        loop {
            while underway.len() < at_once.max(1)
                && let Some(item) = items.next()
            {
                let (client, item) = (self.clone(), item.into());
                underway.push_back(tokio::spawn(async move { client.classify(item).await }));
            }
            let Some(first) = underway.pop_front() else { return Ok(answers) };
            answers.push(first.await.map_err(|error| RemoteError::Unreadable(error.to_string()))??);
            done();
        }
    }

    fn request(&self, item: Item) -> Result<ModelInferRequest, RemoteError> {
        let ModelIdentity { name, input, output, .. } = self.model.as_ref();
        let tensors = tensors_of(item, input, self.habits.in_rows)?;
        Ok(infer_request(name.clone(), String::new(), &tensors, output.name.clone()))
    }
}

/// A channel to `endpoint` that has been tried.
async fn connected(endpoint: &Endpoint) -> Result<Channel, RemoteError> {
    let channel =
        Channel::http_2(endpoint, Peer::Upstream).map_err(|mistake| RemoteError::Unreachable(mistake.message))?;
    match channel.reach().await {
        Ok(()) => Ok(channel),
        Err(cause) => Err(RemoteError::Unreachable(format!("no gateway answers on {endpoint}: {cause}"))),
    }
}

/// One item, encoded as `input` lays down.
fn tensors_of(item: Item, input: &InputSpec, in_rows: bool) -> Result<Vec<Tensor>, RemoteError> {
    let unsendable = |error: &dyn std::error::Error| RemoteError::Unreadable(error.to_string());
    let packed = codec::pack(item, input).map_err(|error| unsendable(&error))?;
    codec::batch(&[packed], input, in_rows).map_err(|error| unsendable(&error))
}

/// A gateway's refusal says what it decided; any other status is a failure.
fn is_refusal(status: &Status) -> bool {
    status.metadata().contains_key(DECISION_HEADER)
}

fn refusal(status: Status) -> Result<Answer, RemoteError> {
    if is_refusal(&status) {
        return Ok(Answer::Refused(format!("{}: {}", code_name(status.code()), status.message())));
    }
    Err(RemoteError::Status(status))
}

/// A request for one output, with raw contents; `version` is empty for the server's choice.
pub(super) fn infer_request(model: String, version: String, tensors: &[Tensor], output: String) -> ModelInferRequest {
    let input = |tensor: &Tensor| InferInputTensor {
        name: tensor.name.clone(),
        datatype: tensor.elements.datatype().name().to_owned(),
        shape: tensor.shape.iter().map(|&side| i64::try_from(side).unwrap_or(i64::MAX)).collect(),
        ..InferInputTensor::default()
    };
    ModelInferRequest {
        model_name: model,
        model_version: version,
        inputs: tensors.iter().map(input).collect(),
        raw_input_contents: tensors.iter().map(|tensor| tensor.elements.to_raw()).collect(),
        outputs: vec![InferRequestedOutputTensor { name: output, ..Default::default() }],
        ..ModelInferRequest::default()
    }
}
