//! The online half: the sidecar in the request path.

mod assemble;
mod client;
mod credentials;
mod detections;
mod examine;
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod lifecycle;
mod listen;
mod message;
mod operators;
mod rest;
mod sinks;
mod stream;
mod trace;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{OptionFuture, join};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::server::health_reporter;

pub use assemble::{check, lineup_with_profile};
pub use client::caller::{Caller, Prepared};
pub use client::operator::{Detected, Inspected, Operator};
pub use client::{Answer, Client};
pub use credentials::tokens_in;
pub use examine::copies::UpstreamTeacher;
pub use examine::observer::{Observer, OfflineTeacher};
pub use lifecycle::control::{Control, Phase};
pub use listen::Listener;
pub use message::stream::StreamForm;
pub use upstream::{Embedded, EmbeddedModel, Remote, RemoteError, Upstream, signature_of};

use self::credentials::Credentials;
use self::detections::Detections;
use self::lifecycle::reload::{Reloader, Source};
use self::lifecycle::serving::{Current, Serving};
use self::listen::admission::Admission;
use self::message::room::Room;
use self::operators::authority::Authority;
use self::operators::page::Page;
use self::operators::page::history::Histories;
use self::operators::readiness::Readiness;
use self::sinks::Sinks;
use crate::config::{Config, ConfigError, Server};
use crate::profile::Loader;
use crate::proto::portcullis::v1::inspector_server::InspectorServer;
use crate::telemetry::{Exposition, Tracer};

/// The build's revision, where the build knew it.
pub const REVISION: &str = match option_env!("PORTCULLIS_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// Largest message that the gateway's own services take from clients, in bytes.
const LARGEST_QUESTION: usize = 16 << 10;

/// How long the last detections may take to be written and told once no more come.
const SINKS_GRACE: Duration = Duration::from_secs(5);

/// The guarded model whose call a response answers; a label of metrics.
#[derive(Debug, Clone, Copy)]
struct ModelLabel(&'static str);

/// The gateway's ports.
pub struct Listeners {
    /// Where gRPC clients connect.
    pub clients: Listener,
    /// Where REST clients connect, if they may.
    pub rest: Option<Listener>,
    /// Where operators connect.
    pub admin: Listener,
}

/// Everything that a running gateway consists of, built and checked before it listens.
pub struct Gateway {
    serving: watch::Sender<Arc<Serving>>,
    credentials: Credentials,
    loader: Loader,
    exposition: Exposition,
    detections: Detections,
    sinks: Sinks,
    tracer: Tracer,
    histories: Histories,
    room: Room,
    max_connections: usize,
    source: Option<Source>,
}

impl Gateway {
    /// A gateway that loads its configuration anew from `source` when told to, and when files of it have changed.
    #[must_use]
    pub fn reloading(self, source: impl Fn() -> Result<Config, ConfigError> + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }

    /// A gateway that admits no more than so many connections of clients, whatever its configuration says.
    #[must_use]
    pub fn admitting(self, connections: usize) -> Self {
        Self { max_connections: self.max_connections.min(connections), ..self }
    }

    /// Serves clients and operators until `control` says to end.
    pub async fn run(self, Listeners { clients, rest, admin }: Listeners, control: Control) {
        let Self {
            serving,
            credentials,
            loader,
            exposition,
            detections,
            sinks,
            tracer,
            histories,
            room,
            max_connections,
            source,
        } = self;
        let current = Current::of(&serving);
        let Server { max_message_bytes, max_inflight_requests, max_inflight_bytes, .. } = current.get().config.server;
        let library = loader.runtime.library().display().to_string();
        let (reporter, health) = health_reporter();
        let health = health.max_decoding_message_size(LARGEST_QUESTION);
        let readiness = Readiness::new(control.clone(), reporter);
        readiness.publish().await;
        let mut beside = JoinSet::new();
        beside.spawn(readiness.clone().probe(current.clone(), loader.clone(), exposition.clone()));

        beside.spawn(credentials.clone().watch(sinks.credentials(), current.clone()));
        let sinks = sinks.start(detections.feed());
        tokio::spawn(detections.clone().run());
        let Credentials { server, rest: rest_tls, admin: operators, tokens } = credentials;

        let inspector = InspectorServer::new(operators::inspector::InspectorService::new(current.clone()))
            .max_decoding_message_size(max_message_bytes);
        let services = Routes::new(inspector).add_service(health.clone()).add_service(reflection());
        let router = operators::admin::router(
            operators::admin::Admin { readiness: readiness.clone(), control: control.clone(), exposition, library },
            services.into_axum_router(),
        );
        let authority = Authority::new(&current.get().config.admin, tokens);
        let router = match &current.get().config.admin.page {
            limits if limits.enabled => {
                let page = Page::new(limits, current.clone(), control.clone(), histories.clone(), authority.clone());
                beside.spawn(page.clone().remember(detections.feed().clone()));
                router.merge(operators::page::router(page))
            }
            _ => router,
        };
        let router = operators::authority::guarded(router, authority);
        let admin = listen::Port { listener: admin, tls: operators };
        let stop_admin = CancellationToken::new();
        let serving_admin = tokio::spawn(listen::serve_admin(admin, router, stop_admin.clone().cancelled_owned()));
        if let Some(source) = source {
            let detections = detections.clone();
            beside.spawn(Reloader { source, loader, serving, detections, histories, room }.run(control.clone()));
        }

        let own = Routes::new(health).add_service(reflection());
        // What clients send ahead may take as much as what is held.
        let admission = Admission::new(max_connections, max_inflight_requests, max_inflight_bytes);
        let closing = lifecycle::drain::closing(control.clone(), readiness, current.clone()).shared();
        let rest = rest.map(|listener| {
            let dispatch =
                rest::Dispatch { current: current.clone(), admission: admission.clone(), tracer: tracer.clone() };
            listen::serve_rest(listen::Port { listener, tls: rest_tls }, dispatch, closing.clone())
        });
        let clients = listen::Port { listener: clients, tls: server };
        let grpc = listen::serve_grpc(clients, listen::Dispatch { current, own, admission, tracer }, closing);
        tokio::select! {
            _ = join(grpc, OptionFuture::from(rest)) => {}
            () = control.reached(Phase::Cut) => tracing::warn!("told to end at once: calls under way are cut"),
        }
        beside.abort_all();
        detections.close();
        sinks.end(SINKS_GRACE).await;
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
        .max_decoding_message_size(LARGEST_QUESTION)
}
