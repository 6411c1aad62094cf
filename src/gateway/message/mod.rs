//! What crosses the gateway: frames on the wire, copies of them that pass by, and what they say.

pub(super) mod body;
pub(super) mod codec;
pub(super) mod cutter;
pub(super) mod deadline;
pub(super) mod outputs;
pub(super) mod room;
pub(super) mod stream;
pub(super) mod tee;
pub(super) mod view;
pub(super) mod weight;
pub(super) mod wire;
