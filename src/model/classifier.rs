//! A classifier that runs here: a picture or a text goes in, a distribution comes out.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batches::{Asker, BatchError, Batches, Group};
use super::contract::{InputSpec, OutputSpec};
use super::distribution::Distribution;
use super::onnx_model::OnnxModel;
use super::predictor::{PredictError, Predictor};
use super::workers::{Pending, WorkerId, Workers};
use crate::config::Batching;
use crate::tensor::Item;

/// Is told how long each prediction took, once there is one or none will be, on the thread that made it; of a batch, how long
/// all of it took.
pub type Noted = Arc<dyn Fn(Duration) + Send + Sync>;

/// An ONNX model together with the meaning of its input and output.
#[derive(Clone)]
pub struct Classifier {
    predictor: Arc<Predictor>,
    workers: Arc<Workers>,
    batches: Option<Batches>,
    noted: Option<Noted>,
}

impl Classifier {
    /// Puts the parts together; `input` and `output` must name tensors of `model`. Every item is predicted by itself.
    pub fn new(model: Arc<OnnxModel>, workers: Arc<Workers>, input: impl Into<InputSpec>, output: OutputSpec) -> Self {
        let predictor = Arc::new(Predictor { model, input: input.into(), output });
        Self { predictor, workers, batches: None, noted: None }
    }

    /// The same, which predicts what waits in batches, unless the model insists on another size, or items would have to be
    /// padded to the longest of them. A prediction depends on that size in its last bits, and not on the other items.
    ///
    /// # Errors
    /// When the model takes no batches, or there is no thread for them.
    pub fn in_batches(self, batching: Batching) -> Result<Self, BatchError> {
        if batching.size <= 1 || self.model().fixed_batch().is_some() || !self.input().is_of_one_size() {
            return Ok(self);
        }
        Ok(Self { batches: Some(Batches::start(self.predictor.clone(), batching)?), ..self })
    }

    /// Whether it predicts in batches.
    pub fn is_in_batches(&self) -> bool {
        self.batches.is_some()
    }

    /// The same, whose predictions are `noted`, if somebody is to be told.
    pub fn noting(&self, noted: Option<Noted>) -> Cow<'_, Self> {
        match noted {
            Some(noted) => Cow::Owned(Self { noted: Some(noted), ..self.clone() }),
            None => Cow::Borrowed(self),
        }
    }

    /// The model itself.
    pub fn model(&self) -> &Arc<OnnxModel> {
        &self.predictor.model
    }

    /// The threads that it runs on.
    pub fn workers(&self) -> &Arc<Workers> {
        &self.workers
    }

    /// How its input encodes what it looks at.
    pub fn input(&self) -> &InputSpec {
        &self.predictor.input
    }

    /// How its output encodes a prediction.
    pub fn output(&self) -> &OutputSpec {
        &self.predictor.output
    }

    /// Queues the prediction on one item, which `prepare` makes on the worker's thread. It does not depend on other items,
    /// whether they are predicted with it or not.
    pub fn predict<I: Into<Item>>(
        &self,
        deadline: Option<Instant>,
        prepare: impl FnOnce() -> I + Send + 'static,
    ) -> Pending<Result<Distribution, PredictError>> {
        let this = self.clone();
        self.workers.submit_answering(deadline, move |worker, reply| {
            this.answer(worker, [prepare().into()], Asker::One(reply));
        })
    }

    /// As [`Classifier::predict`], but waits for room in the queue: for offline work.
    pub fn predict_waiting<I: Into<Item>>(
        &self,
        prepare: impl FnOnce() -> I + Send + 'static,
    ) -> Pending<Result<Distribution, PredictError>> {
        let this = self.clone();
        self.workers.submit_answering_waiting(move |worker, reply| {
            this.answer(worker, [prepare().into()], Asker::One(reply));
        })
    }

    /// Queues the predictions on several items as one job, which makes them on the worker's thread. Equal ones are
    /// predicted once.
    pub fn predict_all<P: FnOnce() -> Item + Send + 'static>(
        &self,
        deadline: Option<Instant>,
        prepare: Vec<P>,
    ) -> Pending<Result<Vec<Distribution>, PredictError>> {
        let this = self.clone();
        self.workers.submit_answering(deadline, move |worker, reply| {
            this.answer(worker, prepare.into_iter().map(|prepare| prepare()), Asker::All(reply));
        })
    }

    /// As [`Classifier::predict_all`], but waits for room in the queue: for offline work.
    pub fn predict_all_waiting<P: FnOnce() -> Item + Send + 'static>(
        &self,
        prepare: Vec<P>,
    ) -> Pending<Result<Vec<Distribution>, PredictError>> {
        let this = self.clone();
        self.workers.submit_answering_waiting(move |worker, reply| {
            this.answer(worker, prepare.into_iter().map(|prepare| prepare()), Asker::All(reply));
        })
    }

    fn answer(&self, worker: WorkerId, items: impl IntoIterator<Item = Item>, asker: Asker) {
        let group = Group::new(items, asker, self.noted.clone());
        match &self.batches {
            Some(batches) => batches.hand_on(group),
            None => group.predicted_by(|item| self.predictor.one(worker, item)),
        }
    }
}
