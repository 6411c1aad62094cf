//! Models served by this process, as the Open Inference Protocol lays down.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt, stream::iter};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tonic::body::Body;
use tonic::codegen::{CompressionEncoding, Service};
use tonic::{Code, Status};

use super::weighed::{weighed, weight};
use super::{Answer, Upstream};
use crate::gateway::guard::grpc::header;
use crate::gateway::message::outputs::{output_tensor, raw_contents};
use crate::gateway::message::room::{Held, NO_ROOM, Room};
use crate::gateway::message::stream::{self, StreamForm};
use crate::gateway::message::tee::Frames;
use crate::gateway::message::{view, wire};
use crate::gateway::trace;
use crate::model::{JobError, ModelError, OnnxModel, Port, Workers};
use crate::proto::inference::grpc_inference_service_server::{GrpcInferenceService, GrpcInferenceServiceServer};
use crate::proto::inference::model_metadata_response::TensorMetadata;
use crate::proto::inference::{
    ModelInferRequest, ModelInferResponse, ModelMetadataRequest, ModelMetadataResponse, ModelReadyRequest,
    ModelReadyResponse, ModelStreamInferResponse, ServerLiveRequest, ServerLiveResponse, ServerMetadataRequest,
    ServerMetadataResponse, ServerReadyRequest, ServerReadyResponse,
};
use crate::telemetry::{CLASSIFIER, Trace};
use crate::tensor::{Datatype, Tensor};

/// The version that a model has where the configuration gives none.
const DEFAULT_VERSION: &str = "1";
/// Items of one request that are predicted at a time, so that one large batch does not fill the workers' queue.
const ITEMS_UNDER_WAY: usize = 16;
/// Requests of one stream that are answered at a time, likewise.
const REQUESTS_UNDER_WAY: usize = 4;

/// A model under the name by which clients ask for it.
pub struct EmbeddedModel {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// The model.
    pub model: Arc<OnnxModel>,
    /// Tokens of one text at most, where it takes tokens.
    pub longest: Option<usize>,
}

/// Serves ONNX models on this process's workers.
pub struct Embedded {
    service: GrpcInferenceServiceServer<Models>,
    largest: usize,
    room: Room,
}

impl Embedded {
    /// A server for `models` that takes messages of up to `max_message_bytes`.
    pub fn new(models: Vec<EmbeddedModel>, workers: Arc<Workers>, max_message_bytes: usize) -> Self {
        let models = models.into_iter().map(|model| (model.name.clone(), model)).collect();
        let service = GrpcInferenceServiceServer::new(Models { models: Arc::new(models), workers })
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Deflate)
            .max_decoding_message_size(max_message_bytes)
            .max_encoding_message_size(usize::MAX);
        Self { service, largest: max_message_bytes, room: Room::new(usize::MAX) }
    }

    /// The same server, which holds requests as far as there is `room`.
    pub(crate) fn within(self, room: Room) -> Self {
        Self { room, ..self }
    }

    /// The whole request, if it and what it is decoded to may be `held`.
    async fn take_in(&self, request: Request<Body>, held: &Held) -> Result<Request<Body>, Status> {
        let (parts, mut body) = request.into_parts();
        let mut frames = Frames::default();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            let length = frames.len().saturating_add(data.len());
            if length > self.largest.saturating_add(wire::HEADER) {
                return Err(too_large(length, self.largest));
            }
            // Once here and once where it is decoded.
            if !held.take(2 * data.len()) {
                return Err(Status::resource_exhausted(NO_ROOM));
            }
            frames.push(&data);
        }
        let bytes = frames.joined();
        if parts.uri.path().ends_with("/ModelInfer") {
            let encoding = header(&parts.headers, "grpc-encoding");
            if !held.take(weight(&bytes, encoding.as_deref(), self.largest, &self.room)?) {
                return Err(Status::resource_exhausted(NO_ROOM));
            }
        }
        Ok(Request::from_parts(parts, Body::new(Full::new(bytes))))
    }

    /// The whole answer, if it may be held until the client has taken it.
    async fn give_out(&self, response: Response<Body>) -> Result<Response<Body>, Status> {
        let (parts, body) = response.into_parts();
        let collected = body.collect().await?;
        let trailers = collected.trailers().cloned();
        let (bytes, held) = (collected.to_bytes(), self.room.nothing());
        if !held.take(bytes.len()) {
            return Err(Status::resource_exhausted(NO_ROOM));
        }
        let body = match trailers {
            Some(trailers) => {
                Body::new(Full::new(held.keep(bytes)).with_trailers(std::future::ready(Some(Ok(trailers)))))
            }
            None => Body::empty(),
        };
        Ok(Response::from_parts(parts, body))
    }
}

