//! Predictions on their way.

use super::Observation;
use crate::model::{Classifier, Distribution, Pending, PredictError};
use crate::tensor::Item;

/// A prediction on its way.
pub type Prediction = Pending<Result<Distribution, PredictError>>;

/// Predictions on the squeezed copies of one item on their way.
pub enum Copies {
    /// One job each, so that all workers share them.
    Apart(Vec<Prediction>),
    /// One job for all, as they take little and many are equal.
    Together(Pending<Result<Vec<Distribution>, PredictError>>),
}

impl Copies {
    /// Waits without blocking the thread.
    ///
    /// # Errors
    /// When one of the predictions failed.
    pub async fn ready(self) -> Result<Vec<Distribution>, PredictError> {
        match self {
            Self::Together(all) => all.ready().await?,
            Self::Apart(each) => {
                let mut distributions = Vec::with_capacity(each.len());
                for prediction in each {
                    distributions.push(prediction.ready().await??);
                }
                Ok(distributions)
            }
        }
    }

    fn wait(self) -> Result<Vec<Distribution>, PredictError> {
        match self {
            Self::Together(all) => all.wait()?,
            Self::Apart(each) => each.into_iter().map(wait).collect(),
        }
    }
}

/// An observation whose predictions are being made.
pub struct Underway {
    pub(super) original: Prediction,
    pub(super) squeezed: Copies,
    pub(super) companions: Vec<Prediction>,
}

impl Underway {
    /// Blocks until everything is predicted.
    ///
    /// # Errors
    /// When one of the predictions failed.
    pub fn wait(self) -> Result<Observation, PredictError> {
        Ok(Observation {
            original: wait(self.original)?,
            squeezed: self.squeezed.wait()?,
            companions: self.companions.into_iter().map(wait).collect::<Result<_, _>>()?,
        })
    }
}

/// Queues the prediction on an item, waiting for room.
pub(super) fn predict_waiting(classifier: &Classifier, item: &Item) -> Prediction {
    let item = item.clone();
    classifier.predict_waiting(move || item)
}

/// Blocks until one prediction is there.
///
/// # Errors
/// When it failed.
pub fn wait(prediction: Prediction) -> Result<Distribution, PredictError> {
    prediction.wait()?
}
