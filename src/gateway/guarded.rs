//! One guarded model: how its inputs are examined.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout_at;

use super::copies::UpstreamTeacher;
use super::view::{self, Predictions, ViewError};
use crate::config::{OnUndecided, Policy};
use crate::detect::{Combination, Decision, Observation, Panel, Prediction, Rate, Reason, Verdict};
use crate::model::{Classifier, Distribution, InputSpec, JobError, OutputSpec, PredictError};
use crate::proto::inference::ModelInferRequest;
use crate::telemetry::{ModelMetrics, Stage, stage_ended};
use crate::tensor::Picture;

/// Where the predictions on squeezed copies come from, and with them the prediction that they are compared with.
pub(crate) enum Teacher {
    /// The upstream is this process's own model: its answer is the original's prediction.
    Embedded(Classifier),
    /// A copy of the upstream's model: it predicts the original too.
    Replica(Classifier),
    /// The upstream itself, by one more request.
    Upstream(Arc<UpstreamTeacher>),
}

impl Teacher {
    /// Its name in metrics.
    pub(crate) fn source(&self) -> &'static str {
        match self {
            Self::Embedded(_) | Self::Replica(_) => "replica",
            Self::Upstream(_) => "upstream",
        }
    }
}

/// A model under guard, ready to examine.
pub struct GuardedModel {
    pub(crate) name: &'static str,
    pub(crate) version: Option<String>,
    pub(crate) policy: Policy,
    pub(crate) on_undecided: OnUndecided,
    pub(crate) block_code: tonic::Code,
    pub(crate) time_budget: Duration,
    pub(crate) input: InputSpec,
    pub(crate) output: OutputSpec,
    pub(crate) teacher: Teacher,
    pub(crate) panel: Panel,
    pub(crate) combination: Combination,
    pub(crate) rate: Rate,
    pub(crate) metrics: ModelMetrics,
}

/// The outcome for one item: a verdict with what led to it, or why there is none.
pub(crate) type Examined = Result<(Verdict, Observation), Reason>;

/// What is being predicted for one item.
struct Item {
    /// `None` where the upstream's answer holds it.
    original: Option<Prediction>,
    /// None where the upstream predicts the copies.
    squeezed: Vec<Prediction>,
    students: Vec<Prediction>,
}

/// An examination whose predictions are being made.
pub(crate) struct Examination {
    model: Arc<GuardedModel>,
    items: Vec<Result<Item, Reason>>,
    copies: Option<tokio::task::JoinHandle<Result<Vec<CopiesOfItem>, Reason>>>,
    deadline: Instant,
    began: Instant,
    /// Its share of the examinations that may be under way; given back as soon as nothing is predicted any more.
    permit: Option<OwnedSemaphorePermit>,
}

/// What the upstream predicts for one item: the original where the client did not ask for it, and the copies.
pub(crate) struct CopiesOfItem {
    pub(crate) original: Option<Distribution>,
    pub(crate) squeezed: Vec<Distribution>,
}

impl GuardedModel {
    /// Starts everything that has to be predicted about a request's items.
    ///
    /// # Errors
    /// When the guarded tensor can't be read.
    pub(crate) fn examine(
        self: &Arc<Self>,
        request: &ModelInferRequest,
        permit: OwnedSemaphorePermit,
    ) -> Result<Examination, ViewError> {
        let began = Instant::now();
        let pictures = view::pictures(request, &self.input)?;
        stage_ended(Stage::Decode, began.elapsed());
        let answer_tells = view::asks_for_plain_output(request, &self.output);
        let pictures = pictures.into_iter().map(|picture| picture.map_err(|error| error.reason())).collect();
        Ok(Examination { permit: Some(permit), ..self.begin(pictures, answer_tells, Some(request)) })
    }

    /// Starts an examination without a request: nothing is forwarded, so the original is predicted here too.
    pub(crate) fn inspect(self: &Arc<Self>, pictures: Vec<Picture>) -> Examination {
        self.begin(pictures.into_iter().map(Ok).collect(), false, None)
    }

