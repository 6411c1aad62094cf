//! Portcullis: a gateway that stands in front of a classifier and tells adversarial inputs from benign ones.
//!
//! # The map of the house
//!
//! Floors from top to bottom. A module imports from below, and from its own floor without a circle;
//! `tests/architecture.rs` keeps watch.
//!
//! | module | what is there |
//! |---|---|
//! | `main` | parses, runs, prints the error chain once, sets the exit code |
//! | `cli` | one file a command: arguments and wiring |
//! | [`gateway`] | the online half: listening, proxying, examining one request, upstreams, the operators' port, the life cycle |
//! | [`train`] | distillation and training, also against an adversary, and of sentinels; a feature of the build |
//! | [`ngram`] | students of text: a softmax over rows of characters, fitted and written as ONNX |
//! | [`attack`] | attacks on a classifier, one file each, and the suites that a red team makes |
//! | [`report`] | tables, histograms and plots; what an assessment found, for the terminal, programs and a browser |
//! | [`audit`] | detections as OCSF findings: lines of files, CloudEvents |
//! | [`profile`] | calibration on benign inputs, and the profile that comes of it |
//! | [`evidence`] | the record of a detection, the way it takes to those who look, keep and tell, and the store of what is kept |
//! | [`load`] | load on a server in an open loop, and what becomes of the requests |
//! | [`telemetry`] | every metric, log line, span and event, one function each |
//! | [`detect`] | detectors, their combination, decision and policy; no network |
//! | [`difference`] | what differs between two messages, for people: words, characters, what nobody sees |
//! | [`data`] | readers of IDX, CIFAR, NumPy and image folders, and of messages; adversarial sets; signs and bags that are drawn |
//! | [`squeeze`] | one file a squeezer, of pictures and of text |
//! | [`onnx`] | the ONNX graph as data: built or read, differentiated, and written as a file |
//! | [`model`] | ONNX Runtime, its workers and batches, tokenizers, and what a classifier's input and output mean |
//! | [`config`] | TOML, environment and flags, checked as a whole |
//! | [`proto`] | code that is generated from `proto/` |
//! | [`tensor`] | plain tensors, pictures, texts and their tokens |
//!
//! ONNX Runtime and tokenizers are named in [`model`] only, gRPC in [`gateway`], metrics in [`telemetry`], the command line
//! in `cli`.
//!
//! # What always holds
//!
//! 1. Under the policy `monitor`, requests and answers cross the gateway byte for byte, metadata and trailers included;
//!    where requests are traced, but for the trace's context.
//! 2. The same input gets the same decision alone, in a batch, and at any concurrency.
//! 3. No client input panics the process or makes it unready; hostile sizes are refused before memory is taken.
//! 4. A refusal under `block` carries neither prediction nor scores: scores are an oracle for the attacker.
//! 5. Every request ends up in exactly one decision counter, whose labels come from bounded sets.
//! 6. The false-positive rate on fresh benign inputs stays within the interval that the profile states.
//! 7. `serve` binds nothing before configuration, models and profiles are valid, and names every mistake.
//! 8. A call meets one configuration from its beginning to its end; a new one that is wrong changes nothing.

pub mod attack;
pub mod audit;
pub mod config;
pub mod data;
pub mod detect;
pub mod difference;
pub mod evidence;
pub mod gateway;
pub mod load;
pub mod model;
pub mod ngram;
pub mod onnx;
pub mod profile;
pub mod proto;
pub mod report;
pub mod squeeze;
pub mod telemetry;
pub mod tensor;
#[cfg(feature = "train")]
pub mod train;
