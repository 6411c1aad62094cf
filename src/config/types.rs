//! What the program runs on: the checked configuration.

use std::path::PathBuf;
use std::time::Duration;

use super::address::{Address, Endpoint, Reach};
use super::device::Device;
use super::evidence::{Audit, Evidence};
use super::mistake::{Located, Location};
use super::tracing::Tracing;
use super::transport::Listen;
use crate::tensor::{Colour, Datatype, Layout, OutputKind, Preparation};

/// All of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The file that it came from.
    pub path: Option<PathBuf>,
    /// The clients' ports.
    pub server: Server,
    /// The operators' port.
    pub admin: Admin,
    /// What stands behind the gateway.
    pub upstream: Upstream,
    /// The threads that predict.
    pub workers: Workers,
    /// What is kept of detections.
    pub evidence: Evidence,
    /// Who is told of detections.
    pub audit: Audit,
    /// Where traces go; nowhere if not given.
    pub tracing: Option<Tracing>,
    /// The models under guard; at least one.
    pub models: Vec<GuardedModel>,
}

/// The clients' ports.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// Where it listens.
    pub listen: Listen,
    /// Where it listens for REST clients, if it does; secured as the other.
    pub rest_listen: Option<Located<Address>>,
    /// Largest message that passes.
    pub max_message_bytes: usize,
    /// Largest message that is examined; larger ones are undecided.
    pub max_inspected_bytes: usize,
    /// Connections of clients at most; more are closed at once.
    pub max_connections: usize,
    /// Calls under way at most; more are refused.
    pub max_inflight_requests: usize,
    /// Bytes of requests and answers that are held at the same time; requests beyond are undecided.
    pub max_inflight_bytes: usize,
    /// Largest encoded picture that is examined, in pixels; larger ones cannot be.
    pub max_inspected_pixels: usize,
    /// Largest text that is examined, in bytes; larger ones cannot be.
    pub max_inspected_text: usize,
    /// Examinations under way at most; requests beyond are undecided.
    pub max_inflight_examinations: usize,
    /// How long a client may be silent before it is pinged, and how long it may take to answer.
    pub keep_alive: Duration,
    /// How long a gateway that is told to end still lets calls in, so that those who route them hear of it; may be zero.
    pub drain_delay: Duration,
    /// How long calls may go on after that.
    pub drain_grace: Duration,
    /// Pause between two looks at the configuration's files; zero for none.
    pub reload_every: Duration,
    /// What happens to streams over HTTP, which are not examined, where a model is under `block` or `restore`.
    pub streams: OnUndecided,
    /// What happens to tensors in shared memory, which nobody examines, where a model is under `block` or `restore`.
    pub shared_memory: OnUndecided,
}

/// The operators' port.
#[derive(Debug, Clone, PartialEq)]
pub struct Admin {
    /// Where it listens.
    pub listen: Listen,
    /// Bearer tokens, one a line; with it everything but probes asks for one.
    pub token_file: Option<Located<PathBuf>>,
    /// Where operators may come without a token or a certificate.
    pub anonymous: Reach,
    /// The page for their browsers.
    pub page: Page,
}

/// The operators' live page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Whether there is one.
    pub enabled: bool,
    /// Detections that it remembers at most.
    pub detections: usize,
    /// Memory for them, their pictures included, in bytes.
    pub memory: usize,
}

/// What stands behind the gateway.
#[derive(Debug, Clone, PartialEq)]
pub enum Upstream {
    /// A server that speaks the Open Inference Protocol.
    Grpc {
        /// Where it speaks gRPC.
        endpoint: Endpoint,
        /// Where it speaks REST, if it does.
        rest: Option<Endpoint>,
    },
    /// The guarded models themselves, run in this process.
    Embedded,
}

/// The threads that predict.
#[derive(Debug, Clone, PartialEq)]
pub struct Workers {
    /// How many; 0 for one a core.
    pub count: usize,
    /// Where the models of this process run.
    pub device: Located<Device>,
    /// Inputs that are predicted in one go.
    pub batching: Batching,
    /// Threads inside one prediction.
    pub intra_threads: usize,
    /// Predictions that may wait; requests beyond are undecided.
    pub queue: usize,
    /// The ONNX Runtime library, where the search is not wanted.
    pub onnxruntime: Option<PathBuf>,
}

