//! Squeezers: functions from a picture to a simpler picture (Xu, Evans, Qi: "Feature Squeezing", NDSS 2018).

use crate::tensor::Picture;

/// A function from a picture to a simpler one of the same shape.
pub trait Squeezer: Send + Sync {
    /// Its name with its parameters, as the configuration writes it: `median(2,2)`.
    fn name(&self) -> String;

    /// The squeezed picture.
    fn squeeze(&self, picture: &Picture) -> Picture;
}

#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct SqueezerError;
pub fn parse(_name: &str) -> Result<Box<dyn Squeezer>, SqueezerError> {
    Err(SqueezerError)
}