pub(super) fn too_large(bytes: usize, limit: usize) -> Status {
    Status::out_of_range(format!("the request takes {bytes} bytes, more than the {limit} allowed"))
}

impl Upstream for Embedded {
    fn call(&self, request: Request<Body>) -> Answer<'_, Response<Body>> {
        let mut service = self.service.clone();
        Box::pin(async move {
            let held = self.room.nothing();
            // Streams are held message by message.
            if request.uri().path().ends_with("/ModelStreamInfer") {
                let encoding = header(request.headers(), "grpc-encoding");
                let request = request.map(|body| weighed(body, encoding, self.largest, &self.room));
                return match service.call(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                };
            }
            let request = match self.take_in(request, &held).await {
                Ok(request) => request,
                Err(status) => return status.into_http(),
            };
            match service.call(request).await {
                Ok(response) => self.give_out(response).await.unwrap_or_else(Status::into_http),
                Err(never) => match never {},
            }
        })
    }

    fn ready(&self) -> Answer<'_, bool> {
        Box::pin(std::future::ready(true))
    }

    fn stream_form(&self) -> Answer<'_, StreamForm> {
        Box::pin(std::future::ready(StreamForm::Wrapped))
    }
}

#[derive(Clone)]
struct Models {
    models: Arc<HashMap<String, EmbeddedModel>>,
    workers: Arc<Workers>,
}

impl Models {
    fn find(&self, name: &str, version: &str) -> Result<&EmbeddedModel, Status> {
        self.models
            .get(name)
            .filter(|model| version.is_empty() || version == model.version())
            .ok_or_else(|| Status::not_found(format!("there is no model '{name}' {version}").trim_end().to_owned()))
    }

    /// Runs the items of a batch one by one, spread over the workers: so it is on a CPU as fast as in one go, the
    /// answer for an item does not depend on its neighbours, and models with a fixed batch of one serve any batch.
    async fn run(
        &self,
        model: &Arc<OnnxModel>,
        inputs: Vec<Tensor>,
        wanted: Vec<String>,
    ) -> Result<Vec<Tensor>, Status> {
        let items = batch_size(model, &inputs);
        let run = |item| {
            let single =
                if items == 1 { inputs.clone() } else { inputs.iter().map(|input| input.item(item)).collect() };
            let (model, wanted) = (model.clone(), wanted.clone());
            self.workers.submit_first(move |worker| model.run(worker, &single, &wanted)).ready()
        };
        let mut runs = iter(0..items).map(run).buffered(ITEMS_UNDER_WAY);
        let mut batch: Vec<Tensor> = Vec::new();
        while let Some(outputs) = runs.next().await {
            let outputs = outputs.map_err(job_status)?.map_err(model_status)?;
            if batch.is_empty() {
                batch = outputs;
            } else {
                for (all, one) in batch.iter_mut().zip(outputs) {
                    all.append(one).map_err(|error| Status::internal(error.to_string()))?;
                }
            }
        }
        Ok(batch)
    }

    /// Answers one request, whose spans belong into `trace`.
    async fn infer(&self, request: ModelInferRequest, trace: &Trace) -> Result<ModelInferResponse, Status> {
        let model = self.find(&request.model_name, &request.model_version)?;
        let (inputs, wanted) = (model.inputs(&request)?, model.wanted(&request)?);
        let asking = trace.inference_begun(&model.name, CLASSIFIER);
        let outputs = self.run(&model.model, inputs, wanted).await?;
        drop(asking);
        let raw = !request.raw_input_contents.is_empty() || outputs.iter().any(travels_raw_only);
        Ok(ModelInferResponse {
            model_name: request.model_name,
            model_version: model.version().to_owned(),
            id: request.id,
            parameters: HashMap::new(),
            raw_output_contents: raw_contents(&outputs, raw),
            outputs: outputs.into_iter().map(|output| output_tensor(output, raw)).collect(),
        })
    }