/// How predictions for the same model are made together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// Inputs of a batch; 1 has each predicted by itself.
    pub size: usize,
    /// How long the first of a batch waits for others; may be zero.
    pub wait: Duration,
}

impl Batching {
    /// Each input is predicted by itself.
    pub const ALONE: Self = Self { size: 1, wait: Duration::ZERO };
}

/// Where predictions on squeezed copies come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Predictions {
    /// From the upstream, by one more request.
    Upstream,
    /// From a copy of the model in this process.
    Replica,
}

/// What happens to requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Decisions are counted; requests and answers cross untouched.
    Monitor,
    /// Answers carry the decision.
    Annotate,
    /// Suspicious requests are refused.
    Block,
    /// Suspicious requests are answered by squeezed copies and students.
    Restore,
}

impl Policy {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Monitor => "monitor",
            Self::Annotate => "annotate",
            Self::Block => "block",
            Self::Restore => "restore",
        }
    }
}

/// What the policies `block` and `restore` do with requests that could not be examined, other than by the client's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUndecided {
    /// They pass, counted.
    Pass,
    /// They are refused.
    Block,
}

/// A model under guard.
#[derive(Debug, Clone, PartialEq)]
pub struct GuardedModel {
    /// The name by which clients ask for it.
    pub name: Located<String>,
    /// The version that the embedded upstream tells, or that is asked of a remote one.
    pub version: Option<String>,
    /// Its ONNX file: the embedded model, or a replica of the upstream's.
    pub path: Option<Located<PathBuf>>,
    /// Where predictions on squeezed copies come from.
    pub predictions: Predictions,
    /// What happens to requests.
    pub policy: Policy,
    /// What happens to undecided ones under `block`.
    pub on_undecided: OnUndecided,
    /// The number of the gRPC status of a refusal.
    pub block_status: i32,
    /// How long the examination of an item may take; that of a batch as many times that.
    pub time_budget: Duration,
    /// The false-positive rate, one of those that the profile was calibrated for.
    pub fpr: f64,
    /// The profile's file.
    pub profile: Located<PathBuf>,
    /// A file with the names of its classes, for people.
    pub classes: Option<Located<PathBuf>>,
    /// Its input.
    pub input: Input,
    /// Its output.
    pub output: Output,
    /// Second models over the same classes.
    pub students: Vec<Companion>,
    /// Second models that tell adversarial from benign inputs.
    pub sentinels: Vec<Companion>,
    /// What is compared.
    pub detectors: Vec<DetectorConfig>,
    /// Which detectors look at every input, if not all.
    pub cascade: Option<CascadeConfig>,
}

impl GuardedModel {
    /// The model without second models, nor what compares with them.
    pub fn alone(&self) -> Self {
        let needs_none = |detector: &&DetectorConfig| matches!(detector.kind, DetectorKind::FeatureSqueezing { .. });
        Self {
            students: Vec::new(),
            sentinels: Vec::new(),
            detectors: self.detectors.iter().filter(needs_none).cloned().collect(),
            cascade: None,
            ..self.clone()
        }
    }
}

/// An input, as far as it is configured; the model tells the rest. All but its name and its tokens is for pictures.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Input {
    /// Name of the tensor.
    pub name: Option<Located<String>>,
    /// Its element type.
    pub datatype: Option<Located<Datatype>>,
    /// Order of the dimensions.
    pub layout: Option<Located<Layout>>,
    /// Order of the channels.
    pub colour: Option<Located<Colour>>,
    /// Number of channels.
    pub channels: Option<Located<usize>>,
    /// Rows.
    pub height: Option<Located<usize>>,
    /// Columns.
    pub width: Option<Located<usize>>,
    /// Values of black and white before mean and std are applied.
    pub range: Option<Located<[f32; 2]>>,
    /// How finely pixels are graded, from 1 to 16.
    pub bits: Option<Located<u32>>,
    /// What the client subtracts, per channel of the tensor.
    pub mean: Option<Located<Vec<f32>>>,
    /// What the client divides by, per channel of the tensor.
    pub std: Option<Located<Vec<f32>>>,
    /// What the server does with encoded pictures, where clients send such.
    pub encoded: Option<EncodedInput>,
    /// By which tokenizer the model takes text, if it takes tokens.
    pub tokens: Option<TokenInput>,
    /// Where the section is.
    pub at: Location,
}

