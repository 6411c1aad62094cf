//! From a decided request to the record of its detection: made beside the request path, which only hands over what it has.

use std::sync::Arc;
use std::time::SystemTime;

use super::examine::Examined;
use super::examine::guarded::GuardedModel;
use crate::detect::{Decision, Observation};
use crate::evidence::{
    self, Client, Detection, Event, Feed, Input, Interest, Message, Prediction, Queue, SCHEMA_VERSION, SqueezedText,
};
use crate::model::Distribution;
use crate::telemetry::{self, Delivery, Outcome};

/// What may wait until it is made a record, in bytes: the oldest are lost beyond.
const BACKLOG: usize = 64 << 20;
/// Items that a record tells of at most. Of a larger batch it tells of those that are not clean.
const MOST_ITEMS: usize = 256;
/// Bytes of text of which squeezed copies are told of one detection, those of each copy counted: no batch of long texts keeps
/// its record waiting or fills what holds it.
pub(crate) const MOST_SQUEEZED: usize = 256 << 10;
/// The sink under which is counted what was lost to all.
const RECORD: &str = "record";

/// Makes records of detections, and hands them to all who want them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Detections {
    feed: Feed,
    decided: Arc<Queue<Decided>>,
}

/// A detection of which there is no record yet.
struct Decided {
    model: Arc<GuardedModel>,
    /// The record without its items.
    heading: Detection,
    examined: Vec<Examined>,
}

impl Detections {
    pub(crate) fn new() -> Self {
        Self { feed: Feed::default(), decided: Arc::new(Queue::new(BACKLOG)) }
    }

    /// Where records come out.
    pub(crate) fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Hands over a detection; nothing is kept where nobody wants it.
    pub(crate) fn publish(
        &self,
        model: &Arc<GuardedModel>,
        outcome: &Outcome,
        client: Option<&Client>,
        trace_id: Option<String>,
        examined: Vec<Examined>,
    ) {
        if !self.feed.is_watched() {
            return;
        }
        let heading = Detection {
            schema_version: SCHEMA_VERSION,
            id: outcome.id.clone(),
            time: evidence::to_the_millisecond(SystemTime::now()),
            model: model.name.to_owned(),
            decision: outcome.decision,
            reason: outcome.reason,
            action: outcome.action,
            client: client.cloned(),
            trace_id,
            batch: examined.len(),
            items: Vec::new(),
        };
        let bytes = heading.bytes() + examined.iter().map(Examined::bytes).sum::<usize>();
        let lost = self.decided.push(Decided { model: model.clone(), heading, examined }, bytes);
        telemetry::detections_delivered(RECORD, Delivery::Dropped, lost);
    }

    /// Makes records until no more detections come.
    pub(crate) async fn run(self) {
        telemetry::sink_opened(RECORD);
        while let Some(decided) = self.decided.next().await {
            let wants_inputs = self.feed.interest() > Some(Interest::Records);
            // Hashing takes as long as the input is large.
            match tokio::task::spawn_blocking(move || decided.recorded(wants_inputs)).await {
                Ok(event) => {
                    telemetry::detections_delivered(RECORD, Delivery::Delivered, 1);
                    self.feed.publish(&event);
                }
                Err(error) => {
                    tracing::error!(%error, "no record could be made of a detection");
                    telemetry::detections_delivered(RECORD, Delivery::Failed, 1);
                }
            }
        }
        self.feed.close();
    }

    /// Takes no more detections: what has come is still recorded and handed on.
    pub(crate) fn close(&self) {
        self.decided.close();
    }
}

impl Decided {
    /// Inputs are told of where anybody wants them: the copies of texts have to be made for that.
    fn recorded(self, wants_inputs: bool) -> Event {
        let Self { model, heading, examined } = self;
        let is_large = examined.len() > MOST_ITEMS;
        let told = examined.iter().enumerate().filter(|(_, item)| !is_large || item.decision() != Decision::Clean);
        let told: Vec<_> = told.take(MOST_ITEMS).collect();
        let mut room = MOST_SQUEEZED;
        let mut input = |item: &Examined| {
            if item.decision() == Decision::Clean { None } else { input(&model, item, &mut room) }
        };
        let wanted = if wants_inputs { told.as_slice() } else { &[] };
        let inputs = wanted.iter().map(|(_, item)| input(item)).collect();
        let hashed = |&(index, examined): &(usize, &Examined)| evidence::Item {
            sha256: examined.specimen.origin.as_ref().map(|origin| origin.sha256()),
            ..item(&model, index, examined)
        };
        let items = told.iter().map(hashed).collect();
        Event { detection: Arc::new(Detection { items, ..heading }), inputs }
    }
}

/// What was examined, a text with its squeezed copies as far as there is `room` for them, in bytes of text.
pub(crate) fn input(model: &GuardedModel, examined: &Examined, room: &mut usize) -> Option<Input> {
    let item = examined.specimen.item.as_ref()?;
    if let Some(picture) = item.picture() {
        return Some(Input::Picture(picture.clone()));
    }
    let text = item.text()?;
    let copies = copies(model, examined, text, room);
    Some(Input::Text(Arc::new(Message { text: text.clone(), copies })))
}

/// The copies of a text that were predicted, made once more: the request path keeps none.
fn copies(model: &GuardedModel, examined: &Examined, text: &Arc<str>, room: &mut usize) -> Vec<SqueezedText> {
    let predicted = examined.outcome.as_ref().map_or(0, |(_, observation)| observation.squeezed.len());
    let mut copies = Vec::new();
    for squeezer in model.panel.squeezers().iter().take(predicted) {
        if text.len() > *room {
            *room = 0;
            break;
        }
        let copy = SqueezedText::by(squeezer, text);
        *room = room.saturating_sub(text.len().max(copy.text.as_ref().map_or(0, String::len)));
        copies.push(copy);
    }
    copies
}

/// What is told of an item, but for its hash.
pub(crate) fn item(model: &GuardedModel, index: usize, examined: &Examined) -> evidence::Item {
    let (verdict, predictions, reason) = match &examined.outcome {
        Ok((verdict, observation)) => (Some(verdict.clone()), predictions(model, observation), None),
        Err(reason) => (None, Vec::new(), Some(*reason)),
    };
    evidence::Item { index, verdict, reason, predictions, sha256: None }
}

fn predictions(model: &GuardedModel, observation: &Observation) -> Vec<Prediction> {
    let prediction = |(source, distribution): (String, &Distribution)| {
        let (class, probability) = distribution.top();
        Prediction { source, class, probability }
    };
    model.panel.label(observation).map(prediction).collect()
}
