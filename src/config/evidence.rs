//! What is kept of detections, and who is told of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::address::{Endpoint, Reach};
use super::mistake::Located;
use super::read::{file, positive_size, ranged};
use super::section::Section;
use super::transport;
use super::value::Pause;

const MEBIBYTE: usize = 1 << 20;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is kept of detections.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Where; nothing is kept if not given.
    pub store: Option<Located<Storage>>,
    /// What of each.
    pub contents: Contents,
    /// Whether what could not be examined is kept too.
    pub undecided: bool,
    /// The share of detections that are kept, in (0, 1].
    pub share: f64,
    /// Whether records tell who sent the request.
    pub clients: bool,
    /// How much is kept, in bytes; the oldest make room.
    pub max_bytes: usize,
    /// How long it is kept; zero for as long as there is room.
    pub max_age: Duration,
    /// How much may wait until it is written, in bytes.
    pub max_pending_bytes: usize,
}

/// Where evidence is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// A folder.
    Folder(PathBuf),
    /// An object store, such as `s3://BUCKET/PREFIX`.
    Url(String),
}

/// What is kept of each detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// The record and the inputs that were flagged.
    Inputs,
    /// The record with hashes of the inputs.
    Hashes,
    /// The record without either.
    Records,
}

/// Who is told of detections.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// Whether standard output is, a line each.
    pub stdout: bool,
    /// Whether events tell who sent the request.
    pub clients: bool,
    /// How much may wait until a sink takes it, in bytes.
    pub max_pending_bytes: usize,
    /// A file, a line each.
    pub file: Option<AuditFile>,
    /// A server that takes CloudEvents.
    pub http: Option<AuditHttp>,
}

/// A file of audit events, rotated by size.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditFile {
    /// Where.
    pub path: Located<PathBuf>,
    /// How large it may become, in bytes.
    pub max_bytes: usize,
    /// How many former ones stay: `PATH.1`, the youngest, to `PATH.N`.
    pub keep: usize,
}

/// A server that takes CloudEvents over HTTP.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditHttp {
    /// Where it is.
    pub endpoint: Endpoint,
    /// Path and query that are posted to.
    pub path: String,
    /// A file whose first token it is shown.
    pub token_file: Option<Located<PathBuf>>,
    /// How long it may take to answer.
    pub timeout: Duration,
    /// How long an event is sent again and again before it is given up.
    pub give_up_after: Duration,
}

/// Reads `[evidence]`.
pub(super) fn evidence(mut section: Section<'_>, folder: &Path) -> Evidence {
    let store = section.optional::<String>("store");
    let store = store.map(|Located { value, at }| Located { value: Storage::parse(&value, folder), at });
    let in_range = |share: f64| share > 0.0 && share <= 1.0;
    let evidence = Evidence {
        store,
        contents: section.or("contents", Contents::Inputs),
        undecided: section.or("undecided", false),
        share: ranged(&mut section, "share", 1.0, in_range, "lie above 0 and be at most 1"),
        clients: section.or("clients", true),
        max_bytes: positive_size(&mut section, "max_bytes", 1024 * MEBIBYTE),
        max_age: section.or("max_age", Pause(30 * DAY)).0,
        max_pending_bytes: positive_size(&mut section, "max_pending_bytes", 64 * MEBIBYTE),
    };
    section.end();
    evidence
}

impl Storage {
    /// The place of this name; a relative path starts from `folder`.
    pub fn parse(text: &str, folder: &Path) -> Self {
        match text.strip_prefix("file://") {
            Some(path) => Self::Folder(path.into()),
            None if text.contains("://") => Self::Url(text.to_owned()),
            None => Self::Folder(folder.join(text)),
        }
    }
}

/// Reads `[audit]`.
pub(super) fn audit(mut section: Section<'_>, folder: &Path) -> Audit {
    let stdout = section.or("stdout", false);
    let clients = section.or("clients", true);
    let max_pending_bytes = positive_size(&mut section, "max_pending_bytes", 16 * MEBIBYTE);
    let (has_file, has_http) = (section.has("file"), section.has("http"));
    let own = section.section("file");
    let file = audit_file(own, folder, has_file);
    let own = section.section("http");
    let http = audit_http(own, folder, has_http);
    section.end();
    Audit { stdout, clients, max_pending_bytes, file, http }
}

fn audit_file(mut section: Section<'_>, folder: &Path, wanted: bool) -> Option<AuditFile> {
    let path = if wanted { section.required::<PathBuf>("path") } else { section.optional("path") };
    let max_bytes = positive_size(&mut section, "max_bytes", 64 * MEBIBYTE);
    let keep = section.or("keep", 4);
    section.end();
    let path = path.map(|Located { value, at }| Located { value: folder.join(value), at })?;
    Some(AuditFile { path, max_bytes, keep })
}

fn audit_http(mut section: Section<'_>, folder: &Path, wanted: bool) -> Option<AuditHttp> {
    let url = if wanted { section.required::<String>("url") } else { section.optional("url") };
    let plaintext = section.or("plaintext", Reach::Loopback);
    let token_file = file(&mut section, "token_file", folder).and_then(Result::ok);
    let timeout = section.or("timeout", Duration::from_secs(10));
    let give_up_after = section.or("give_up_after", Duration::from_secs(300));
    let parts = url.map(|Located { value, at }| {
        let (server, path) = split(&value);
        (Located { value: server.to_owned(), at }, path.to_owned())
    });
    let (server, path) = parts.unzip();
    let endpoint = transport::server(&mut section, "url", server, plaintext, folder, "audit.http");
    section.end();
    Some(AuditHttp { endpoint: endpoint?.value, path: path?, token_file, timeout, give_up_after })
}

/// The server of an URL, and its path with what follows.
fn split(url: &str) -> (&str, &str) {
    let Some(scheme) = url.find("://") else { return (url, "/") };
    let begin = scheme + "://".len();
    url[begin..].find('/').map_or((url, "/"), |at| url.split_at(begin + at))
}
