//! Telling others of detections, in the words of security teams.
//!
//! Each detection becomes one OCSF Detection Finding ([`finding`]): a line of a file or of standard output, or the payload of a
//! CloudEvent ([`cloud_event`]).

mod cloud_event;
mod file;
mod finding;
mod lines;

pub use cloud_event::{CONTENT_TYPE, cloud_event};
pub use file::RotatingFile;
pub use finding::finding;
pub use lines::{LineSink, StandardOutput, tell};
