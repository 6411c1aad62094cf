//! Plain tensors and pictures: what every floor above passes around.

mod element;
mod picture;

pub use element::{Datatype, Elements, Tensor, TensorError};
pub use picture::{Picture, PictureError};
