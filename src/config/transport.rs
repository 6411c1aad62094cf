//! What secures the ports and the way to the upstream.

use std::net::SocketAddr;
use std::os::unix::net::SocketAddr as UnixAddress;
use std::path::{Path, PathBuf};

use super::address::{Address, Endpoint, Reach};
use super::mistake::{Located, Location, Mistake};
use super::read::{MEBIBYTE, file, positive, size};
use super::section::Section;
use super::types::{Admin, Page, Server, Upstream};

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// PEM: the certificate, then those that lead to its authority.
    pub certificate: Located<PathBuf>,
    /// PEM: its private key.
    pub key: Located<PathBuf>,
}

/// TLS on a port.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerTls {
    /// Who the gateway is.
    pub identity: Identity,
    /// PEM: the authorities of clients' certificates; with it every client needs one.
    pub client_ca: Option<Located<PathBuf>>,
}

/// TLS towards a server.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientTls {
    /// PEM: the authorities that the server's certificate may come from.
    pub ca: Located<PathBuf>,
    /// Who the gateway is, for a server that asks.
    pub identity: Option<Identity>,
    /// The name that is asked for (SNI) and that the certificate must bear; the host where there is none.
    pub server_name: Option<Located<String>>,
}

/// Where a port listens, and what secures it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listen {
    /// Where.
    pub address: Address,
    /// TLS; without it plain text.
    pub tls: Option<ServerTls>,
    /// Where plain text may be spoken.
    pub plaintext: Reach,
}

impl Listen {
    /// How it is reached from here.
    pub fn url(&self) -> String {
        match (&self.address, &self.tls) {
            (Address::Tcp(address), None) => format!("http://{address}"),
            (Address::Tcp(address), Some(_)) => format!("https://{address}"),
            (Address::Unix(_), _) => self.address.to_string(),
        }
    }

    /// What is wrong with it as a whole, for the port whose section is `name`.
    pub(super) fn problem(&self, name: &str) -> Option<String> {
        let address = &self.address;
        match address {
            Address::Unix(path) if UnixAddress::from_pathname(path).is_err() => {
                Some(format!("is too long for a socket's path: {}", path.display()))
            }
            Address::Unix(_) if self.tls.is_some() => Some(format!(
                "is a Unix socket, which has no use for {name}.tls: the file's permissions say who may connect"
            )),
            _ if self.tls.is_none() && self.plaintext == Reach::Loopback && !address.is_local() => Some(format!(
                "is {address}, beyond loopback, and plain text: give {name}.tls, or say {name}.plaintext = \"anywhere\""
            )),
            _ => None,
        }
    }
}

impl Admin {
    /// What is wrong with it as a whole.
    pub(super) fn problems(&self) -> Vec<String> {
        let Listen { address, tls, .. } = &self.listen;
        let knows_clients = tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        let is_open = self.token_file.is_none() && !knows_clients && self.anonymous == Reach::Loopback;
        let open = (is_open && !address.is_local()).then(|| {
            format!(
                "is {address}, beyond loopback, and open to everybody: give admin.token_file or admin.tls.client_ca, or \
                 say admin.anonymous = \"anywhere\""
            )
        });
        self.listen.problem("admin").into_iter().chain(open).collect()
    }
}

/// Reads where a port listens, and says where a problem with the whole of it is to be told: nowhere if one part is wrong.
pub(super) fn listen(section: &mut Section<'_>, default: SocketAddr, folder: &Path) -> (Listen, Option<Location>) {
    let before = section.mistakes.len();
    let typed = section.optional::<Address>("listen");
    let at = typed.as_ref().map_or_else(|| section.at.clone(), |typed| typed.at.clone());
    let address = typed.map_or(Address::Tcp(default), |typed| typed.value.below(folder));
    let plaintext = section.or("plaintext", Reach::Loopback);
    let has_tls = section.has("tls");
    let own = section.section("tls");
    let tls = server_tls(own, folder, has_tls);
    let at = (section.mistakes.len() == before).then_some(at);
    (Listen { address, tls, plaintext }, at)
}

impl Server {
    /// What is wrong with the port of REST clients, who are secured as the others are.
    pub(super) fn rest_problem(&self, upstream: &Upstream) -> Option<String> {
        let address = self.rest_listen.as_deref()?.clone();
        if matches!(upstream, Upstream::Grpc { rest: None, .. }) {
            let problem = "needs to know where the upstream speaks REST: give upstream.rest = \"http://HOST:PORT\"";
            return Some(problem.to_owned());
        }
        Listen { address, ..self.listen.clone() }.problem("server")
    }
}

/// Reads the operators' port.
pub(super) fn admin(mut section: Section<'_>, folder: &Path) -> Admin {
    let before = section.mistakes.len();
    let (listen, at) = listen(&mut section, SocketAddr::from(([127, 0, 0, 1], 9901)), folder);
    let admin = Admin {
        listen,
        token_file: file(&mut section, "token_file", folder).and_then(Result::ok),
        anonymous: section.or("anonymous", Reach::Loopback),
        page: page(section.section("page")),
    };
    if let Some(at) = at.filter(|_| section.mistakes.len() == before) {
        for problem in admin.problems() {
            section.wrong(at.clone(), "listen", problem);
        }
    }
    section.end();
    admin
}

fn page(mut section: Section<'_>) -> Page {
    let page = Page {
        enabled: section.or("enabled", true),
        detections: positive(&mut section, "detections", 500),
        memory: size(&mut section, "memory", 64 * MEBIBYTE),
    };
    section.end();
    page
}

