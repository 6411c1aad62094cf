//! Configuration: TOML, environment and flags, checked as a whole.
//!
//! What was typed (`tree`) is read key by key (`section`) into what the program runs on ([`Config`]). Nothing stops at
//! the first mistake: all of them are collected, each with the line, variable or flag that it came from.

mod address;
mod detector;
mod device;
mod encoded;
mod evidence;
mod fixed;
mod mistake;
mod read;
mod reference;
mod section;
mod tokens;
mod tracing;
mod transport;
mod tree;
mod types;
mod value;

pub use address::{Address, Endpoint, Reach, Target};
pub use device::Device;
pub use evidence::{Audit, AuditFile, AuditHttp, Contents, Evidence, Storage};
pub use mistake::{ConfigError, Located, Location, Mistake};
pub use reference::{EXAMPLE, configuration_reference};
pub use tracing::Tracing;
pub use transport::{ClientTls, Identity, Listen, ServerTls};
pub use types::{
    Admin, Batching, CascadeConfig, Companion, Config, DetectorConfig, DetectorKind, EncodedInput, GuardedModel, Input,
    Measure, OnUndecided, Output, Page, Policy, Predictions, Server, TokenInput, Upstream, Workers,
};

use std::collections::HashMap;
use std::path::Path;

impl Config {
    /// Reads the file at `path`; `environment` holds all variables, of which those named `PORTCULLIS_SECTION__KEY`
    /// override the file, and `flags` holds `section.key`, value pairs, which override both. Keys of `[tracing]` that none of
    /// these gives are taken from OpenTelemetry's own variables.
    ///
    /// # Errors
    /// When the file can't be read, or every mistake in it at once.
    pub fn load(
        path: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[(String, String)],
    ) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Unreadable { path: path.to_owned(), problem: error.to_string() })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut config = Self::parse(&text, folder, environment, flags)
            .map_err(|mistakes| ConfigError::mistakes(Some(path), mistakes))?;
        config.path = Some(path.to_owned());
        Ok(config)
    }

    /// As [`Config::load`], from text; relative paths start from `folder`.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn parse(
        text: &str,
        folder: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[(String, String)],
    ) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut root = tree::parse(text, &mut mistakes);
        let environment: HashMap<String, String> = environment.into_iter().collect();
        let standard = tracing::standard(&environment);
        for (key, value, at) in tree::overrides(environment, flags) {
            if let Err(message) = root.set(&key, &value, &at) {
                mistakes.push(Mistake { at, message });
            }
        }
        standard.into_iter().for_each(|(key, value)| root.fill("tracing", key, value));
        let config = read::config(root, folder, &mut mistakes);
        match config {
            Some(config) if mistakes.is_empty() => Ok(config),
            _ => Err(mistakes),
        }
    }

    /// Has clients and operators connect elsewhere than it says.
    ///
    /// # Errors
    /// Where that would lay a port open.
    pub fn relocate(
        &mut self,
        clients: Option<Address>,
        rest: Option<Address>,
        admin: Option<Address>,
    ) -> Result<(), ConfigError> {
        if let Some(address) = clients {
            self.server.listen.address = address;
        }
        if let Some(value) = rest {
            self.server.rest_listen = Some(Located { value, at: Location::Default });
        }
        if let Some(address) = admin {
            self.admin.listen.address = address;
        }
        let clients =
            self.server.listen.problem("server").into_iter().map(|problem| format!("server.listen {problem}"));
        let rest = self.server.rest_problem(&self.upstream).map(|problem| format!("server.rest_listen {problem}"));
        let admin = self.admin.problems().into_iter().map(|problem| format!("admin.listen {problem}"));
        let mistake = |message| Mistake { at: Location::Default, message };
        match Vec::from_iter(clients.chain(rest).chain(admin).map(mistake)) {
            none if none.is_empty() => Ok(()),
            some => Err(ConfigError::mistakes(self.path.as_deref(), some)),
        }
    }
}
