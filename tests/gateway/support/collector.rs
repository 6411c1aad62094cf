//! A collector of traces: OTLP over gRPC, as OpenTelemetry's own collector takes it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use super::eventually;

/// A span that came.
#[derive(Debug, Clone)]
pub struct Span {
    /// Of whom it tells.
    pub service: String,
    pub name: String,
    pub kind: SpanKind,
    /// Trace, span and the one above, in hexadecimal.
    pub trace: String,
    pub id: String,
    pub parent: String,
    pub attributes: BTreeMap<String, String>,
    /// Begin and end, in nanoseconds.
    pub time: [u64; 2],
    pub is_error: bool,
}

impl Span {
    /// What it is: who is called and who calls have the same name.
    fn label(&self) -> String {
        let detail = self.attributes.get("portcullis.role").or_else(|| self.attributes.get("portcullis.squeezer"));
        match (self.kind, detail) {
            (SpanKind::Server, _) => "receive".to_owned(),
            (SpanKind::Client, _) => "send".to_owned(),
            (_, Some(detail)) => format!("{} {detail}", self.name),
            (_, None) => self.name.clone(),
        }
    }

    /// One of its attributes.
    pub fn attribute(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }
}

/// The collector; it stops with the test's runtime.
pub struct Collector {
    pub address: SocketAddr,
    state: Arc<State>,
}

struct State {
    spans: Mutex<Vec<Span>>,
    shown: Mutex<Vec<MetadataMap>>,
    held: watch::Sender<bool>,
}

impl Collector {
    pub async fn start() -> Self {
        Self::listen(None).await
    }

    /// As [`Collector::start`], behind TLS.
    pub async fn behind(tls: ServerConfig) -> Self {
        Self::listen(Some(TlsAcceptor::from(Arc::new(tls)))).await
    }

    async fn listen(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state =
            Arc::new(State { spans: Mutex::default(), shown: Mutex::default(), held: watch::Sender::new(false) });
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                match &tls {
                    None => drop(tokio::spawn(serve(shared.clone(), stream))),
                    // The gateway may turn away.
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            tokio::spawn(serve(shared.clone(), stream));
                        }
                    }
                }
            }
        });
        Self { address, state }
    }

    /// From now on it takes what comes and does not answer, or answers again.
    pub fn hold(&self, held: bool) {
        self.state.held.send_replace(held);
    }

    /// Every span so far.
    pub fn spans(&self) -> Vec<Span> {
        self.state.spans.lock().expect("unpoisoned").clone()
    }

    /// What the gateway showed in this header with each batch.
    pub fn shown(&self, header: &str) -> Vec<String> {
        let text =
            |metadata: &MetadataMap| metadata.get(header).map_or("", |value| value.to_str().expect("ASCII")).to_owned();
        self.state.shown.lock().expect("unpoisoned").iter().map(text).collect()
    }

    /// The spans of a trace, once there are as many.
    pub async fn trace(&self, trace: &str, count: usize) -> Vec<Span> {
        eventually(&format!("{count} spans of {trace} have come"), async || {
            let spans: Vec<Span> = self.spans().into_iter().filter(|span| span.trace == trace).collect();
            (spans.len() >= count).then_some(spans)
        })
        .await
    }
}

/// Each span with those above it, sorted: what a trace looks like.
pub fn tree(spans: &[Span]) -> Vec<String> {
    let mut paths: Vec<String> = spans.iter().map(|span| path(span, spans)).collect();
    paths.sort();
    paths
}

fn path(span: &Span, spans: &[Span]) -> String {
    match spans.iter().find(|above| above.id == span.parent) {
        Some(above) => format!("{} > {}", path(above, spans), span.label()),
        None => span.label(),
    }
}

async fn serve(state: Arc<State>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let service = TowerToHyperService::new(TraceServiceServer::from_arc(state));
    // It ends with its client.
    let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

#[tonic::async_trait]
impl TraceService for State {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        // The sender lives as long as this.
        let _ = self.held.subscribe().wait_for(|held| !held).await;
        self.shown.lock().expect("unpoisoned").push(request.metadata().clone());
        for resource_spans in request.into_inner().resource_spans {
            let resource = attributes(resource_spans.resource.expect("a resource").attributes);
            let spans = resource_spans.scope_spans.into_iter().flat_map(|scope| scope.spans);
            let told = spans.map(|span| Span {
                service: resource["service.name"].clone(),
                kind: span.kind(),
                is_error: span.status.as_ref().is_some_and(|status| status.code == 2),
                trace: hex::encode(span.trace_id),
                id: hex::encode(span.span_id),
                parent: hex::encode(span.parent_span_id),
                attributes: attributes(span.attributes),
                time: [span.start_time_unix_nano, span.end_time_unix_nano],
                name: span.name,
            });
            self.spans.lock().expect("unpoisoned").extend(told);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn attributes(told: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value| match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => panic!("an attribute of another kind: {other:?}"),
    };
    let value = |told: Option<opentelemetry_proto::tonic::common::v1::AnyValue>| told.and_then(|told| told.value);
    told.into_iter().map(|told| (told.key, text(value(told.value).expect("a value")))).collect()
}
