//! Where the two ports and the upstream are, as one writes it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::net::SocketAddr as UnixAddress;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::transport::ClientTls;

/// What the address of a Unix-domain socket begins with.
const UNIX: &str = "unix:";

/// Where a port is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An IP address and a TCP port.
    Tcp(SocketAddr),
    /// A Unix-domain socket's file.
    Unix(PathBuf),
}

impl Address {
    /// Whether nobody from another host gets there.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    pub(super) fn below(self, folder: &Path) -> Self {
        match self {
            Self::Unix(path) => Self::Unix(folder.join(path)),
            tcp @ Self::Tcp(_) => tcp,
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(path) = text.strip_prefix(UNIX) else {
            let expected = "must be an address such as \"127.0.0.1:8001\" or \"unix:portcullis.sock\"";
            return text.parse().map(Self::Tcp).map_err(|_| expected.to_owned());
        };
        match path {
            "" => Err(format!("must name a file after {UNIX}")),
            path => Ok(Self::Unix(path.into())),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix(path) => write!(formatter, "{UNIX}{}", path.display()),
        }
    }
}

/// How far something that has no protection of its own may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Not beyond this host.
    Loopback,
    /// Wherever the network leads.
    Anywhere,
}

/// A server that speaks gRPC, and how it is reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Where it is.
    pub target: Target,
    /// TLS; without it plain text.
    pub tls: Option<Box<ClientTls>>,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A host, by name or address, and a TCP port: `host:port`.
    Tcp(String),
    /// A Unix-domain socket's file.
    Unix(PathBuf),
}

impl Target {
    /// The host of `host:port`; none has a Unix-domain socket.
    pub fn host(&self) -> Option<&str> {
        let Self::Tcp(authority) = self else { return None };
        let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host);
        Some(host.trim_start_matches('[').trim_end_matches(']'))
    }

    /// Whether it is on this host.
    pub(super) fn is_local(&self) -> bool {
        let is_loopback = |host: &str| host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        self.host().is_none_or(is_loopback)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.target, &self.tls) {
            (Target::Tcp(authority), None) => write!(formatter, "http://{authority}"),
            (Target::Tcp(authority), Some(_)) => write!(formatter, "https://{authority}"),
            (Target::Unix(path), _) => write!(formatter, "{UNIX}{}", path.display()),
        }
    }
}

/// How an endpoint is written.
const ENDPOINT: &str = "must look like http://HOST:PORT, https://HOST:PORT or unix:PATH";

impl Endpoint {
    /// The endpoint at `url`: `http://HOST:PORT`, `https://HOST:PORT`, which goes with `tls`, or `unix:PATH`, which starts
    /// from `folder` if it is relative.
    ///
    /// # Errors
    /// What is wrong with the URL, in words that follow its name.
    pub fn parse(url: &str, tls: Option<ClientTls>, folder: &Path) -> Result<Self, String> {
        let secure = url.starts_with("https://");
        let target = target(url, folder)?;
        match &tls {
            None if secure => {
                Err("is https, and nothing says which authorities to trust: give their certificates as ca".into())
            }
            Some(_) if !secure => Err("goes without TLS: write https:// to have it".into()),
            _ => Ok(Self { target, tls: tls.map(Box::new) }),
        }
    }
}

fn target(url: &str, folder: &Path) -> Result<Target, String> {
    if url.starts_with(UNIX) {
        let address: Address = url.parse()?;
        return match address.below(folder) {
            Address::Unix(path) if UnixAddress::from_pathname(&path).is_ok() => Ok(Target::Unix(path)),
            _ => Err("is too long for a socket's path".into()),
        };
    }
    let rest = ["http://", "https://"].into_iter().find_map(|scheme| url.strip_prefix(scheme)).unwrap_or(url);
    let authority = rest.trim_end_matches('/');
    let (host, port) = authority.rsplit_once(':').ok_or(ENDPOINT)?;
    let valid = !host.is_empty() && !host.contains(['/', '@', ' ']) && port.parse::<u16>().is_ok_and(|port| port > 0);
    if valid { Ok(Target::Tcp(authority.to_owned())) } else { Err(ENDPOINT.into()) }
}
