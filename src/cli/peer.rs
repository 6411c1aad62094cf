//! How a command reaches a running gateway.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use portcullis::config::{ClientTls, Endpoint, Identity, Located, Location};
use portcullis::gateway::tokens_in;

use super::Common;

/// Where a gateway's admin port is unless somebody says otherwise.
pub const DEFAULT_ADMIN: &str = "127.0.0.1:9901";

/// What https and a gateway that asks for certificates need.
#[derive(clap::Args)]
pub struct Peer {
    /// For https: the authorities that the gateway's certificate may come from (PEM).
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// For https: the name that the gateway's certificate must bear; that of the URL if not given.
    #[arg(long, value_name = "NAME", requires = "ca")]
    server_name: Option<String>,
    /// For https: our own certificate (PEM), where the gateway asks for one.
    #[arg(long, value_name = "FILE", requires = "ca", requires = "key")]
    certificate: Option<PathBuf>,
    /// For https: the key of our own certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
}

/// A running gateway's admin port, and what opens it.
#[derive(clap::Args)]
pub struct Admin {
    /// The gateway's admin port: HOST:PORT, `https://HOST:PORT` or `unix:PATH`; the configuration's `admin.listen` if not
    /// given, or 127.0.0.1:9901 without a configuration.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<String>,
    /// A file with the token that the gateway's admin port asks for; its first, if there are several.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    peer: Peer,
}

impl Admin {
    /// Where it is.
    pub fn endpoint(&self, common: &Common) -> Result<Endpoint> {
        let admin = match &self.admin {
            Some(admin) => admin.clone(),
            None if common.config.is_file() => common.load()?.admin.listen.url(),
            None => DEFAULT_ADMIN.to_owned(),
        };
        self.peer.endpoint(&admin)
    }

    /// The token to come with.
    pub fn token(&self) -> Result<Option<String>> {
        self.token_file.as_deref().map(token).transpose()
    }
}

impl Peer {
    /// The gateway at `url`: `http://HOST:PORT`, `https://HOST:PORT` or `unix:PATH`.
    pub fn endpoint(&self, url: &str) -> Result<Endpoint> {
        let identity = self.certificate.as_ref().zip(self.key.as_ref());
        let identity = identity.map(|(certificate, key)| Identity {
            certificate: typed("certificate", certificate.clone()),
            key: typed("key", key.clone()),
        });
        let server_name = self.server_name.clone().map(|name| typed("server-name", name));
        let tls = self.ca.clone().map(|ca| ClientTls { ca: typed("ca", ca), identity, server_name });
        Endpoint::parse(url, tls, Path::new("")).map_err(|problem| anyhow!("{url} {problem}"))
    }
}

/// The token of an operator: the first line of a file that is neither empty nor a remark.
pub fn token(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    tokens_in(&text).next().map(str::to_owned).with_context(|| format!("{} holds no token", path.display()))
}

fn typed<T>(flag: &str, value: T) -> Located<T> {
    Located { value, at: Location::Flag(flag.to_owned()) }
}
