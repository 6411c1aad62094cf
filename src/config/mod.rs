//! Configuration: TOML, environment and flags, checked as a whole.
#![allow(missing_docs)]
pub use crate::tensor::*;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq)]
pub struct Located<T> {
    pub value: T,
    pub at: Location,
}
#[derive(Debug, Clone, PartialEq)]
pub enum Location {
    Line(usize),
    Environment(String),
    Flag(String),
    Default,
}
#[derive(Debug, Clone, PartialEq)]
pub struct Mistake {
    pub at: Location,
    pub message: String,
}
#[derive(Debug, Clone, PartialEq)]
pub struct Mistakes(pub Vec<Mistake>);
pub struct Config {
    pub path: Option<PathBuf>,
    pub server: Server,
    pub admin: Admin,
    pub upstream: Upstream,
    pub workers: Workers,
    pub models: Vec<GuardedModel>,
}
pub struct Server {
    pub listen: SocketAddr,
    pub max_message_bytes: usize,
    pub max_inspected_bytes: usize,
    pub max_inflight_examinations: usize,
    pub drain_grace: Duration,
}
pub struct Admin {
    pub listen: SocketAddr,
}
pub enum Upstream {
    Grpc { endpoint: String },
    Embedded,
}
pub struct Workers {
    pub count: usize,
    pub intra_threads: usize,
    pub queue: usize,
    pub onnxruntime: Option<PathBuf>,
}
pub enum Predictions {
    Upstream,
    Replica,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    Monitor,
    Annotate,
    Block,
}
impl Policy {
    pub fn name(self) -> &'static str {
        ""
    }
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUndecided {
    Pass,
    Block,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Kl,
    JensenShannon,
    Surprise,
}
impl Measure {
    pub fn name(self) -> &'static str {
        ""
    }
}
pub struct GuardedModel {
    pub name: Located<String>,
    pub version: Option<String>,
    pub path: Option<Located<PathBuf>>,
    pub predictions: Predictions,
    pub policy: Policy,
    pub on_undecided: OnUndecided,
    pub block_status: String,
    pub time_budget: Duration,
    pub fpr: f64,
    pub profile: Located<PathBuf>,
    pub input: Input,
    pub output: Output,
    pub students: Vec<Student>,
    pub detectors: Vec<DetectorConfig>,
}
pub struct Input {
    pub name: Option<Located<String>>,
    pub datatype: Option<Located<Datatype>>,
    pub layout: Option<Located<Layout>>,
    pub colour: Option<Located<Colour>>,
    pub height: Option<Located<usize>>,
    pub width: Option<Located<usize>>,
    pub range: Option<Located<[f32; 2]>>,
    pub mean: Option<Located<Vec<f32>>>,
    pub std: Option<Located<Vec<f32>>>,
    pub at: Location,
}
pub struct Output {
    pub name: Option<Located<String>>,
    pub kind: Option<Located<OutputKind>>,
    pub at: Location,
}
pub struct Student {
    pub name: Located<String>,
    pub path: Located<PathBuf>,
    pub input: Input,
    pub output: Output,
}
pub enum DetectorKind {
    FeatureSqueezing { squeezers: Located<Vec<Located<String>>> },
    Disagreement { student: Located<String>, measure: Measure, temperature: f64 },
}
pub struct DetectorConfig {
    pub name: String,
    pub kind: DetectorKind,
    pub weight: f64,
    pub at: Location,
}
