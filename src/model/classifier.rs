//! A classifier that runs here: a picture or a text goes in, a distribution comes out.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::contract::{InputSpec, OutputSpec};
use super::distribution::{Distribution, DistributionError};
use super::onnx_model::{ModelError, OnnxModel};
use super::tokenizer::TokenizerError;
use super::workers::{JobError, Pending, WorkerId, Workers};
use crate::tensor::{Item, Kind, PictureError, TensorError};

/// Why there is no prediction.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PredictError {
    /// The job was not run.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// What it answered is no distribution.
    #[error(transparent)]
    Distribution(#[from] DistributionError),
    /// The picture can't be brought to the model's size.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The encoded item is no tensor of the model's.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// The text has no tokens.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The model looks at something else.
    #[error("the model takes {expected}, not {actual}")]
    Kind {
        /// What it looks at.
        expected: Kind,
        /// What it was given.
        actual: Kind,
    },
}

/// Is told how long each prediction took, once there is one or none will be, on the thread that made it.
pub type Noted = Arc<dyn Fn(Duration) + Send + Sync>;

/// An ONNX model together with the meaning of its input and output.
#[derive(Clone)]
pub struct Classifier {
    model: Arc<OnnxModel>,
    workers: Arc<Workers>,
    input: InputSpec,
    output: OutputSpec,
    noted: Option<Noted>,
}

impl Classifier {
    /// Puts the parts together; `input` and `output` must name tensors of `model`.
    pub fn new(model: Arc<OnnxModel>, workers: Arc<Workers>, input: impl Into<InputSpec>, output: OutputSpec) -> Self {
        Self { model, workers, input: input.into(), output, noted: None }
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
        &self.model
    }

    /// The threads that it runs on.
    pub fn workers(&self) -> &Arc<Workers> {
        &self.workers
    }

    /// How its input encodes what it looks at.
    pub fn input(&self) -> &InputSpec {
        &self.input
    }

    /// How its output encodes a prediction.
    pub fn output(&self) -> &OutputSpec {
        &self.output
    }

    /// Queues the prediction on one item, which `prepare` makes on the worker's thread. Every item is a batch of its own,
    /// so that its prediction does not depend on its neighbours.
    pub fn predict<I: Into<Item>>(
        &self,
        deadline: Option<Instant>,
        prepare: impl FnOnce() -> I + Send + 'static,
    ) -> Pending<Result<Distribution, PredictError>> {
        let this = self.clone();
        self.workers.submit(deadline, move |worker| this.run(worker, &prepare().into()))
    }

    /// As [`Classifier::predict`], but waits for room in the queue: for offline work.
    pub fn predict_waiting<I: Into<Item>>(
        &self,
        prepare: impl FnOnce() -> I + Send + 'static,
    ) -> Pending<Result<Distribution, PredictError>> {
        let this = self.clone();
        self.workers.submit_waiting(move |worker| this.run(worker, &prepare().into()))
    }

    /// Queues the predictions on several items as one job, which makes them on the worker's thread. Equal ones are
    /// predicted once.
    pub fn predict_all<P: FnOnce() -> Item + Send + 'static>(
        &self,
        deadline: Option<Instant>,
        prepare: Vec<P>,
    ) -> Pending<Result<Vec<Distribution>, PredictError>> {
        let this = self.clone();
        self.workers.submit(deadline, move |worker| this.run_all(worker, prepare))
    }

    /// As [`Classifier::predict_all`], but waits for room in the queue: for offline work.
    pub fn predict_all_waiting<P: FnOnce() -> Item + Send + 'static>(
        &self,
        prepare: Vec<P>,
    ) -> Pending<Result<Vec<Distribution>, PredictError>> {
        let this = self.clone();
        self.workers.submit_waiting(move |worker| this.run_all(worker, prepare))
    }

    fn run_all<P: FnOnce() -> Item>(
        &self,
        worker: WorkerId,
        prepare: Vec<P>,
    ) -> Result<Vec<Distribution>, PredictError> {
        let mut predicted: Vec<(Item, Distribution)> = Vec::with_capacity(prepare.len());
        for prepare in prepare {
            let item = prepare();
            let known = predicted.iter().find(|(other, _)| *other == item).map(|(_, known)| known.clone());
            let prediction = known.map_or_else(|| self.run(worker, &item), Ok)?;
            predicted.push((item, prediction));
        }
        Ok(predicted.into_iter().map(|(_, prediction)| prediction).collect())
    }

    fn run(&self, worker: WorkerId, item: &Item) -> Result<Distribution, PredictError> {
        let Some(noted) = &self.noted else { return self.run_unnoted(worker, item) };
        let began = Instant::now();
        let predicted = self.run_unnoted(worker, item);
        noted(began.elapsed());
        predicted
    }

    fn run_unnoted(&self, worker: WorkerId, item: &Item) -> Result<Distribution, PredictError> {
        let tensors = match (&self.input, item.picture(), item.text()) {
            (InputSpec::Picture(spec), Some(picture), _) => vec![spec.batch([spec.fit(picture)?.as_ref()])?],
            (InputSpec::Text(spec), _, Some(text)) => vec![spec.batch([Bytes::copy_from_slice(text.as_bytes())])?],
            (InputSpec::Tokens(spec), _, Some(_)) => spec.batch(&[&spec.tokens(item)?])?,
            (input, ..) => return Err(PredictError::Kind { expected: input.kind(), actual: item.kind() }),
        };
        let outputs = self.model.run(worker, &tensors, std::slice::from_ref(&self.output.name))?;
        let scores = outputs.first().and_then(|output| output.elements.to_f32()).unwrap_or_default();
        let expected = self.output.classes;
        let none = || DistributionError::Classes { expected, items: 1, actual: scores.len() };
        Ok(self.output.decode(1, &scores)?.pop().ok_or_else(none)??)
    }
}
