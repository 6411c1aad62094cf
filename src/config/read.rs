//! From what was typed to what the program runs on.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::address::Address;
use super::detector::{cascade, check_references, detector};
use super::device::Device;
use super::encoded::encoded;
use super::evidence;
use super::mistake::{Located, Location, Mistake};
use super::section::Section;
use super::tokens::tokens;
use super::tracing;
use super::transport;
use super::tree::Node;
use super::types::{
    Batching, Companion, Config, DetectorConfig, DetectorKind, GuardedModel, Input, OnUndecided, Output, Policy,
    Predictions, Server, TokenInput, Upstream, Workers,
};
use super::value::{BlockStatus, Pause, Size};

const KIBIBYTE: usize = 1 << 10;
pub(super) const MEBIBYTE: usize = 1 << 20;
/// A megapixel, as cameras' makers round it down.
const MEGAPIXEL: usize = 1 << 20;
/// Inputs that small networks on a GPU predict about as fast as one.
const BATCH_ON_GPU: usize = 16;
/// gRPC's frames carry 32-bit lengths; servers stop at 2 GiB.
const LARGEST_MESSAGE: usize = 2 << 30;

/// Reads the whole configuration; `None` only with a mistake.
pub(super) fn config(root: Node, folder: &Path, mistakes: &mut Vec<Mistake>) -> Option<Config> {
    let mut root = Section::new(String::new(), root, mistakes);
    let server = server(root.section("server"), folder);
    let admin = transport::admin(root.section("admin"), folder);
    let upstream = transport::upstream(root.section("upstream"), folder);
    let workers = workers(root.section("workers"), folder);
    let evidence = evidence::evidence(root.section("evidence"), folder);
    let audit = evidence::audit(root.section("audit"), folder);
    let tracing = tracing::tracing(root.section("tracing"), folder);
    if let (Some(rest), Some(upstream)) = (&server.rest_listen, &upstream)
        && let Some(problem) = server.rest_problem(upstream)
    {
        root.wrong(rest.at.clone(), "server.rest_listen", problem);
    }
    let embedded = upstream.as_ref().is_some_and(|upstream| *upstream == Upstream::Embedded);
    let before = root.mistakes.len();
    let models = root.sections("models", |section| model(section, folder, embedded));
    if models.is_empty() && root.mistakes.len() == before {
        root.wrong(root.at.clone(), "models", "is missing: add a [[models]] section for each model to guard");
    }
    unique("model", models.iter().map(|model| (&model.name.value, &model.name.at)), root.mistakes);
    root.end();
    Some(Config { path: None, server, admin, upstream: upstream?, workers, evidence, audit, tracing, models })
}

fn server(mut section: Section<'_>, folder: &Path) -> Server {
    let (listen, at) = transport::listen(&mut section, SocketAddr::from(([127, 0, 0, 1], 8001)), folder);
    if let (Some(at), Some(problem)) = (at, listen.problem("server")) {
        section.wrong(at, "listen", problem);
    }
    let rest_listen = section.optional::<Address>("rest_listen");
    let rest_listen = rest_listen.map(|Located { value, at }| Located { value: value.below(folder), at });
    let max_message_bytes = size(&mut section, "max_message_bytes", 64 * MEBIBYTE);
    let server = Server {
        listen,
        rest_listen,
        max_message_bytes,
        max_inspected_bytes: size(&mut section, "max_inspected_bytes", max_message_bytes),
        max_connections: positive(&mut section, "max_connections", 4096),
        max_inflight_requests: positive(&mut section, "max_inflight_requests", 4096),
        max_inflight_bytes: inflight_bytes(&mut section, max_message_bytes),
        max_inspected_pixels: positive(&mut section, "max_inspected_pixels", 16 * MEGAPIXEL),
        max_inspected_text: size(&mut section, "max_inspected_text", 64 * KIBIBYTE),
        max_inflight_examinations: positive(&mut section, "max_inflight_examinations", 256),
        keep_alive: section.or("keep_alive", Duration::from_secs(20)),
        drain_delay: section.or("drain_delay", Pause(Duration::from_secs(5))).0,
        drain_grace: section.or("drain_grace", Duration::from_secs(20)),
        reload_every: section.or("reload_every", Pause(Duration::from_secs(5))).0,
        streams: section.or("streams", OnUndecided::Block),
        shared_memory: section.or("shared_memory", OnUndecided::Block),
    };
    section.end();
    server
}

