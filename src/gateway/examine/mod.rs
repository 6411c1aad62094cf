//! Examining the items of one request: everything is predicted while the request is on its way, then judged.

pub(super) mod copies;
mod decoding;
pub(super) mod guarded;
pub(super) mod observer;

use std::sync::Arc;
use std::time::Instant;

use futures_util::{StreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout_at;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use self::copies::CopiesOfItem;
use self::guarded::{GuardedModel, Teacher};
use crate::detect::{Companion, Decision, Observation, Part, Prediction, Reason, Verdict};
use crate::gateway::message::room::Held;
use crate::gateway::message::view::{Origin, Predictions, Sent};
use crate::model::{Classifier, Distribution, JobError, PredictError};
use crate::proto::inference::ModelInferRequest;
use crate::squeeze::ItemSqueezer;
use crate::telemetry::{CLASSIFIER, Stage, Trace, inferred, squeezed, stage_ended};
use crate::tensor::Item;

/// Items of one request that are predicted at a time: enough to keep the workers busy, too few for one large batch to
/// fill their queue.
const ITEMS_UNDER_WAY: usize = 16;

/// One item that was examined.
pub(crate) struct Examined {
    /// A verdict with what led to it, or why there is none.
    pub(crate) outcome: Result<(Verdict, Observation), Reason>,
    pub(crate) specimen: Specimen,
}

/// What was examined, as far as it could be read.
#[derive(Default)]
pub(crate) struct Specimen {
    pub(crate) origin: Option<Origin>,
    pub(crate) item: Option<Item>,
}

impl Examined {
    /// What stands for a request that could not be examined at all.
    pub(crate) fn not(reason: Reason) -> Self {
        Self { outcome: Err(reason), specimen: Specimen::default() }
    }

    /// The decision on it alone.
    pub(crate) fn decision(&self) -> Decision {
        self.outcome.as_ref().map_or(Decision::Undecided, |(verdict, _)| verdict.decision)
    }

    /// Memory that it keeps, in bytes, about.
    pub(crate) fn bytes(&self) -> usize {
        let Specimen { origin, item } = &self.specimen;
        let item = item.as_ref().map_or(0, Item::bytes);
        let predictions = self.outcome.as_ref().map_or(0, |(_, observation)| observation.bytes());
        size_of::<Self>() + origin.as_ref().map_or(0, Origin::bytes) + item + predictions
    }
}

/// An examination whose predictions are being made; they are given up when it is dropped.
pub(crate) struct Examination {
    model: Arc<GuardedModel>,
    items: usize,
    predicted: AbortOnDropHandle<Vec<(Specimen, Result<Predicted, Reason>)>>,
    /// What is held for it until it has been decided.
    held: Option<Held>,
    /// Where its spans belong.
    trace: Trace,
}

/// An item of a request, or why it cannot be read.
type ItemResult = Result<Item, Reason>;

/// Everything that was predicted about one item, as far as a cascade asked, but, where it is `None`, the original.
struct Predicted {
    original: Option<Distribution>,
    squeezed: Vec<Distribution>,
    companions: Vec<Distribution>,
}

impl Examination {
    /// Starts to predict what has to be known of what was `sent`. The time budget is an item's, once it is decoded: a
    /// batch has as many times that, lest its size let it pass. `answer_tells` says that the upstream's answer will hold
    /// f(x); `request` is the client's, if there is one; the permit is given back when nothing is predicted any more. Spans
    /// belong into `trace`.
    pub(crate) fn begin(
        model: &Arc<GuardedModel>,
        sent: Vec<Result<Sent, Reason>>,
        answer_tells: bool,
        request: Option<ModelInferRequest>,
        granted: Option<(OwnedSemaphorePermit, Held)>,
        trace: Trace,
    ) -> Self {
        let (permit, held) = granted.unzip();
        let items = sent.len();
        let budget = model.time_budget.saturating_mul(u32::try_from(items).unwrap_or(u32::MAX));
        let (guarded, place) = (model.clone(), trace.clone());
        let predicted = async move {
            let origins: Vec<_> = sent.iter().map(|sent| sent.as_ref().ok().and_then(Sent::origin)).collect();
            let items = decoding::items(&guarded, sent, &place).await;
            let specimen = |(origin, item): (_, &ItemResult)| Specimen { origin, item: item.as_ref().ok().cloned() };
            let specimens: Vec<Specimen> = origins.into_iter().zip(&items).map(specimen).collect();
            let began = Instant::now();
            let subject = Subject { model: guarded, answer_tells, deadline: began + budget, trace: place };
            let predicted = subject.predict(items, request).await;
            // Whoever reads his answer slowly keeps nobody else from being examined.
            drop(permit);
            inferred(began.elapsed());
            specimens.into_iter().zip(predicted).collect()
        };
        let predicted = AbortOnDropHandle::new(tokio::spawn(predicted.instrument(trace.log())));
        Self { model: model.clone(), items, predicted, held, trace }
    }

    /// How many items it has.
    pub(crate) fn items(&self) -> usize {
        self.items
    }

    /// Waits for the predictions, within the time budget, and for `answer`: the upstream's predictions of the
    /// originals, one an item. The answer is not looked at where the originals were predicted otherwise, except to
    /// notice that replica and upstream disagree.
    pub(crate) async fn decide(self, answer: impl Future<Output = Result<Predictions, Reason>>) -> Vec<Examined> {
        let Self { model, items, predicted, held: _held, trace } = self;
        let (predicted, answer) = tokio::join!(predicted, answer);
        let scoring = Instant::now();
        let answers: Predictions = match answer {
            Ok(answers) if answers.len() == items => answers,
            Ok(_) => vec![Err(Reason::Prediction); items],
            Err(reason) => vec![Err(reason); items],
        };
        let failed = |_| (Specimen::default(), Err(Reason::Model));
        let predicted = predicted.unwrap_or_else(|_| (0..items).map(failed).collect());
        let examined = predicted.into_iter().zip(answers).map(|((specimen, predicted), answered)| Examined {
            outcome: predicted.and_then(|predicted| examined(&model, predicted, answered)),
            specimen,
        });
        let examined = examined.collect();
        stage_ended(&trace, Stage::Score, scoring.elapsed());
        examined
    }
}

fn examined(
    model: &GuardedModel,
    predicted: Predicted,
    answered: Result<Distribution, Reason>,
) -> Result<(Verdict, Observation), Reason> {
    let Predicted { original, squeezed, companions } = predicted;
    if let (Some(replica), Ok(upstream), Teacher::Replica(_)) = (&original, &answered, &model.teacher)
        && replica.top().0 != upstream.top().0
    {
        model.metrics.replica_disagreed();
    }
    let original = original.map_or(answered, Ok)?;
    let observation = Observation { original, squeezed, companions };
    Ok((model.judge(&observation)?, observation))
}

/// The model that is asked, and what it is asked.
struct Subject {
    model: Arc<GuardedModel>,
    answer_tells: bool,
    deadline: Instant,
    trace: Trace,
}

impl Subject {
    async fn predict(
        &self,
        items: Vec<ItemResult>,
        request: Option<ModelInferRequest>,
    ) -> Vec<Result<Predicted, Reason>> {
        if !matches!(self.model.teacher, Teacher::Upstream(_)) {
            return stream::iter(items).map(|item| self.predict_item(item)).buffered(ITEMS_UNDER_WAY).collect().await;
        }
        let first = self.predict_part(Part::First, &items, request.as_ref()).await;
        let asked_on: Vec<Result<bool, Reason>> =
            first.iter().map(|predicted| self.asks_on(predicted.as_ref().map_err(|reason| *reason)?)).collect();
        if !asked_on.contains(&Ok(true)) {
            return first;
        }
        // Who is not asked about any more keeps his place in the batch.
        let open: Vec<ItemResult> = items
            .into_iter()
            .zip(&asked_on)
            .map(|(item, asked_on)| if *asked_on == Ok(true) { item } else { Err(Reason::Cancelled) })
            .collect();
        let rest = self.predict_part(Part::Rest, &open, request.as_ref()).await;
        let both = first.into_iter().zip(rest).zip(asked_on);
        both.map(|((first, rest), asked_on)| if asked_on? { Ok(first?.with(rest?)) } else { first }).collect()
    }

    /// Both parts of one item, all in this process; if it is late, it is undecided alone.
    async fn predict_item(&self, item: ItemResult) -> Result<Predicted, Reason> {
        let item = item?;
        let predicted = async {
            let first = self.predict_here(Part::First, &item).await?;
            let asks_on = self.asks_on(&first)?;
            Ok(if asks_on { first.with(self.predict_here(Part::Rest, &item).await?) } else { first })
        };
        timeout_at(self.deadline.into(), predicted).await.unwrap_or(Err(Reason::Timeout))
    }

    /// Whether a cascade's first detectors leave the outcome open.
    fn asks_on(&self, predicted: &Predicted) -> Result<bool, Reason> {
        if self.model.panel.cascade().is_none() {
            return Ok(false);
        }
        let Predicted { original, squeezed, companions } = predicted;
        let observation = Observation {
            // Where it is not known yet, nobody of the first compares with it: any stands for it.
            original: original.clone().unwrap_or_else(|| Distribution::uniform(self.model.output.classes)),
            squeezed: squeezed.clone(),
            companions: companions.clone(),
        };
        self.model.asks_on(&observation)
    }

    /// Whether the original has to be predicted here, or asked about once more.
    fn needs_original(&self) -> bool {
        // An answer is predicted item by item: beside copies from batches its last bits would tell it apart.
        let is_answered_apart =
            matches!(&self.model.teacher, Teacher::Embedded(classifier) if classifier.is_in_batches());
        !self.answer_tells || is_answered_apart || self.model.panel.parts_by_original()
    }

    /// One part of what is predicted in this process about one item.
    async fn predict_here(&self, part: Part, item: &Item) -> Result<Predicted, Reason> {
        let deadline = Some(self.deadline);
        let panel = &self.model.panel;
        let (classifier, needs_original) = match &self.model.teacher {
            Teacher::Replica(classifier) => (Some(classifier), true),
            Teacher::Embedded(classifier) => (Some(classifier), self.needs_original()),
            Teacher::Upstream(_) => (None, false),
        };
        let noted = |name: &str, role| self.trace.inference_noted(name, role);
        let classifier = classifier.map(|classifier| classifier.noting(noted(self.model.name, CLASSIFIER)));
        let original = classifier
            .as_deref()
            .filter(|_| part == Part::First && needs_original)
            .map(|classifier| predict(classifier, item, deadline));
        let copies = classifier.as_deref().map(|classifier| {
            let trace = self.trace.clone();
            let noted = move |squeezer: &ItemSqueezer, took| squeezed(&trace, || squeezer.name(), took);
            panel.ask_about_copies(part, classifier, item, deadline, noted)
        });
        let asked = |companion: &Companion| noted(&companion.name, companion.role.name());
        let companions = panel.ask_companions(part, item, deadline, asked);
        self.model.metrics.predictions_asked(panel.extra_predictions(part) + usize::from(original.is_some()));
        let original = match original {
            Some(original) => Some(ready(original).await?),
            None => None,
        };
        let squeezed = match copies {
            Some(copies) => copies.ready().await.map_err(|error| reason(&error))?,
            None => Vec::new(),
        };
        Ok(Predicted { original, squeezed, companions: all_ready(companions).await? })
    }

    /// One part of what companions here and the upstream predict about all items.
    async fn predict_part(
        &self,
        part: Part,
        items: &[ItemResult],
        request: Option<&ModelInferRequest>,
    ) -> Vec<Result<Predicted, Reason>> {
        let here = stream::iter(items.to_vec()).map(|item| async move {
            let item = item?;
            let predicted = self.predict_here(part, &item);
            timeout_at(self.deadline.into(), predicted).await.unwrap_or(Err(Reason::Timeout))
        });
        let here = here.buffered(ITEMS_UNDER_WAY).collect::<Vec<_>>();
        let (here, copies) = tokio::join!(here, self.predict_upstream(part, items, request));
        match copies {
            Err(reason) => here.into_iter().map(|predicted| predicted.and(Err(reason))).collect(),
            Ok(copies) => here.into_iter().zip(copies).map(|(here, copies)| Ok(here?.with(copies.into()))).collect(),
        }
    }

    /// What the upstream predicts about all items' copies, and about the originals where its answer does not tell.
    async fn predict_upstream(
        &self,
        part: Part,
        items: &[ItemResult],
        request: Option<&ModelInferRequest>,
    ) -> Result<Vec<CopiesOfItem>, Reason> {
        let Teacher::Upstream(teacher) = &self.model.teacher else { return Err(Reason::Model) };
        // An unreadable item keeps its place in the batch, since other inputs have an entry for it too.
        let items: Vec<_> =
            items.iter().map(|item| item.clone().unwrap_or_else(|_| self.model.input.blank())).collect();
        let squeezers = self.model.panel.squeezers_of(part);
        let with_originals = part == Part::First && self.needs_original();
        let copies = teacher.predict(squeezers, &items, with_originals, request, Some(self.deadline), &self.trace);
        timeout_at(self.deadline.into(), copies).await.unwrap_or(Err(Reason::Timeout))
    }
}

impl Predicted {
    /// With what else is known of the item.
    fn with(mut self, more: Self) -> Self {
        self.original = self.original.or(more.original);
        self.squeezed.extend(more.squeezed);
        self.companions.extend(more.companions);
        self
    }
}

impl From<CopiesOfItem> for Predicted {
    fn from(copies: CopiesOfItem) -> Self {
        Self { original: copies.original, squeezed: copies.squeezed, companions: Vec::new() }
    }
}

fn predict(classifier: &Classifier, item: &Item, deadline: Option<Instant>) -> Prediction {
    let item = item.clone();
    classifier.predict(deadline, move || item)
}

async fn all_ready(predictions: Vec<Prediction>) -> Result<Vec<Distribution>, Reason> {
    let mut distributions = Vec::with_capacity(predictions.len());
    for prediction in predictions {
        distributions.push(ready(prediction).await?);
    }
    Ok(distributions)
}

async fn ready(prediction: Prediction) -> Result<Distribution, Reason> {
    let predicted = prediction.ready().await.map_err(PredictError::Job).flatten();
    predicted.map_err(|error| reason(&error))
}

/// Why there is no prediction, also for the log.
fn reason(error: &PredictError) -> Reason {
    let reason = match error {
        PredictError::Job(JobError::Overloaded) => Reason::Overload,
        PredictError::Job(JobError::Expired) => Reason::Timeout,
        PredictError::Job(JobError::Abandoned)
        | PredictError::Model(_)
        | PredictError::Tensor(_)
        | PredictError::Picture(_)
        | PredictError::Tokenizer(_)
        | PredictError::Kind { .. } => Reason::Model,
        PredictError::Distribution(_) => Reason::Prediction,
    };
    tracing::debug!(%error, reason = reason.name(), "no prediction");
    reason
}
