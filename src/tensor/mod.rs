//! Plain tensors and pictures: what every floor above passes around.

mod element;
mod encoding;
mod picture;

pub use element::{Datatype, Elements, Tensor, TensorError};
pub use encoding::{Colour, Layout, OutputKind};
pub use picture::{Picture, PictureError};
