//! From the configuration to a gateway that can run: everything loaded, everything checked, nothing bound yet.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::Gateway;
use super::credentials::Credentials;
use super::detections::Detections;
use super::examine::copies::UpstreamTeacher;
use super::examine::guarded::{GuardedModel, Teacher};
use super::guard::Guard;
use super::guard::intake::Intake;
use super::lifecycle::files::Files;
use super::lifecycle::serving::Serving;
use super::message::room::Room;
use super::message::tee::Limits;
use super::message::view::Most;
use super::operators::page::history::Histories;
use super::rest;
use super::sinks::Sinks;
use super::upstream::{Embedded, EmbeddedModel, Remote, Upstream};
use crate::config::{self, Config, Mistake, Policy, Predictions};
use crate::data::class_names;
use crate::detect::Rate;
use crate::model::{InputSpec, Workers};
use crate::profile::{Known, Lineup, Loader, ModelIdentity, Profile, ProfileError};
use crate::telemetry::{self, Exposition, ModelMetrics};

/// Memory of one element of a request beside what it becomes, in bytes: what slices, lists and jobs take.
const ELEMENT: usize = 512;

impl Gateway {
    /// Loads and checks everything that `config` names.
    ///
    /// # Errors
    /// Every mistake at once: broken models, contradictions, profiles that belong to something else.
    pub fn assemble(config: Config, loader: Loader, exposition: Exposition) -> Result<Self, Vec<Mistake>> {
        let files = Files::of(&config);
        let (detections, histories) = (Detections::new(), Histories::new());
        let room = Room::new(config.server.max_inflight_bytes);
        let max_connections = config.server.max_connections;
        let (Ok(credentials), Ok(loaded)) = (Credentials::load(&config), Loaded::load(config.clone(), &loader)) else {
            return Err(check(&config, &loader));
        };
        let (sinks, tracer) = Sinks::load(&config)?;
        let serving = loaded.into_serving(files, &loader, &detections, &histories, &room);
        telemetry::configuration_in_force();
        Ok(Self {
            serving: watch::Sender::new(Arc::new(serving)),
            credentials,
            loader,
            exposition,
            detections,
            sinks,
            tracer,
            histories,
            room,
            max_connections,
            source: None,
        })
    }
}

/// Everything that a configuration names, loaded and checked. It neither serves yet nor shows in metrics.
pub(super) struct Loaded {
    config: Config,
    remote: Option<Arc<Remote>>,
    rest: Option<rest::Server>,
    models: Vec<LoadedModel>,
}

/// One model and what guards it.
struct LoadedModel {
    lineup: Lineup,
    workers: Arc<Workers>,
    classes: Vec<String>,
    profile: Profile,
    rate: Rate,
    teacher: Teacher,
}

impl Loaded {
    /// Loads and checks what `config` names.
    ///
    /// # Errors
    /// Every mistake at once.
    pub(super) fn load(config: Config, loader: &Loader) -> Result<Self, Vec<Mistake>> {
        let (remote, rest) = match &config.upstream {
            config::Upstream::Grpc { endpoint, rest } => {
                let rest = rest.as_ref().map(rest::Server::new).transpose();
                match (Remote::new(endpoint), rest) {
                    (Ok(remote), Ok(rest)) => (Some(Arc::new(remote)), rest),
                    _ => return Err(served_mistakes(&config, loader)),
                }
            }
            config::Upstream::Embedded => (None, None),
        };
        let mut models = Vec::new();
        let mut mistakes = Vec::new();
        for configured in &config.models {
            // What nobody waits for keeps nothing waiting, unless the same sessions answer clients.
            let is_unhurried = configured.policy == Policy::Monitor && remote.is_some();
            let loader = if is_unhurried { &loader.unhurried() } else { loader };
            match LoadedModel::load(configured, loader, remote.as_ref()) {
                Ok(model) => models.push(model),
                Err(more) => mistakes.extend(more),
            }
        }
        loader.runtime.give_back_memory();
        if mistakes.is_empty() { Ok(Self { config, remote, rest, models }) } else { Err(mistakes) }
    }

