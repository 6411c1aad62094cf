//! `portcullis.v1.Inspector`: the operator's side.

use std::pin::Pin;

use futures_util::{Stream, StreamExt};
use tonic::{Request, Response, Status};

use super::watch::{detection, verdict};
use crate::data::{Options, decode_picture};
use crate::detect::Reason;
use crate::evidence::Interest;
use crate::gateway::detections::{self, MOST_SQUEEZED};
use crate::gateway::examine::guarded::GuardedModel;
use crate::gateway::lifecycle::serving::Current;
use crate::gateway::message::codec;
use crate::gateway::message::view::{self, Sent};
use crate::proto::portcullis::v1::inspect_request::Input;
use crate::proto::portcullis::v1::inspector_server::Inspector;
use crate::proto::portcullis::v1::{Detection, InspectRequest, InspectResponse, Tensor, WatchDetectionsRequest};
use crate::telemetry::{self, Delivery};
use crate::tensor::{self, Elements, Picture};

/// Records and texts that wait for a slow reader, in bytes; older ones are lost to it.
const BACKLOG: usize = 4 << 20;
/// The name under which those who watch are counted.
const WATCH: &str = "watch";

/// Examines what operators send, and streams detections to them.
pub(crate) struct InspectorService {
    current: Current,
}

impl InspectorService {
    pub(crate) fn new(current: Current) -> Self {
        Self { current }
    }
}

#[tonic::async_trait]
impl Inspector for InspectorService {
    async fn inspect(&self, request: Request<InspectRequest>) -> Result<Response<InspectResponse>, Status> {
        let InspectRequest { model: name, input } = request.into_inner();
        let serving = self.current.get();
        let model = serving.guard.model(&name);
        let model = model.ok_or_else(|| Status::not_found(format!("no model '{name}' is guarded here")))?;
        let sent = match input {
            Some(Input::Picture(encoded)) => vec![Sent::Item(picture(model, &encoded)?.into(), None)],
            Some(Input::Tensor(tensor)) => decode_tensor(model, &tensor)?,
            None => return Err(Status::invalid_argument("give a picture or a tensor")),
        };
        let examination = model.inspect(sent);
        // No answer of the upstream's is waited for: the original is predicted with the copies.
        let examined = examination.decide(std::future::ready(Err(Reason::Prediction))).await;
        let mut room = MOST_SQUEEZED;
        let items = examined.iter().enumerate().map(|(at, examined)| {
            let input = detections::input(model, examined, &mut room);
            verdict(&detections::item(model, at, examined), input.as_ref())
        });
        Ok(Response::new(InspectResponse { model: name, items: items.collect() }))
    }

    type WatchDetectionsStream = Pin<Box<dyn Stream<Item = Result<Detection, Status>> + Send>>;

    async fn watch_detections(
        &self,
        request: Request<WatchDetectionsRequest>,
    ) -> Result<Response<Self::WatchDetectionsStream>, Status> {
        let wanted = request.into_inner().model;
        let subscription = self.current.get().guard.detections().feed().subscribe(WATCH, Interest::Texts, BACKLOG);
        let wanted = subscription.stream().filter_map(move |event| {
            let is_wanted = wanted.is_empty() || event.detection.model == wanted;
            std::future::ready(is_wanted.then(|| {
                telemetry::detections_delivered(WATCH, Delivery::Delivered, 1);
                Ok(detection(&event))
            }))
        });
        Ok(Response::new(Box::pin(wanted)))
    }
}

fn picture(model: &GuardedModel, encoded: &[u8]) -> Result<Picture, Status> {
    let input = model.input.pictures();
    let input = input.map_err(|_| Status::invalid_argument("the model takes text: give it as a tensor of BYTES"))?;
    if input.encoded.is_some() {
        let picture = codec::decode(encoded, &model.input, model.max_pixels);
        return picture.map_err(|error| Status::invalid_argument(error.to_string()));
    }
    decode_picture(encoded, &Options::of(input)).map_err(|error| Status::invalid_argument(error.to_string()))
}

fn decode_tensor(model: &GuardedModel, tensor: &Tensor) -> Result<Vec<Sent>, Status> {
    let invalid = |error: String| Status::invalid_argument(error);
    let datatype = tensor.datatype.parse().map_err(|error: crate::tensor::TensorError| invalid(error.to_string()))?;
    let shape = tensor
        .shape
        .iter()
        .map(|&side| usize::try_from(side))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| invalid(format!("shape {:?} has a negative side", tensor.shape)))?;
    let elements =
        Elements::from_raw(datatype, &shape, &tensor.contents).map_err(|error| invalid(error.to_string()))?;
    let tensor = tensor::Tensor { name: model.input.sent_name().to_owned(), shape, elements };
    let sent = view::sent_in(tensor, &model.input, model.most.text).and_then(|items| items.into_iter().collect());
    sent.map_err(|error| invalid(error.to_string()))
}