    fn begin(
        self: &Arc<Self>,
        pictures: Vec<Result<Picture, Reason>>,
        answer_tells: bool,
        request: Option<&ModelInferRequest>,
    ) -> Examination {
        let began = Instant::now();
        let deadline = began + self.time_budget;
        let pictures: Vec<Result<Arc<Picture>, Reason>> =
            pictures.into_iter().map(|picture| picture.map(Arc::new)).collect();
        let items: Vec<Result<Item, Reason>> = pictures
            .iter()
            .map(|picture| Ok(self.begin_item(picture.as_ref().map_err(|reason| *reason)?, answer_tells, deadline)))
            .collect();
        let originals = items.iter().flatten().filter(|item| item.original.is_some()).count();
        self.metrics.predictions_asked(self.panel.extra_predictions() * items.iter().flatten().count() + originals);
        let copies = match &self.teacher {
            Teacher::Upstream(teacher) if !self.panel.squeezers().is_empty() || !answer_tells => {
                let (teacher, model, request) = (teacher.clone(), self.clone(), request.cloned());
                // An unreadable item keeps its place in the batch, since other inputs have an entry for it too.
                let pictures: Vec<_> =
                    pictures.into_iter().map(|picture| picture.unwrap_or_else(|_| self.input.black())).collect();
                Some(tokio::spawn(async move {
                    let squeezers = model.panel.squeezers();
                    teacher.predict(squeezers, &pictures, !answer_tells, request.as_ref(), Some(deadline)).await
                }))
            }
            Teacher::Upstream(_) | Teacher::Embedded(_) | Teacher::Replica(_) => None,
        };
        Examination { model: self.clone(), items, copies, deadline, began, permit: None }
    }

    fn begin_item(&self, picture: &Arc<Picture>, answer_tells: bool, deadline: Instant) -> Item {
        let limit = Some(deadline);
        let original = match &self.teacher {
            Teacher::Replica(classifier) => Some(predict(classifier, picture, limit)),
            Teacher::Embedded(classifier) if !answer_tells => Some(predict(classifier, picture, limit)),
            Teacher::Embedded(_) | Teacher::Upstream(_) => None,
        };
        let squeezed = match &self.teacher {
            Teacher::Embedded(classifier) | Teacher::Replica(classifier) => {
                let squeezed = |took| stage_ended(Stage::Squeeze, took);
                self.panel.ask_about_copies(classifier, picture, limit, squeezed)
            }
            Teacher::Upstream(_) => Vec::new(),
        };
        Item { original, squeezed, students: self.panel.ask_students(picture, limit) }
    }

    /// From an observation to a verdict.
    fn judge(&self, observation: &Observation) -> Result<Verdict, Reason> {
        let (evidence, score) =
            self.combination.weigh(self.panel.detectors(), observation).map_err(|_| Reason::Prediction)?;
        let threshold = self.rate.threshold;
        let decision = if score > threshold { Decision::Suspicious } else { Decision::Clean };
        let p_value = self.combination.combined.p_value(score);
        Ok(Verdict { decision, class: observation.original.top().0, score, threshold, p_value, evidence })
    }
}

fn predict(classifier: &Classifier, picture: &Arc<Picture>, deadline: Option<Instant>) -> Prediction {
    let picture = picture.clone();
    classifier.predict(deadline, move || picture)
}

impl Examination {
    /// How many items it has.
    pub(crate) fn items(&self) -> usize {
        self.items.len()
    }