fn server_tls(mut section: Section<'_>, folder: &Path, wanted: bool) -> Option<ServerTls> {
    let identity = identity(&mut section, folder, wanted);
    let client_ca = file(&mut section, "client_ca", folder);
    section.end();
    Some(ServerTls { identity: identity?, client_ca: client_ca.and_then(Result::ok) })
}

pub(super) fn client_tls(mut section: Section<'_>, folder: &Path, wanted: bool) -> Option<ClientTls> {
    let ca = file(&mut section, "ca", folder);
    if wanted && ca.is_none() {
        let problem = "is missing: a PEM file with the authorities to trust, such as the system's /etc/ssl/certs/ca-certificates.crt";
        section.wrong(section.at.clone(), "ca", problem);
    }
    let identity = identity(&mut section, folder, false);
    let server_name = section.optional::<String>("server_name");
    section.end();
    Some(ClientTls { ca: ca?.ok()?, identity, server_name })
}

/// A certificate with its key: both are `wanted`, or none where one will do without.
fn identity(section: &mut Section<'_>, folder: &Path, wanted: bool) -> Option<Identity> {
    let [certificate, key] = ["certificate", "key"].map(|key| file(section, key, folder));
    if certificate.is_none() && (wanted || key.is_some()) {
        section.wrong(section.at.clone(), "certificate", "is missing: a PEM file, with the key's certificate first");
    }
    if key.is_none() && (wanted || certificate.is_some()) {
        section.wrong(section.at.clone(), "key", "is missing: a PEM file with the certificate's private key");
    }
    Some(Identity { certificate: certificate?.ok()?, key: key?.ok()? })
}

/// Reads what stands behind the gateway.
pub(super) fn upstream(mut section: Section<'_>, folder: &Path) -> Option<Upstream> {
    let embedded: Option<Located<bool>> = section.optional("embedded");
    let grpc: Option<Located<String>> = section.optional("grpc");
    let rest: Option<Located<String>> = section.optional("rest");
    let plaintext = section.or("plaintext", Reach::Loopback);
    let has_tls = section.has("tls");
    let own = section.section("tls");
    let tls_at = own.at.clone();
    let tls = client_tls(own, folder, has_tls);
    let upstream = match (embedded, grpc) {
        (Some(embedded), Some(_)) if embedded.value => {
            section.wrong(embedded.at, "embedded", "excludes upstream.grpc: keep one of them");
            None
        }
        (Some(embedded), None) if embedded.value && rest.is_some() => {
            section.wrong(embedded.at, "embedded", "excludes upstream.rest: the models answer REST themselves");
            None
        }
        // What is wrong with TLS has been said.
        (_, Some(_)) if has_tls && tls.is_none() => None,
        (_, Some(grpc)) => {
            let is_secure = |url: &str| url.starts_with("https://");
            let mut read = |key, url: Located<String>| {
                // Where only one of them is https, TLS is the other's.
                let tls = tls.clone().filter(|_| key == "grpc" || is_secure(&url.value));
                let read = endpoint(&url.value, tls, plaintext, folder, "upstream");
                read.map_err(|problem| section.wrong(url.at, key, problem)).ok()
            };
            match (read("grpc", grpc), rest.map(|rest| read("rest", rest))) {
                (Some(endpoint), None) => Some(Upstream::Grpc { endpoint, rest: None }),
                (Some(endpoint), Some(Some(rest))) => Some(Upstream::Grpc { endpoint, rest: Some(rest) }),
                _ => None,
            }
        }
        (Some(embedded), None) if embedded.value && has_tls => {
            section.wrong(tls_at, "tls", "is of no use to embedded models");
            None
        }
        (Some(embedded), None) if embedded.value => Some(Upstream::Embedded),
        _ => {
            let problem = "says nothing: give grpc = \"http://HOST:PORT\" or embedded = true";
            section.mistakes.push(Mistake { at: section.at.clone(), message: format!("upstream {problem}") });
            None
        }
    };
    section.end();
    upstream
}

/// Reads what secures the way to the server at `url`, which is `key` of the section `name`; nothing where something of it is
/// wrong, which has been said.
pub(super) fn server(
    section: &mut Section<'_>,
    key: &str,
    url: Option<Located<String>>,
    plaintext: Reach,
    folder: &Path,
    name: &str,
) -> Option<Located<Endpoint>> {
    let before = section.mistakes.len();
    let has_tls = section.has("tls");
    let own = section.section("tls");
    let tls = client_tls(own, folder, has_tls);
    // What is wrong with TLS has been said.
    let Located { value, at } = url.filter(|_| section.mistakes.len() == before)?;
    match endpoint(&value, tls, plaintext, folder, name) {
        Ok(value) => Some(Located { value, at }),
        Err(problem) => {
            section.wrong(at, key, problem);
            None
        }
    }
}

/// The server at `url`, of which the section `name` tells.
fn endpoint(
    url: &str,
    tls: Option<ClientTls>,
    plaintext: Reach,
    folder: &Path,
    name: &str,
) -> Result<Endpoint, String> {
    let endpoint = Endpoint::parse(url, tls, folder)?;
    if endpoint.tls.is_none() && plaintext == Reach::Loopback && !endpoint.target.is_local() {
        return Err(format!(
            "is another host, and plain text: write https:// and give {name}.tls.ca, or say {name}.plaintext = \
             \"anywhere\""
        ));
    }
    Ok(endpoint)
}