    /// Makes of it what can serve. `files` are those that it came from.
    /// Calls of this configuration and of others share one `room`.
    pub(super) fn into_serving(
        self,
        files: Files,
        loader: &Loader,
        detections: &Detections,
        histories: &Histories,
        room: &Room,
    ) -> Serving {
        let Self { config, remote, rest, models } = self;
        let server = &config.server;
        let guarded = |(loaded, model): (LoadedModel, _)| Arc::new(loaded.guarded(model, server, histories));
        let models: Vec<Arc<GuardedModel>> = models.into_iter().zip(&config.models).map(guarded).collect();
        let of_rest = rest.as_ref().and_then(rest::Server::credentials);
        let credentials = remote.as_ref().and_then(|remote| remote.credentials()).into_iter().chain(of_rest).collect();
        let is_embedded = remote.is_none();
        let upstream: Arc<dyn Upstream> = match remote {
            Some(remote) => remote,
            None => {
                let embedded = models.iter().filter_map(|model| embedded(model)).collect();
                let embedded = Embedded::new(embedded, loader.workers.clone(), server.max_message_bytes);
                Arc::new(embedded.within(room.clone()))
            }
        };
        let embedded = || rest::Embedded::new(upstream.clone(), server.max_message_bytes, room.clone());
        let rest =
            rest.map(rest::Upstream::Server).or_else(|| is_embedded.then(embedded).map(rest::Upstream::Embedded));
        let limits = Limits { message: server.max_message_bytes, inspected: server.max_inspected_bytes };
        let intake = Intake::new(models, limits, room.clone(), server.max_inflight_examinations, detections.clone());
        let guard = Guard::new(upstream, intake, server.streams);
        Serving { config, files, credentials, guard, rest }
    }
}

impl LoadedModel {
    fn load(
        configured: &config::GuardedModel,
        loader: &Loader,
        remote: Option<&Arc<Remote>>,
    ) -> Result<Self, Vec<Mistake>> {
        let (mut lineup, profile) = lineup_with_profile(configured, loader)?;
        let rate = profile
            .rate(&configured.profile.value, configured.fpr)
            .map_err(|error| vec![configured.profile.mistake(error.to_string())])?
            .clone();
        let classes = classes(configured, lineup.identity.output.classes)?;
        let teacher = match (remote, &configured.predictions, lineup.teacher.take()) {
            (None, _, Some(classifier)) => Teacher::Embedded(classifier),
            (Some(_), Predictions::Replica, Some(classifier)) => Teacher::Replica(classifier),
            (Some(remote), ..) => {
                let identity = &lineup.identity;
                let name = (identity.name.clone(), configured.version.clone().unwrap_or_default());
                let contract = (identity.input.clone(), identity.output.clone());
                let workers = loader.workers.clone();
                Teacher::Upstream(Arc::new(UpstreamTeacher::new(remote.clone(), workers, name, contract)))
            }
            (None, _, None) => return Err(vec![configured.name.mistake("an embedded model needs a path")]),
        };
        Ok(Self { lineup, workers: loader.workers.clone(), classes, profile, rate, teacher })
    }

    /// The model as it is guarded, with its metrics.
    fn guarded(
        self,
        configured: &config::GuardedModel,
        server: &config::Server,
        histories: &Histories,
    ) -> GuardedModel {
        let Self { lineup, workers, classes, profile, rate, teacher } = self;
        let ModelIdentity { input, output, .. } = lineup.identity;
        let name = label(&configured.name.value);
        let pixels = input.pictures().map_or(0, |spec| size_of::<f32>() * spec.item_len());
        let metrics = ModelMetrics::new(name, configured.policy, &profile.combination, &rate, teacher.source());
        GuardedModel {
            name,
            version: configured.version.clone(),
            policy: configured.policy,
            on_undecided: configured.on_undecided,
            shared_memory: server.shared_memory,
            block_code: tonic::Code::from(configured.block_status),
            time_budget: configured.time_budget,
            // What elements become takes no more memory than what was sent may.
            most: Most {
                elements: (server.max_inspected_bytes / (pixels + ELEMENT)).max(1),
                text: server.max_inspected_text,
            },
            max_pixels: server.max_inspected_pixels,
            input,
            output,
            workers,
            teacher,
            panel: lineup.panel,
            history: histories.of(name, &profile.combination, &rate),
            classes,
            combination: profile.combination,
            rate,
            metrics,
        }
    }
}