    /// Waits for the predictions, within the time budget, and for `answer`: the upstream's predictions of the
    /// originals, one an item. The answer is not looked at where the originals were predicted otherwise, except to
    /// notice that replica and upstream disagree.
    pub(crate) async fn decide(self, answer: impl Future<Output = Result<Predictions, Reason>>) -> Vec<Examined> {
        let Self { model, items, copies, deadline, began, permit } = self;
        let count = items.len();
        let predictions = async {
            let predictions = gather(items, copies, deadline).await;
            // Whoever reads his answer slowly keeps nobody else from being examined.
            drop(permit);
            stage_ended(Stage::Infer, began.elapsed());
            predictions
        };
        let (predictions, answer) = tokio::join!(predictions, answer);
        let scoring = Instant::now();
        let answers: Predictions = match answer {
            Ok(answers) if answers.len() == count => answers,
            Ok(_) => vec![Err(Reason::Prediction); count],
            Err(reason) => vec![Err(reason); count],
        };
        let examined = predictions
            .into_iter()
            .zip(answers)
            .map(|(predicted, answered)| {
                let Predicted { original, squeezed, students } = predicted?;
                if let (Some(replica), Ok(upstream), Teacher::Replica(_)) = (&original, &answered, &model.teacher)
                    && replica.top().0 != upstream.top().0
                {
                    model.metrics.replica_disagreed();
                }
                let original = original.map_or(answered, Ok)?;
                let observation = Observation { original, squeezed, students };
                Ok((model.judge(&observation)?, observation))
            })
            .collect();
        stage_ended(Stage::Score, scoring.elapsed());
        examined
    }
}

/// Everything that was predicted about one item but, where it is `None`, the original.
struct Predicted {
    original: Option<Distribution>,
    squeezed: Vec<Distribution>,
    students: Vec<Distribution>,
}

/// What is predicted by the `deadline`; an item that is late is undecided alone.
async fn gather(
    items: Vec<Result<Item, Reason>>,
    copies: Option<tokio::task::JoinHandle<Result<Vec<CopiesOfItem>, Reason>>>,
    deadline: Instant,
) -> Vec<Result<Predicted, Reason>> {
    let mut gathered = Vec::with_capacity(items.len());
    for item in items {
        gathered.push(match item {
            Ok(item) => timeout_at(deadline.into(), gather_item(item)).await.unwrap_or(Err(Reason::Timeout)),
            Err(reason) => Err(reason),
        });
    }
    let Some(mut copies) = copies else { return gathered };
    let copies = match timeout_at(deadline.into(), &mut copies).await {
        Ok(joined) => joined.unwrap_or(Err(Reason::Cancelled)),
        Err(_) => {
            copies.abort();
            Err(Reason::Timeout)
        }
    };
    match copies {
        Err(reason) => gathered.into_iter().map(|predicted| predicted.and(Err(reason))).collect(),
        Ok(copies) => gathered.into_iter().zip(copies).map(|(predicted, copies)| Ok(predicted?.with(copies))).collect(),
    }
}

impl Predicted {
    fn with(self, copies: CopiesOfItem) -> Self {
        Self { original: copies.original, squeezed: copies.squeezed, ..self }
    }
}

async fn gather_item(item: Item) -> Result<Predicted, Reason> {
    let original = match item.original {
        Some(original) => Some(ready(original).await?),
        None => None,
    };
    let mut squeezed = Vec::with_capacity(item.squeezed.len());
    for prediction in item.squeezed {
        squeezed.push(ready(prediction).await?);
    }
    let mut students = Vec::with_capacity(item.students.len());
    for prediction in item.students {
        students.push(ready(prediction).await?);
    }
    Ok(Predicted { original, squeezed, students })
}

async fn ready(prediction: Prediction) -> Result<Distribution, Reason> {
    let error = match prediction.ready().await {
        Ok(Ok(distribution)) => return Ok(distribution),
        Ok(Err(error)) => error,
        Err(job) => PredictError::Job(job),
    };
    let reason = match &error {
        PredictError::Job(JobError::Overloaded) => Reason::Overload,
        PredictError::Job(JobError::Expired) => Reason::Timeout,
        PredictError::Job(JobError::Abandoned)
        | PredictError::Model(_)
        | PredictError::Tensor(_)
        | PredictError::Picture(_) => Reason::Model,
        PredictError::Distribution(_) => Reason::Prediction,
    };
    tracing::debug!(%error, reason = reason.name(), "no prediction");
    Err(reason)
}
