//! The admin port: metrics, probes and the operator's API.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tonic::Status;

use super::readiness::Readiness;
use crate::telemetry::Exposition;

#[derive(Clone)]
struct Admin {
    readiness: Readiness,
    exposition: Exposition,
    library: String,
}

/// The admin port: its HTTP half, and `services`, its gRPC half.
pub(crate) fn router(
    readiness: Readiness,
    exposition: Exposition,
    library: String,
    services: axum::Router,
) -> axum::Router {
    axum::Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(async || "live\n"))
        .route("/readyz", get(readyz))
        .route("/version", get(version))
        .with_state(Admin { readiness, exposition, library })
        .merge(services)
        .fallback(nowhere)
}

/// What is not there: a status for gRPC calls, and for all others a code that fails a mistyped probe.
async fn nowhere(headers: HeaderMap) -> Response {
    let kind = headers.get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
        Status::unimplemented("there is no such method here").into_http()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], admin.exposition.render())
}

async fn readyz(State(admin): State<Admin>) -> impl IntoResponse {
    let code = if admin.readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, format!("{}\n", admin.readiness.explain()))
}

async fn version(State(admin): State<Admin>) -> impl IntoResponse {
    Json(json!({
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "revision": crate::gateway::REVISION,
        "onnxruntime": admin.library,
    }))
}