fn embedded(model: &GuardedModel) -> Option<EmbeddedModel> {
    let Teacher::Embedded(classifier) = &model.teacher else { return None };
    let (name, version) = (model.name.to_owned(), model.version.clone());
    let longest = match classifier.input() {
        InputSpec::Tokens(spec) => Some(spec.tokenizer.most()),
        InputSpec::Picture(_) | InputSpec::Text(_) => None,
    };
    Some(EmbeddedModel { name, version, model: classifier.model().clone(), longest })
}

/// The names of a model's `count` classes, where there is a file of them.
///
/// # Errors
/// When it cannot be read, or holds more or fewer.
fn classes(configured: &config::GuardedModel, count: usize) -> Result<Vec<String>, Vec<Mistake>> {
    let Some(file) = &configured.classes else { return Ok(Vec::new()) };
    let mistake = |problem: String| vec![file.mistake(format!("classes: {} {problem}", file.display()))];
    match class_names(file) {
        Some(names) if names.len() == count => Ok(names),
        Some(names) => Err(mistake(format!("holds {} names, but the model has {count} classes", names.len()))),
        None => Err(mistake("cannot be read as text: write one name a line".to_owned())),
    }
}

/// A name as a label of metrics. Labels live as long as the process; there are as many as there were ever models.
fn label(name: &str) -> &'static str {
    static LABELS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut labels = LABELS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(label) = labels.get(name) {
        return label;
    }
    let label = name.to_owned().leak();
    labels.insert(label);
    label
}

/// What is wrong with the files that `config` names: certificates, keys, tokens, models, profiles, and where evidence goes.
pub fn check(config: &Config, loader: &Loader) -> Vec<Mistake> {
    let ports = Credentials::load(config).err().unwrap_or_default();
    ports.into_iter().chain(served_mistakes(config, loader)).chain(Sinks::mistakes(config)).collect()
}

/// What is wrong with the files of what is served: of the upstream's TLS, and of the models.
fn served_mistakes(config: &Config, loader: &Loader) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    if let config::Upstream::Grpc { endpoint, rest } = &config.upstream {
        mistakes.extend(Remote::new(endpoint).err());
        mistakes.extend(rest.as_ref().and_then(|rest| rest::Server::new(rest).err()));
    }
    for model in &config.models {
        let rate = lineup_with_profile(model, loader)
            .map(|(_, profile)| profile.rate(&model.profile.value, model.fpr).map(|_| ()));
        match rate {
            Ok(Ok(())) => {}
            Ok(Err(error)) => mistakes.push(model.profile.mistake(error.to_string())),
            Err(more) => mistakes.extend(more),
        }
    }
    mistakes
}

/// Loads one model's parts and its profile.
///
/// # Errors
/// Every mistake of its section.
pub fn lineup_with_profile(
    configured: &config::GuardedModel,
    loader: &Loader,
) -> Result<(Lineup, Profile), Vec<Mistake>> {
    let path = &configured.profile;
    let wrong = |error: ProfileError| vec![Mistake { at: path.at.clone(), message: error.to_string() }];
    let profile = Profile::load(&path.value).map_err(wrong);
    let lineup = loader.line_up(configured, profile.as_ref().map(Known::from).unwrap_or_default());
    match (lineup, profile) {
        (Ok(lineup), Ok(profile)) => {
            profile.check_belongs(&path.value, &lineup).map_err(wrong)?;
            Ok((lineup, profile))
        }
        (lineup, profile) => Err(lineup.err().into_iter().chain(profile.err()).flatten().collect()),
    }
}