/// Enough for the largest message, what it is decoded to and its answer.
fn inflight_bytes(section: &mut Section<'_>, max_message_bytes: usize) -> usize {
    let least = 4 * max_message_bytes;
    let default = least.max(1024 * MEBIBYTE);
    match section.optional::<Size>("max_inflight_bytes") {
        Some(value) if value.value.0 < least => {
            section.wrong(value.at, "max_inflight_bytes", "must be at least four times max_message_bytes");
            default
        }
        value => value.map_or(default, |value| value.value.0),
    }
}

fn workers(mut section: Section<'_>, folder: &Path) -> Workers {
    let device = section.optional("device").unwrap_or(Located { value: Device::Cpu, at: Location::Default });
    let batch = match *device {
        Device::Cpu => 1,
        Device::Cuda(_) => BATCH_ON_GPU,
    };
    let workers = Workers {
        count: section.or("count", 0),
        device,
        batching: Batching {
            size: positive(&mut section, "batch", batch),
            wait: section.or("batch_wait", Pause(Duration::from_millis(1))).0,
        },
        intra_threads: positive(&mut section, "intra_threads", 1),
        queue: positive(&mut section, "queue", 1024),
        onnxruntime: section.optional::<PathBuf>("onnxruntime").map(|path| folder.join(path.value)),
    };
    section.end();
    workers
}

fn model(mut section: Section<'_>, folder: &Path, embedded: bool) -> Option<GuardedModel> {
    let name = section.required::<String>("name");
    let path = file(&mut section, "path", folder);
    let predictions = predictions(&mut section, path.as_ref(), embedded);
    let profile = section.required::<PathBuf>("profile").map(|path| below(folder, path));
    let classes = file(&mut section, "classes", folder);
    let fpr = ranged(&mut section, "fpr", 0.01, |fpr| fpr > 0.0 && fpr <= 0.5, "lie above 0 and be at most 0.5");
    let policy = section.or("policy", Policy::Monitor);
    let on_undecided = section.or("on_undecided", OnUndecided::Pass);
    let block_status = section.or("block_status", BlockStatus(7)).0;
    let time_budget = section.or("time_budget", Duration::from_secs(1));
    let version = section.optional::<String>("version").map(|version| version.value);
    let input = input(section.section("input"), folder);
    if let Some(encoded) = input.encoded.as_ref().filter(|_| embedded) {
        let problem = "is for a server that decodes pictures itself: the embedded upstream takes pixels";
        section.wrong(encoded.at.clone(), "input.encoded", problem);
    }
    if let Some(text) = input.tokens.as_ref().and_then(|tokens| tokens.text.as_ref()).filter(|_| embedded) {
        let problem = "is for a server that makes tokens itself: the embedded upstream takes tokens";
        section.wrong(text.at.clone(), "input.tokens.text", problem);
    }
    let output = output(section.section("output"));
    let students = section.sections("students", |section| companion(section, folder, &input));
    let sentinels = section.sections("sentinels", |section| companion(section, folder, &input));
    let companions = students.iter().chain(&sentinels).map(|companion| (&companion.name.value, &companion.name.at));
    unique("student or sentinel", companions, section.mistakes);
    let detectors = section.sections("detectors", detector);
    let at = section.at.clone();
    let names: Vec<(&String, &Location)> = detectors.iter().map(|detector| (&detector.name, &detector.at)).collect();
    unique("detector", names.into_iter(), section.mistakes);
    check_references(&detectors, &students, &sentinels, section.mistakes);
    if detectors.is_empty() && section.mistakes.is_empty() {
        section.wrong(at.clone(), "detectors", "is missing: without a detector nothing is ever suspicious");
    } else if !detectors.is_empty() && detectors.iter().all(|detector| detector.weight == 0.0) {
        section.wrong(at.clone(), "detectors", "all have weight 0: nothing would ever be suspicious");
    }
    let has_cascade = section.has("cascade");
    let own = section.section("cascade");
    let cascade = has_cascade.then(|| cascade(own, &detectors, fpr)).flatten();
    let squeezes = |detector: &DetectorConfig| matches!(detector.kind, DetectorKind::FeatureSqueezing { .. });
    if policy == Policy::Restore && students.is_empty() && !detectors.iter().any(squeezes) {
        section.wrong(at, "policy", "is \"restore\", but there are neither squeezers nor students to answer instead");
    }
    section.end();
    Some(GuardedModel {
        name: name?,
        version,
        path: path.and_then(Result::ok),
        predictions: predictions?,
        policy,
        on_undecided,
        block_status,
        time_budget,
        fpr,
        profile: profile?,
        classes: classes.and_then(Result::ok),
        input,
        output,
        students,
        sentinels,
        detectors,
        cascade,
    })
}

