//! Who may come to the operators' port.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tonic::Status;

use super::admin::is_grpc;
use crate::gateway::credentials::{Kept, Tokens};
use crate::gateway::lifecycle::serving::HEALTH;

/// What probes ask, who can carry no secrets.
const PROBES: [&str; 2] = ["/livez", "/readyz"];

/// The admin port for those who bring one of the `tokens`; for everybody where there are none.
pub(crate) fn guarded(router: axum::Router, tokens: Option<Arc<Kept<Tokens>>>) -> axum::Router {
    match tokens {
        Some(tokens) => router.layer(from_fn_with_state(tokens, admit)),
        None => router,
    }
}

async fn admit(State(tokens): State<Arc<Kept<Tokens>>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if PROBES.contains(&path) || path.starts_with(HEALTH) || tokens.current().admit(request.headers()) {
        return next.run(request).await;
    }
    refusal(request.headers())
}

fn refusal(headers: &HeaderMap) -> Response {
    let problem = "this needs one of the operators' tokens: authorization: Bearer TOKEN";
    if is_grpc(headers) {
        return Status::unauthenticated(problem).into_http();
    }
    let challenge = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))];
    (StatusCode::UNAUTHORIZED, challenge, format!("{problem}\n")).into_response()
}
