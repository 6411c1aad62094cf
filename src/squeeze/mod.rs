//! Squeezers: functions from a picture to a simpler picture (Xu, Evans, Qi: "Feature Squeezing", NDSS 2018); those of text
//! are in [`text`].

mod bilateral;
mod bit_depth;
mod border;
mod catalogue;
mod crop;
mod exp2;
mod gaussian;
mod item;
mod jpeg;
mod lanes;
mod median;
mod name;
mod noise;
mod non_local_means;
mod resize;
pub mod text;
mod total_variation;
mod wavelet;

pub use bilateral::Bilateral;
pub use bit_depth::BitDepth;
pub use catalogue::parse;
pub use crop::Crop;
pub use gaussian::Gaussian;
pub use item::{Catalogue, ItemSqueezer};
pub use jpeg::Jpeg;
pub use median::Median;
pub use name::SqueezerError;
pub use noise::Noise;
pub use non_local_means::NonLocalMeans;
pub use resize::Resize;
pub use total_variation::TotalVariation;
pub use wavelet::Wavelet;

use crate::tensor::Picture;

/// A function from a picture to a simpler one of the same shape.
pub trait Squeezer: Send + Sync {
    /// Its name with its parameters, as the configuration writes it: `median(2,2)`.
    fn name(&self) -> String;

    /// The squeezed picture.
    fn squeeze(&self, picture: &Picture) -> Picture;
}