/// A path to a file that must exist: `None` if it was not typed, `Err` if it is wrong.
pub(super) fn file(
    section: &mut Section<'_>,
    key: &'static str,
    folder: &Path,
) -> Option<Result<Located<PathBuf>, ()>> {
    let path = below(folder, section.optional::<PathBuf>(key)?);
    if path.value.is_file() {
        return Some(Ok(path));
    }
    let problem = format!("names {}, which is no file", path.value.display());
    section.wrong(path.at, key, problem);
    Some(Err(()))
}

fn below(folder: &Path, path: Located<PathBuf>) -> Located<PathBuf> {
    Located { value: folder.join(path.value), at: path.at }
}

fn predictions(
    section: &mut Section<'_>,
    path: Option<&Result<Located<PathBuf>, ()>>,
    embedded: bool,
) -> Option<Predictions> {
    let typed = section.optional::<Predictions>("predictions");
    match (typed, path) {
        (Some(typed), None) if typed.value == Predictions::Replica => {
            section.wrong(typed.at, "predictions", "is \"replica\", but path does not say of which file");
            None
        }
        (_, None) if embedded => {
            section.wrong(section.at.clone(), "path", "is missing: the embedded upstream serves this file");
            None
        }
        (Some(typed), _) => Some(typed.value),
        (None, Some(_)) => Some(Predictions::Replica),
        (None, None) => Some(Predictions::Upstream),
    }
}

fn input(mut section: Section<'_>, folder: &Path) -> Input {
    let mut side = |key| {
        section.optional::<usize>(key).filter(|side| {
            if side.value == 0 {
                section.wrong(side.at.clone(), key, "must be at least 1");
            }
            side.value > 0
        })
    };
    let (height, width, channels) = (side("height"), side("width"), side("channels"));
    let range = section.optional::<[f32; 2]>("range");
    if let Some(range) = &range
        && range.value[0] >= range.value[1]
    {
        section.wrong(range.at.clone(), "range", "must be [black, white] with black below white");
    }
    let bits = section.optional::<u32>("bits");
    if let Some(bits) = &bits
        && !(1..=16).contains(&bits.value)
    {
        section.wrong(bits.at.clone(), "bits", "must be from 1 to 16");
    }
    let std = section.optional::<Vec<f32>>("std");
    if let Some(std) = &std
        && std.value.iter().any(|&value| value <= 0.0)
    {
        section.wrong(std.at.clone(), "std", "must be above 0");
    }
    let has_encoded = section.has("encoded");
    let own = section.section("encoded");
    let encoded = has_encoded.then(|| encoded(own)).flatten();
    let has_tokens = section.has("tokens");
    let own = section.section("tokens");
    let tokens = has_tokens.then(|| tokens(own, folder)).flatten();
    let input = Input {
        name: section.optional("name"),
        datatype: section.optional("datatype"),
        layout: section.optional("layout"),
        colour: section.optional("colour"),
        channels,
        height,
        width,
        range,
        bits,
        mean: section.optional("mean"),
        std,
        encoded,
        tokens,
        at: section.at.clone(),
    };
    section.end();
    input
}

