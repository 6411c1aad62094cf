//! Readers for benign and adversarial data: what people have on disk, picture by picture or message by
//! message; and synthetic sets.

mod adversarial;
mod array;
mod cifar;
mod dataset;
mod encoded;
mod error;
mod exact;
mod export;
mod file;
mod folder;
mod idx;
mod labels;
mod luggage;
mod messages;
mod names;
mod numpy;
mod options;
mod signs;
mod source;
mod split;
mod synthetic;

pub use adversarial::{AdversarialSet, AttackResult};
pub use dataset::{Dataset, Format, Sample, Samples, Split};
pub use encoded::{DecodeError, decode_picture};
pub use error::DataError;
pub use exact::{ExactFormat, decode_exactly, encode_exactly};
pub(crate) use export::write_png;
pub use export::{write_folders, write_npz};
pub use file::write_atomically;
pub use messages::{Message, Messages};
pub use names::lines as class_names;
pub use numpy::{Values, is_array};
pub use options::Options;
pub use split::split;
pub use synthetic::{Danger, danger};
