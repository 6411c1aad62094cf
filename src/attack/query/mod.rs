//! Attacks that only ask, and look at the answers.

mod boundary;
mod hop_skip_jump;
mod nes;
mod sim_ba;
mod spatial;
mod square;
mod start;

pub use boundary::Boundary;
pub use hop_skip_jump::HopSkipJump;
pub use nes::Nes;
pub use sim_ba::SimBa;
pub use spatial::Spatial;
pub use square::Square;
