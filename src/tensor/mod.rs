//! Plain tensors and pictures: what every floor above passes around.

mod datatype;
mod element;
mod encoding;
mod picture;
mod resize;

pub use datatype::Datatype;
pub use element::{Elements, Tensor, TensorError};
pub use encoding::{Colour, Layout, OutputKind};
pub use picture::{Picture, PictureError};
pub(crate) use resize::centre;
pub use resize::{crop_and_resize, grey, resize, rgb, to_8_bit};
