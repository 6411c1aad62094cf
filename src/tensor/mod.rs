//! Plain tensors, pictures and texts: what every floor above passes around.

mod datatype;
mod depth;
mod element;
mod encoding;
mod item;
mod picture;
mod preparation;
mod pseudo_colour;
mod resize;

pub use datatype::Datatype;
pub use depth::Depth;
pub use element::{Elements, Tensor, TensorError};
pub use encoding::{Colour, Layout, OutputKind};
pub use item::{Item, Kind, Tokenised, Tokens};
pub(crate) use picture::to_u8;
pub use picture::{Picture, PictureError};
pub use preparation::{Filter, Fit, Preparation};
pub(crate) use resize::{centre, luma};
pub use resize::{crop_and_resize, grey, quantised, resize, rgb, shown, shown_change, to_8_bit};
