//! Taking up a new configuration while calls go on: loaded and checked aside, then swapped, or refused as a whole.

use std::sync::Arc;

use tokio::sync::watch;

use super::control::{Control, Phase};
use super::files::Files;
use super::serving::Serving;
use crate::config::{Config, ConfigError};
use crate::gateway::assemble::Loaded;
use crate::gateway::detections::Detections;
use crate::gateway::message::room::Room;
use crate::gateway::operators::page::history::Histories;
use crate::profile::Loader;
use crate::telemetry::{self, Reload};

/// Reads the configuration anew.
pub(crate) type Source = Box<dyn Fn() -> Result<Config, ConfigError> + Send + Sync>;

/// Reloads one gateway.
pub(crate) struct Reloader {
    pub(crate) source: Source,
    pub(crate) loader: Loader,
    pub(crate) serving: watch::Sender<Arc<Serving>>,
    pub(crate) detections: Detections,
    pub(crate) histories: Histories,
    pub(crate) room: Room,
}

impl Reloader {
    /// Reloads when told to and when files have changed, until the gateway drains.
    pub(crate) async fn run(self, control: Control) {
        let reloader = Arc::new(self);
        let mut seen = reloader.current().files.clone();
        loop {
            let every = reloader.current().config.server.reload_every;
            tokio::select! {
                () = control.reached(Phase::Draining) => return,
                () = control.reload_wanted() => {}
                () = seen.changed(every) => {}
            }
            let reloading = reloader.clone();
            match tokio::task::spawn_blocking(move || reloading.reload()).await {
                Ok(files) => seen = files,
                Err(error) => {
                    telemetry::reload_ended(Reload::Refused);
                    tracing::error!(%error, "the reload was abandoned, the configuration stays as it was");
                    seen = seen.again();
                }
            }
        }
    }

    fn current(&self) -> Arc<Serving> {
        self.serving.borrow().clone()
    }

    /// Reloads now. Returns the files that a further change is to be looked for in, as they were before they were read.
    fn reload(&self) -> Files {
        let current = self.current();
        let before = current.files.again();
        let config = match (self.source)() {
            Ok(config) => config,
            Err(error) => return refused(&error, before),
        };
        let files = before.or(Files::of(&config));
        if config == current.config && files == current.files {
            tracing::info!("nothing has changed, the configuration stays as it was");
            telemetry::reload_ended(Reload::Unchanged);
            return files;
        }
        match self.load(&current, config, &files) {
            Ok(serving) => {
                tracing::info!(models = serving.config.models.len(), "the new configuration is in force");
                telemetry::reload_ended(Reload::Applied);
                serving.files.clone()
            }
            Err(error) => refused(&error, files),
        }
    }

    fn load(&self, current: &Serving, config: Config, files: &Files) -> Result<Arc<Serving>, ConfigError> {
        let path = config.path.clone();
        let mistakes = |mistakes| ConfigError::mistakes(path.as_deref(), mistakes);
        let fixed = current.config.fixed_keys_changed(&config);
        if !fixed.is_empty() {
            return Err(mistakes(fixed));
        }
        let files = files.clone().only(&config);
        let loaded = Loaded::load(config, &self.loader).map_err(mistakes)?;
        current.guard.models().for_each(|model| model.metrics.retire());
        let serving = Arc::new(loaded.into_serving(files, &self.loader, &self.detections, &self.histories, &self.room));
        self.serving.send_replace(serving.clone());
        Ok(serving)
    }
}

fn refused(error: &ConfigError, files: Files) -> Files {
    tracing::error!(%error, "the new configuration is refused, the old one stays in force");
    telemetry::reload_ended(Reload::Refused);
    files
}