fn output(mut section: Section<'_>) -> Output {
    let output = Output { name: section.optional("name"), kind: section.optional("kind"), at: section.at.clone() };
    section.end();
    output
}

/// A student or a sentinel. Without an input section of its own it takes what the teacher takes.
fn companion(mut section: Section<'_>, folder: &Path, teacher: &Input) -> Option<Companion> {
    let name = section.required::<String>("name");
    let path = file(&mut section, "path", folder);
    if path.is_none() {
        section.wrong(section.at.clone(), "path", "is missing: its ONNX file");
    }
    let has_input = section.has("input");
    let own = input(section.section("input"), folder);
    if let Some(encoded) = &own.encoded {
        let problem = "belongs to the guarded model: its pictures are decoded once, for all";
        section.wrong(encoded.at.clone(), "input.encoded", problem);
    }
    if let Some(text) = own.tokens.as_ref().and_then(|tokens| tokens.text.as_ref()) {
        let problem = "belongs to the guarded model: only that is asked by clients";
        section.wrong(text.at.clone(), "input.tokens.text", problem);
    }
    let output = output(section.section("output"));
    section.end();
    let inherited = || {
        let tokens = teacher.tokens.clone().map(|tokens| TokenInput { text: None, is_inherited: true, ..tokens });
        Input { name: None, encoded: None, tokens, ..teacher.clone() }
    };
    let input = if has_input { own } else { inherited() };
    Some(Companion { name: name?, path: path?.ok()?, input, output })
}

/// Two of the same name are a mistake at the second, which names the first.
fn unique<'a>(what: &str, names: impl Iterator<Item = (&'a String, &'a Location)>, mistakes: &mut Vec<Mistake>) {
    let mut first: HashMap<&String, &Location> = HashMap::new();
    for (name, at) in names {
        if let Some(earlier) = first.get(name) {
            let earlier = match earlier {
                Location::Line(line) => format!(" on line {line}"),
                _ => String::new(),
            };
            mistakes.push(Mistake { at: at.clone(), message: format!("there is another {what} '{name}'{earlier}") });
        }
        first.entry(name).or_insert(at);
    }
}

pub(super) fn positive(section: &mut Section<'_>, key: &'static str, default: usize) -> usize {
    match section.optional::<usize>(key) {
        Some(value) if value.value == 0 => {
            section.wrong(value.at, key, "must be at least 1");
            default
        }
        value => value.map_or(default, |value| value.value),
    }
}

pub(super) fn ranged(
    section: &mut Section<'_>,
    key: &'static str,
    default: f64,
    fits: impl Fn(f64) -> bool,
    rule: &str,
) -> f64 {
    match section.optional::<f64>(key) {
        Some(value) if !fits(value.value) => {
            section.wrong(value.at, key, format_args!("must {rule}"));
            default
        }
        value => value.map_or(default, |value| value.value),
    }
}

/// A size of any length but nothing.
pub(super) fn positive_size(section: &mut Section<'_>, key: &'static str, default: usize) -> usize {
    match section.optional::<Size>(key) {
        Some(value) if value.value.0 == 0 => {
            section.wrong(value.at, key, "must be at least 1 byte");
            default
        }
        value => value.map_or(default, |value| value.value.0),
    }
}

pub(super) fn size(section: &mut Section<'_>, key: &'static str, default: usize) -> usize {
    match section.optional::<Size>(key) {
        Some(value) if value.value.0 == 0 || value.value.0 > LARGEST_MESSAGE => {
            section.wrong(value.at, key, "must lie between 1 byte and 2 GiB");
            default
        }
        value => value.map_or(default, |value| value.value.0),
    }
}
