//! Signing in from a browser with one of the operators' tokens, and out.

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{dressed, is_page, shown};
use crate::gateway::operators::authority::Authority;

#[derive(Template)]
#[template(path = "gateway/operators/page/templates/sign_in.html")]
struct SignIn<'a> {
    next: &'a str,
    wrong: bool,
}

/// What a browser sends.
#[derive(Deserialize)]
pub(super) struct Given {
    token: String,
    next: String,
}

/// The form, in the place of the page at `next`.
pub(crate) fn form(next: &str, wrong: bool) -> Response {
    dressed((StatusCode::UNAUTHORIZED, shown(&SignIn { next, wrong })).into_response())
}

/// Begins a session and goes on to where the browser wanted to go.
pub(super) async fn sign_in(
    State(authority): State<Authority>,
    headers: HeaderMap,
    Form(given): Form<Given>,
) -> Response {
    if comes_from_elsewhere(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Some(tokens) = authority.tokens() else { return Redirect::to("/").into_response() };
    let next = if is_page(given.next.split('?').next().unwrap_or_default()) { &given.next } else { "/" };
    match authority.sessions().begin(&tokens, &given.token, authority.is_secure()) {
        Ok(Some(cookie)) => with_cookie(cookie, next),
        Ok(None) => form(next, true),
        Err(error) => {
            tracing::error!(%error, "no session can begin without random numbers");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Ends the session.
pub(super) async fn sign_out(State(authority): State<Authority>, headers: HeaderMap) -> Response {
    if comes_from_elsewhere(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    match authority.sessions().end(&headers, authority.is_secure()) {
        Some(cookie) => with_cookie(cookie, "/"),
        None => Redirect::to("/").into_response(),
    }
}

fn with_cookie(cookie: HeaderValue, next: &str) -> Response {
    ([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response()
}

/// Whether a browser says that another site's page sends this.
fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
}
