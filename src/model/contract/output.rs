//! How an output tensor encodes a prediction.

use serde::{Deserialize, Serialize};

use crate::model::distribution::{Distribution, DistributionError};
use crate::tensor::OutputKind;

/// How an output tensor encodes a prediction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputSpec {
    /// Name of the tensor.
    pub name: String,
    /// What its values mean.
    pub kind: OutputKind,
    /// Number of classes.
    pub classes: usize,
}

impl OutputSpec {
    /// Reads a batch of predictions (`items * classes` values, trailing dimensions of one allowed). An item whose
    /// values are no distribution has no prediction, and takes none from its neighbours.
    ///
    /// # Errors
    /// When the number of values is not `items * classes`.
    pub fn decode(
        &self,
        items: usize,
        values: &[f32],
    ) -> Result<Vec<Result<Distribution, DistributionError>>, DistributionError> {
        if items.checked_mul(self.classes) != Some(values.len()) || self.classes < 2 {
            return Err(DistributionError::Classes { expected: self.classes, items, actual: values.len() });
        }
        let distribution = |scores| match self.kind {
            OutputKind::Logits => Distribution::from_logits(scores),
            OutputKind::Probabilities => Distribution::from_probabilities(scores),
        };
        Ok(values.chunks_exact(self.classes).map(distribution).collect())
    }

    /// Values that are read as this distribution, one a class. Logits are natural logarithms of the probabilities.
    pub fn encode(&self, distribution: &Distribution) -> Vec<f32> {
        let value = |p: &f64| match self.kind {
            OutputKind::Logits => p.max(f64::from(f32::MIN_POSITIVE)).ln() as f32,
            OutputKind::Probabilities => *p as f32,
        };
        distribution.probabilities().iter().map(value).collect()
    }
}
