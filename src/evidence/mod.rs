//! Evidence of detections: the record of each, and the way by which it comes to those who look, keep and tell.
//!
//! The request path hands over what it has and goes on; everything else happens beside it. Each subscriber has a queue of
//! its own, bounded in bytes: who is too slow loses the oldest, which is counted, and holds up nobody.

mod detection;
mod feed;
mod id;
mod message;
mod queue;
mod store;
mod time;

pub use detection::{Client, Detection, Item, Prediction, SCHEMA_VERSION, Voice};
pub use feed::{Event, Feed, Input, Interest, Subscription};
pub use id::{DetectionId, NoDetectionId};
pub use message::{Message, SqueezedText};
pub use queue::Queue;
pub use store::{Keeper, Kept, KeptFormat, KeptInput, Store, StoreError, TextFormat};
pub(crate) use time::{to_the_millisecond, unix_millis};
