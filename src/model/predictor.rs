//! One run of a model on items: their tensor goes in, a distribution of each comes out.

use std::sync::Arc;

use bytes::Bytes;

use super::contract::{InputSpec, OutputSpec};
use super::distribution::{Distribution, DistributionError};
use super::onnx_model::{ModelError, OnnxModel};
use super::tokenizer::TokenizerError;
use super::workers::{JobError, WorkerId};
use crate::tensor::{Item, Kind, PictureError, Tensor, TensorError};

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

/// A model and what its input and output mean.
pub(super) struct Predictor {
    pub(super) model: Arc<OnnxModel>,
    pub(super) input: InputSpec,
    pub(super) output: OutputSpec,
}

impl Predictor {
    /// The prediction on one item, a batch of its own.
    ///
    /// # Errors
    /// When the item is none of the model's, or the model fails.
    pub(super) fn one(&self, worker: WorkerId, item: &Item) -> Result<Distribution, PredictError> {
        let expected = self.output.classes;
        let none = || DistributionError::Classes { expected, items: 1, actual: 0 };
        Ok(self.all(worker, &[item])?.pop().ok_or_else(none)??)
    }

    /// The predictions on these items, one batch.
    ///
    /// # Errors
    /// When one of the items is none of the model's, or the model fails.
    pub(super) fn all(
        &self,
        worker: WorkerId,
        items: &[&Item],
    ) -> Result<Vec<Result<Distribution, DistributionError>>, PredictError> {
        let outputs = self.model.run(worker, &self.batch(items)?, std::slice::from_ref(&self.output.name))?;
        let scores = outputs.first().and_then(|output| output.elements.to_f32()).unwrap_or_default();
        Ok(self.output.decode(items.len(), &scores)?)
    }

    fn batch<'a>(&'a self, items: &[&'a Item]) -> Result<Vec<Tensor>, PredictError> {
        let misfit = |item: &Item| PredictError::Kind { expected: self.input.kind(), actual: item.kind() };
        match &self.input {
            InputSpec::Picture(spec) => {
                let picture = |&item: &&'a Item| Ok(spec.fit(item.picture().ok_or_else(|| misfit(item))?)?);
                let pictures = items.iter().map(picture).collect::<Result<Vec<_>, PredictError>>()?;
                Ok(vec![spec.batch(pictures.iter().map(AsRef::as_ref))?])
            }
            InputSpec::Text(spec) => {
                let text = |&item: &&'a Item| {
                    let text = item.text().ok_or_else(|| misfit(item))?;
                    Ok(Bytes::copy_from_slice(text.as_bytes()))
                };
                Ok(vec![spec.batch(items.iter().map(text).collect::<Result<Vec<_>, PredictError>>()?)?])
            }
            InputSpec::Tokens(spec) => {
                let tokens = |&item: &&'a Item| match item {
                    Item::Text(_) | Item::Tokens(_) => Ok(spec.tokens(item)?),
                    Item::Picture(_) => Err(misfit(item)),
                };
                let rows = items.iter().map(tokens).collect::<Result<Vec<_>, PredictError>>()?;
                Ok(spec.batch(&rows.iter().collect::<Vec<_>>())?)
            }
        }
    }
}
