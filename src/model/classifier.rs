//! A classifier that runs here: a picture goes in, a distribution comes out.

use std::sync::Arc;
use std::time::Instant;

use super::contract::{InputSpec, OutputSpec};
use super::distribution::{Distribution, DistributionError};
use super::onnx_model::{ModelError, OnnxModel};
use super::workers::{JobError, Pending, WorkerId, Workers};
use crate::tensor::{Picture, PictureError, TensorError};

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
    /// The encoded picture is no tensor of the model's.
    #[error(transparent)]
    Tensor(#[from] TensorError),
}

/// An ONNX model together with the meaning of its input and output.
#[derive(Clone)]
pub struct Classifier {
    model: Arc<OnnxModel>,
    workers: Arc<Workers>,
    input: InputSpec,
    output: OutputSpec,
}

impl Classifier {
    /// Puts the parts together; `input` and `output` must name tensors of `model`.
    pub fn new(model: Arc<OnnxModel>, workers: Arc<Workers>, input: InputSpec, output: OutputSpec) -> Self {
        Self { model, workers, input, output }
    }

    /// The model itself.
    pub fn model(&self) -> &Arc<OnnxModel> {
        &self.model
    }

    /// The threads that it runs on.
    pub fn workers(&self) -> &Arc<Workers> {
        &self.workers
    }

    /// How its input encodes a picture.
    pub fn input(&self) -> &InputSpec {
        &self.input
    }

    /// How its output encodes a prediction.
    pub fn output(&self) -> &OutputSpec {
        &self.output
    }

    /// Queues the prediction on one picture, which `prepare` makes on the worker's thread. Every picture is a batch
    /// of its own, so that its prediction does not depend on its neighbours.
    pub fn predict(
        &self,
        deadline: Option<Instant>,
        prepare: impl FnOnce() -> Arc<Picture> + Send + 'static,
    ) -> Pending<Result<Distribution, PredictError>> {
        let this = self.clone();
        self.workers.submit(deadline, move |worker| this.run(worker, &prepare()))
    }

    /// As [`Classifier::predict`], but waits for room in the queue: for offline work.
    pub fn predict_waiting(
        &self,
        prepare: impl FnOnce() -> Arc<Picture> + Send + 'static,
    ) -> Pending<Result<Distribution, PredictError>> {
        let this = self.clone();
        self.workers.submit_waiting(move |worker| this.run(worker, &prepare()))
    }

    fn run(&self, worker: WorkerId, picture: &Picture) -> Result<Distribution, PredictError> {
        let tensor = self.input.batch([self.input.fit(picture)?.as_ref()])?;
        let outputs = self.model.run(worker, &[tensor], std::slice::from_ref(&self.output.name))?;
        let scores = outputs.first().and_then(|output| output.elements.to_f32()).unwrap_or_default();
        let expected = self.output.classes;
        let none = || DistributionError::Classes { expected, items: 1, actual: scores.len() };
        Ok(self.output.decode(1, &scores)?.pop().ok_or_else(none)??)
    }
}
