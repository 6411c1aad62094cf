//! Who may come to the operators' port.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tonic::Status;

use super::admin::is_grpc;
use super::page;
use crate::config::{Admin, Reach};
use crate::gateway::credentials::{Kept, Sessions, Tokens};
use crate::gateway::lifecycle::serving::HEALTH;

/// What probes ask, who can carry no secrets.
const PROBES: [&str; 2] = ["/livez", "/readyz"];

/// Knows who may come: those who bring a token or, to the page, a session that began with one; everybody where there are no
/// tokens. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Authority {
    tokens: Option<Arc<Kept<Tokens>>>,
    sessions: Sessions,
    has_page: bool,
    is_secure: bool,
    /// Whether the page may be asked for by any name of this host.
    any_name: bool,
}

impl Authority {
    /// Of the port that `admin` configures.
    pub(crate) fn new(admin: &Admin, tokens: Option<Arc<Kept<Tokens>>>) -> Self {
        Self {
            any_name: tokens.is_some() || admin.anonymous == Reach::Anywhere,
            tokens,
            sessions: Sessions::default(),
            has_page: admin.page.enabled,
            is_secure: admin.listen.tls.is_some(),
        }
    }

    pub(super) fn tokens(&self) -> Option<Arc<Tokens>> {
        self.tokens.as_ref().map(|tokens| tokens.current())
    }

    pub(super) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Whether cookies must not go over plain text.
    pub(super) fn is_secure(&self) -> bool {
        self.is_secure
    }
}

/// The admin port for those whom `authority` knows.
pub(crate) fn guarded(router: axum::Router, authority: Authority) -> axum::Router {
    router.layer(from_fn_with_state(authority, admit))
}

async fn admit(State(authority): State<Authority>, request: Request, next: Next) -> Response {
    let (path, headers) = (request.uri().path(), request.headers());
    let is_page = authority.has_page && page::is_page(path);
    if is_page && !authority.any_name && !is_named_here(&request) {
        return (StatusCode::MISDIRECTED_REQUEST, "ask for the page at localhost or at an address\n").into_response();
    }
    let Some(tokens) = authority.tokens() else { return next.run(request).await };
    let has_session = || is_page && (page::is_open(path) || authority.sessions.admit(headers, &tokens));
    if PROBES.contains(&path) || path.starts_with(HEALTH) || tokens.admit(headers) || has_session() {
        return next.run(request).await;
    }
    if is_page && request.method() == Method::GET && wants_html(headers) {
        return page::form(request.uri().path_and_query().map_or("/", |path| path.as_str()), false);
    }
    refusal(headers)
}

/// Whether the host is asked for by `localhost` or an address. Whoever has led a browser here by a name of his own must not
/// read in it what he could not read himself.
fn is_named_here(request: &Request) -> bool {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = request.uri().authority().map(|authority| authority.as_str()).or(host);
    let authority = authority.and_then(|authority| authority.parse::<axum::http::uri::Authority>().ok());
    authority.is_some_and(|authority| {
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok()
    })
}

/// Whether a person asks, by a browser.
fn wants_html(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).is_some_and(|kinds| kinds.as_bytes().starts_with(b"text/html"))
}

fn refusal(headers: &HeaderMap) -> Response {
    let problem = "this needs one of the operators' tokens: authorization: Bearer TOKEN";
    if is_grpc(headers) {
        return Status::unauthenticated(problem).into_http();
    }
    let challenge = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))];
    (StatusCode::UNAUTHORIZED, challenge, format!("{problem}\n")).into_response()
}
