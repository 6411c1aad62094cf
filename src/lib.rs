//! Portcullis: a gateway that stands in front of a classifier and tells adversarial inputs from benign ones.

pub mod config;
pub mod data;
pub mod detect;
pub mod gateway;
pub mod model;
pub mod profile;
pub mod proto;
pub mod report;
pub mod squeeze;
pub mod telemetry;
pub mod tensor;
