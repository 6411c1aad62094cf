//! The admin port: metrics, probes and the operator's API.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use tonic::Status;

use super::readiness::Readiness;
use crate::gateway::lifecycle::control::{Control, Phase};
use crate::telemetry::Exposition;

/// What operators see and steer.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) readiness: Readiness,
    pub(crate) control: Control,
    pub(crate) exposition: Exposition,
    /// Where ONNX Runtime was found.
    pub(crate) library: String,
}

/// The admin port: its HTTP half, and `services`, its gRPC half.
pub(crate) fn router(admin: Admin, services: axum::Router) -> axum::Router {
    axum::Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(async || "live\n"))
        .route("/readyz", get(readyz))
        .route("/version", get(version))
        .route("/drain", post(drain))
        .with_state(admin)
        .merge(services)
        .fallback(nowhere)
}

/// What is not there: a status for gRPC calls, and for all others a code that fails a mistyped probe.
async fn nowhere(headers: HeaderMap) -> Response {
    if is_grpc(&headers) {
        Status::unimplemented("there is no such method here").into_http()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

/// Whether a gRPC client asks, who understands nothing but a status.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], admin.exposition.render())
}

async fn readyz(State(admin): State<Admin>) -> impl IntoResponse {
    let code = if admin.readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, format!("{}\n", admin.readiness.explain()))
}

/// Begins the way out. Pages in a browser say where they come from, and may not.
async fn drain(State(admin): State<Admin>, headers: HeaderMap) -> (StatusCode, &'static str) {
    if headers.contains_key(header::ORIGIN) {
        return (StatusCode::FORBIDDEN, "no page in a browser may do that\n");
    }
    admin.control.advance(Phase::Draining);
    (StatusCode::ACCEPTED, "draining\n")
}

async fn version(State(admin): State<Admin>) -> impl IntoResponse {
    Json(json!({
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "revision": crate::gateway::REVISION,
        "onnxruntime": admin.library,
    }))
}
