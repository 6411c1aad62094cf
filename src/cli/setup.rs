//! What several commands set up alike.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use portcullis::config::{self, Config, ConfigError, Endpoint, Mistake, Predictions, Upstream};
use portcullis::gateway::{self, OfflineTeacher, Remote, UpstreamTeacher};
use portcullis::model::Runtime;
use portcullis::profile::{Lineup, Loader};

/// Jobs that may wait before offline work waits itself.
const OFFLINE_QUEUE: usize = 256;

/// Loads ONNX Runtime and starts the workers.
pub fn loader(config: &Config, queue: usize) -> Result<Loader> {
    let (loader, mistake) = loader_or_mistake(config, queue)?;
    mistake.map_or(Ok(loader), |mistake| Err(mistakes(config, vec![mistake]).into()))
}

/// As [`loader`], for what guards models: where the device is not there, it names what else is wrong as well.
pub fn guarding_loader(config: &Config, queue: usize) -> Result<Loader> {
    let (loader, mistake) = loader_or_mistake(config, queue)?;
    let Some(mistake) = mistake else { return Ok(loader) };
    let others = gateway::check(config, &loader);
    Err(mistakes(config, others.into_iter().chain([mistake]).collect()).into())
}

/// The loader for the device of the configuration; where that is not there, one for the CPU, and the mistake.
fn loader_or_mistake(config: &Config, queue: usize) -> Result<(Loader, Option<Mistake>)> {
    let config::Workers { count, device, batching, intra_threads, onnxruntime, .. } = &config.workers;
    let on_cpu = start(*count, *intra_threads, queue, onnxruntime.as_deref())?;
    let on_cpu = Loader { batching: *batching, ..on_cpu };
    match on_cpu.runtime.clone().on(device.value) {
        Ok(runtime) => Ok((Loader { runtime, ..on_cpu }, None)),
        Err(error) => Ok((on_cpu, Some(device.mistake(format!("workers.device: {error}"))))),
    }
}

/// As [`loader`], for offline work.
pub fn offline_loader(config: &Config) -> Result<Loader> {
    loader(config, OFFLINE_QUEUE)
}

/// As [`offline_loader`], for work that needs no configuration.
#[cfg(feature = "train")]
pub fn unconfigured_loader() -> Result<Loader> {
    start(0, 1, OFFLINE_QUEUE, None)
}

fn start(count: usize, intra_threads: usize, queue: usize, library: Option<&Path>) -> Result<Loader> {
    let runtime = Runtime::load(library)?;
    tracing::debug!(library = %runtime.library().display(), "ONNX Runtime loaded");
    let loader = Loader::start(runtime, count, queue).context("cannot start the inference workers")?;
    Ok(Loader { intra_threads, ..loader })
}

/// The guarded model that the command is about: the named one, or the only one.
pub fn choose<'a>(config: &'a Config, name: Option<&str>) -> Result<&'a config::GuardedModel> {
    let names = || config.models.iter().map(|model| model.name.value.as_str()).collect::<Vec<_>>().join(", ");
    match (name, config.models.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => bail!("several models are configured; choose one with --model: {}", names()),
        (Some(name), models) => models
            .iter()
            .find(|model| model.name.value == name)
            .with_context(|| format!("no model '{name}' is configured; there are: {}", names())),
    }
}

/// Where offline predictions come from: the model's file, or the upstream where the configuration says so.
pub fn offline_teacher(
    config: &Config,
    model: &config::GuardedModel,
    loader: &Loader,
    lineup: &mut Lineup,
    runtime: &tokio::runtime::Runtime,
) -> Result<OfflineTeacher> {
    match (&config.upstream, &model.predictions, lineup.teacher.take()) {
        (Upstream::Embedded, _, Some(classifier)) | (_, Predictions::Replica, Some(classifier)) => {
            Ok(OfflineTeacher::Local(classifier))
        }
        (Upstream::Grpc { endpoint, .. }, ..) => {
            let identity = &lineup.identity;
            let name = (identity.name.clone(), model.version.clone().unwrap_or_default());
            let contract = (identity.input.clone(), identity.output.clone());
            let _inside = runtime.enter();
            let remote = Arc::new(remote(config, endpoint)?);
            let teacher = UpstreamTeacher::new(remote, loader.workers.clone(), name, contract);
            Ok(OfflineTeacher::Upstream(Box::new(teacher), runtime.handle().clone()))
        }
        (Upstream::Embedded, _, None) => bail!("an embedded model needs a path"),
    }
}

fn remote(config: &Config, endpoint: &Endpoint) -> Result<Remote, ConfigError> {
    Remote::new(endpoint).map_err(|mistake| mistakes(config, vec![mistake]))
}

/// What the upstream says a model takes and answers, where no file tells it.
pub fn told_by_upstream(
    config: &Config,
    model: &config::GuardedModel,
    runtime: &tokio::runtime::Runtime,
) -> Result<Option<portcullis::model::Signature>> {
    let (None, Upstream::Grpc { endpoint, .. }) = (&model.path, &config.upstream) else { return Ok(None) };
    let version = model.version.as_deref().unwrap_or_default();
    let _inside = runtime.enter();
    let remote = remote(config, endpoint)?;
    let signature = runtime
        .block_on(remote.signature(&model.name.value, version))
        .with_context(|| format!("cannot ask the upstream {endpoint} about model '{}'", model.name.value))?;
    Ok(Some(signature))
}

/// A small runtime for the calls of an offline command.
pub fn small_runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")
}

/// Mistakes as the configuration's own error, so that they are printed and counted as such.
pub fn mistakes(config: &Config, mistakes: Vec<config::Mistake>) -> ConfigError {
    ConfigError::mistakes(config.path.as_deref(), mistakes)
}