/// Encoded pictures that clients send in the place of pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedInput {
    /// Name of their tensor; that of the model's input if not given.
    pub name: Option<Located<String>>,
    /// What the server does with a decoded picture.
    pub preparation: Preparation,
    /// Where the section is.
    pub at: Location,
}

/// Tokens of texts, which a model takes in the place of strings.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenInput {
    /// The tokenizer's file.
    pub tokenizer: Located<PathBuf>,
    /// Name of the tensor of strings that clients send; they send tokens if not given.
    pub text: Option<Located<String>>,
    /// Tokens that the server reads of a text at most.
    pub max_length: Option<Located<usize>>,
    /// Whether it is the guarded model's, and meant for a second model only if that takes tokens.
    pub is_inherited: bool,
    /// Where the section is.
    pub at: Location,
}

/// An output, as far as it is configured; the model tells the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Name of the tensor.
    pub name: Option<Located<String>>,
    /// What its values mean.
    pub kind: Option<Located<OutputKind>>,
    /// Where the section is.
    pub at: Location,
}

/// A second model that looks at the input: a student or a sentinel.
#[derive(Debug, Clone, PartialEq)]
pub struct Companion {
    /// Its name.
    pub name: Located<String>,
    /// Its ONNX file.
    pub path: Located<PathBuf>,
    /// Its input; the guarded model's where it has no section of its own.
    pub input: Input,
    /// Its output.
    pub output: Output,
}

/// How a student's prediction is compared with the teacher's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// KL(teacher || student).
    Kl,
    /// The Jensen-Shannon divergence.
    JensenShannon,
    /// -ln of the student's probability for the teacher's class.
    Surprise,
}

impl Measure {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kl => "kl",
            Self::JensenShannon => "jensen_shannon",
            Self::Surprise => "surprise",
        }
    }
}

/// What a detector compares.
#[derive(Debug, Clone, PartialEq)]
pub enum DetectorKind {
    /// Predictions on squeezed copies with the original's.
    FeatureSqueezing {
        /// Names of squeezers, such as `median(2,2)`.
        squeezers: Vec<Located<String>>,
        /// The class that attacks lead away from, where only that counts.
        hidden: Option<Located<usize>>,
    },
    /// A student's prediction with the teacher's.
    Disagreement {
        /// The student's name.
        student: Located<String>,
        /// How they are compared.
        measure: Measure,
        /// At which temperature.
        temperature: f64,
        /// The class that attacks lead away from, where only that counts.
        hidden: Option<Located<usize>>,
    },
    /// How near the guarded model's second choice comes to its first.
    Margin,
    /// A sentinel's word.
    Sentinel {
        /// The sentinel's name.
        sentinel: Located<String>,
    },
}

/// A detector.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorConfig {
    /// Its name, unique within the model.
    pub name: String,
    /// What it compares.
    pub kind: DetectorKind,
    /// Its weight in the combined score.
    pub weight: f64,
    /// Where the section is.
    pub at: Location,
}

impl DetectorConfig {
    /// Whether it asks the student or sentinel of this name.
    pub fn asks(&self, companion: &str) -> bool {
        match &self.kind {
            DetectorKind::FeatureSqueezing { .. } | DetectorKind::Margin => false,
            DetectorKind::Disagreement { student: asked, .. } | DetectorKind::Sentinel { sentinel: asked } => {
                asked.value == companion
            }
        }
    }
}

/// Some detectors look at every input, the others only at what these find most suspicious.
#[derive(Debug, Clone, PartialEq)]
pub struct CascadeConfig {
    /// Names of the detectors that look at every input.
    pub first: Vec<Located<String>>,
    /// The share of benign inputs that the others look at too, in (0, 1).
    pub share: f64,
}

impl CascadeConfig {
    /// Whether this detector looks at every input.
    pub fn comes_first(&self, detector: &DetectorConfig) -> bool {
        self.first.iter().any(|first| first.value == detector.name)
    }
}
