//! The online half: the sidecar in the request path.

mod assemble;
mod client;
mod examine;
mod guard;
mod listen;
mod message;
mod operators;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::server::health_reporter;

pub use assemble::lineup_with_profile;
pub use client::inspect::{Inspected, inspect_through};
pub use client::{Answer, Client};
pub use examine::copies::UpstreamTeacher;
pub use examine::guarded::GuardedModel;
pub use examine::observer::{Observer, OfflineTeacher};
pub use upstream::{Embedded, EmbeddedModel, Remote, RemoteError, Upstream};

use crate::config::OnUndecided;
use crate::model::{Runtime, Workers};
use crate::proto::portcullis::v1::inspector_server::InspectorServer;
use crate::telemetry::Exposition;

/// The build's revision, where the build knew it.
pub const REVISION: &str = match option_env!("PORTCULLIS_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// Path prefixes of the services that the gateway answers itself on the clients' port.
const HEALTH: &str = "/grpc.health.v1.Health/";
const REFLECTION: &str = "/grpc.reflection.";

/// The guarded model whose call a response answers; a label of metrics.
#[derive(Debug, Clone, Copy)]
struct ModelLabel(&'static str);

/// Everything that a running gateway consists of, built and checked before it listens.
pub struct Gateway {
    /// Where calls go.
    pub upstream: Arc<dyn Upstream>,
    /// Whether the upstream is this process: then its reflection is ours too.
    pub embedded: bool,
    /// The models under guard.
    pub models: Vec<Arc<GuardedModel>>,
    /// The threads that predict.
    pub workers: Arc<Workers>,
    /// The loaded ONNX Runtime.
    pub runtime: Runtime,
    /// What Prometheus scrapes.
    pub exposition: Exposition,
    /// Largest message that passes, in bytes.
    pub max_message_bytes: usize,
    /// Largest message that is examined, in bytes.
    pub max_inspected_bytes: usize,
    /// Examinations under way at most.
    pub max_examinations: usize,
    /// How long calls may go on after a shutdown began.
    pub grace: Duration,
    /// What happens to streaming inference where a model is not to be got past.
    pub streams: OnUndecided,
}

impl Gateway {
    /// Serves clients on `clients` and operators on `admin` until `shutdown` is cancelled, then drains.
    pub async fn run(self, clients: TcpListener, admin: TcpListener, shutdown: CancellationToken) {
        let limits = message::tee::Limits { message: self.max_message_bytes, inspected: self.max_inspected_bytes };
        let detections = operators::watch::Detections::new();
        let intake = guard::intake::Intake::new(self.models, limits, self.max_examinations, detections);
        let guard = Arc::new(guard::Guard::new(self.upstream.clone(), intake, self.streams));
        let readiness = operators::readiness::Readiness::default();
        let (reporter, health) = health_reporter();
        reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
        let library = self.runtime.library().display().to_string();
        let (upstream, exposition) = (self.upstream.clone(), self.exposition.clone());
        let probing = tokio::spawn(readiness.clone().probe(upstream, self.workers, self.runtime, reporter, exposition));

        let inspector = InspectorServer::new(operators::inspector::InspectorService::new(guard.clone()))
            .max_decoding_message_size(self.max_message_bytes);
        let operators = Routes::new(inspector).add_service(health.clone()).add_service(reflection());
        let router =
            operators::admin::router(readiness.clone(), self.exposition, library, operators.into_axum_router());

        let own = Routes::new(health).add_service(reflection());
        let own_prefixes: &[&str] = if self.embedded { &[HEALTH, REFLECTION] } else { &[HEALTH] };
        let dispatch = listen::Dispatch { guard, upstream: self.upstream, own, own_prefixes };

        let stop_admin = CancellationToken::new();
        let serving_admin = tokio::spawn(listen::serve_admin(admin, router, stop_admin.clone().cancelled_owned()));
        let draining = async {
            shutdown.cancelled().await;
            tracing::info!("draining");
            readiness.drain();
        };
        listen::serve_grpc(clients, dispatch, draining, self.grace).await;
        probing.abort();
        stop_admin.cancel();
        // Either way it is over.
        let _ = serving_admin.await;
        tracing::info!("drained");
    }
}

/// gRPC reflection over our own services and the Open Inference Protocol.
fn reflection()
-> tonic_reflection::server::v1::ServerReflectionServer<impl tonic_reflection::server::v1::ServerReflection> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(crate::proto::DESCRIPTORS)
        .build_v1()
        .unwrap_or_else(|error| unreachable!("the checked-in descriptors are valid: {error}"))
}