    /// The one answer to one request of a stream; an error leaves the stream going unless it is to end it.
    async fn answer(
        &self,
        request: ModelInferRequest,
        ends_on_error: bool,
        trace: &Trace,
    ) -> Result<ModelStreamInferResponse, Status> {
        let id = request.id.clone();
        match self.infer(request, trace).await {
            Ok(mut response) => {
                response.parameters.extend([stream::final_parameter()]);
                Ok(ModelStreamInferResponse { infer_response: Some(response), ..Default::default() })
            }
            Err(status) if ends_on_error => Err(status),
            Err(status) => Ok(stream::error(id, status.message())),
        }
    }
}

/// The number of items that can be run one by one: the common first dimension of all inputs, else one.
fn batch_size(model: &OnnxModel, inputs: &[Tensor]) -> usize {
    let first = inputs.first().and_then(|input| input.shape.first().copied()).unwrap_or(1).max(1);
    let common = inputs.iter().all(|input| input.shape.first() == Some(&first));
    if common && model.fixed_batch().is_none_or(|batch| batch == 1) { first } else { 1 }
}

impl EmbeddedModel {
    fn version(&self) -> &str {
        self.version.as_deref().unwrap_or(DEFAULT_VERSION)
    }

    /// The request's tensors, checked against the model's signature.
    fn inputs(&self, request: &ModelInferRequest) -> Result<Vec<Tensor>, Status> {
        let invalid = |message: String| Status::invalid_argument(message);
        for input in &request.inputs {
            if !self.model.inputs().iter().any(|port| port.name == input.name) {
                return Err(invalid(format!("model '{}' has no input '{}'", self.name, input.name)));
            }
        }
        if !request.raw_input_contents.is_empty() && request.raw_input_contents.len() != request.inputs.len() {
            return Err(invalid(format!(
                "{} raw contents for {} inputs",
                request.raw_input_contents.len(),
                request.inputs.len()
            )));
        }
        self.model
            .inputs()
            .iter()
            .map(|port| {
                let tensor = view::only_position(request, &port.name)
                    .and_then(|position| view::input_tensor(request, position))
                    .map_err(|error| invalid(error.to_string()))?;
                check(port, &tensor, self.model.fixed_batch() == Some(1)).map_err(invalid)?;
                if let (Some(most), Some(&length)) = (self.longest, tensor.shape.get(1))
                    && length > most
                {
                    return Err(invalid(format!("input '{}' has {length} tokens a text, more than {most}", port.name)));
                }
                Ok(tensor)
            })
            .collect()
    }

    /// Names of the outputs that the request asks for; empty for all.
    fn wanted(&self, request: &ModelInferRequest) -> Result<Vec<String>, Status> {
        let known = |name: &str| self.model.outputs().iter().any(|port| port.name == name);
        match request.outputs.iter().find(|output| !known(&output.name)) {
            Some(output) => {
                Err(Status::invalid_argument(format!("model '{}' has no output '{}'", self.name, output.name)))
            }
            None => Ok(request.outputs.iter().map(|output| output.name.clone()).collect()),
        }
    }
}

fn check(port: &Port, tensor: &Tensor, batch_is_split: bool) -> Result<(), String> {
    if tensor.elements.datatype() != port.datatype {
        return Err(format!("input '{}' is {}, expected {}", port.name, tensor.elements.datatype(), port.datatype));
    }
    if tensor.elements.is_empty() {
        return Err(format!("input '{}' is empty", port.name));
    }
    let fits = |(index, (expected, &actual)): (usize, (&Option<usize>, &usize))| {
        expected.is_none_or(|expected| expected == actual) || (index == 0 && batch_is_split)
    };
    let shapes_agree =
        port.shape.len() == tensor.shape.len() && port.shape.iter().zip(&tensor.shape).enumerate().all(fits);
    if shapes_agree {
        return Ok(());
    }
    let expected: Vec<String> =
        port.shape.iter().map(|side| side.map_or_else(|| "any".to_owned(), |side| side.to_string())).collect();
    Err(format!("input '{}' has shape {:?}, expected [{}]", port.name, tensor.shape, expected.join(", ")))
}

