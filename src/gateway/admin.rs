//! The admin port: metrics, probes and the operator's API.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::json;

use super::readiness::Readiness;
use crate::telemetry::Exposition;

#[derive(Clone)]
struct Admin {
    readiness: Readiness,
    exposition: Exposition,
    library: String,
}

/// The HTTP half of the admin port, to which the gRPC half is added.
pub(crate) fn router(readiness: Readiness, exposition: Exposition, library: String) -> axum::Router {
    axum::Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(async || "live\n"))
        .route("/readyz", get(readyz))
        .route("/version", get(version))
        .with_state(Admin { readiness, exposition, library })
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
        "revision": super::REVISION,
        "onnxruntime": admin.library,
    }))
}