fn job_status(error: JobError) -> Status {
    match error {
        JobError::Overloaded => Status::resource_exhausted(error.to_string()),
        JobError::Expired => Status::deadline_exceeded(error.to_string()),
        JobError::Abandoned => Status::internal(error.to_string()),
    }
}

fn model_status(error: ModelError) -> Status {
    let code = if matches!(error, ModelError::Run(_)) { Code::InvalidArgument } else { Code::Internal };
    Status::new(code, error.to_string())
}

fn metadata(port: &Port) -> TensorMetadata {
    let side = |side: &Option<usize>| side.map_or(-1, |side| i64::try_from(side).unwrap_or(-1));
    TensorMetadata {
        name: port.name.clone(),
        datatype: port.datatype.name().to_owned(),
        shape: port.shape.iter().map(side).collect(),
    }
}

#[tonic::async_trait]
impl GrpcInferenceService for Models {
    async fn server_live(
        &self,
        _request: tonic::Request<ServerLiveRequest>,
    ) -> Result<tonic::Response<ServerLiveResponse>, Status> {
        Ok(tonic::Response::new(ServerLiveResponse { live: true }))
    }

    async fn server_ready(
        &self,
        _request: tonic::Request<ServerReadyRequest>,
    ) -> Result<tonic::Response<ServerReadyResponse>, Status> {
        Ok(tonic::Response::new(ServerReadyResponse { ready: true }))
    }

    async fn model_ready(
        &self,
        request: tonic::Request<ModelReadyRequest>,
    ) -> Result<tonic::Response<ModelReadyResponse>, Status> {
        let ModelReadyRequest { name, version } = request.into_inner();
        self.find(&name, &version)?;
        Ok(tonic::Response::new(ModelReadyResponse { ready: true }))
    }

    async fn server_metadata(
        &self,
        _request: tonic::Request<ServerMetadataRequest>,
    ) -> Result<tonic::Response<ServerMetadataResponse>, Status> {
        Ok(tonic::Response::new(ServerMetadataResponse {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            extensions: Vec::new(),
        }))
    }

    async fn model_metadata(
        &self,
        request: tonic::Request<ModelMetadataRequest>,
    ) -> Result<tonic::Response<ModelMetadataResponse>, Status> {
        let ModelMetadataRequest { name, version } = request.into_inner();
        let model = self.find(&name, &version)?;
        Ok(tonic::Response::new(ModelMetadataResponse {
            name,
            versions: vec![model.version().to_owned()],
            platform: "onnxruntime_onnx".to_owned(),
            inputs: model.model.inputs().iter().map(metadata).collect(),
            outputs: model.model.outputs().iter().map(metadata).collect(),
        }))
    }

    async fn model_infer(
        &self,
        request: tonic::Request<ModelInferRequest>,
    ) -> Result<tonic::Response<ModelInferResponse>, Status> {
        let trace = trace::of(request.extensions());
        self.infer(request.into_inner(), &trace).await.map(tonic::Response::new)
    }

    type ModelStreamInferStream = Pin<Box<dyn Stream<Item = Result<ModelStreamInferResponse, Status>> + Send>>;

    async fn model_stream_infer(
        &self,
        request: tonic::Request<tonic::Streaming<ModelInferRequest>>,
    ) -> Result<tonic::Response<Self::ModelStreamInferStream>, Status> {
        let models = self.clone();
        let ends_on_error = stream::errors_end_it(request.metadata().as_ref());
        let trace = trace::of(request.extensions());
        let answers = request.into_inner().map(move |request| {
            let (models, trace) = (models.clone(), trace.clone());
            async move { models.answer(request?, ends_on_error, &trace).await }
        });
        Ok(tonic::Response::new(Box::pin(answers.buffered(REQUESTS_UNDER_WAY))))
    }
}

fn travels_raw_only(output: &Tensor) -> bool {
    output.elements.datatype() == Datatype::Fp16
}
