//! A collector of traces: OTLP over gRPC (OpenTelemetry Protocol 1.9).

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap, HeaderValue};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Status};

use crate::config::{Mistake, Tracing};
use crate::gateway::credentials::{Kept, Refresh, bearer, headers};
use crate::gateway::upstream::{Channel, Peer};
use crate::telemetry::{Batch, Delivery, FallibleSink, Spans, spans_delivered};

/// The pause after the first failure; it doubles with each.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
/// How long spans are sent again before they are given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(30);
/// Codes after which the protocol wants spans sent again; and that of a token which may be a former one.
const PASSING: [Code; 8] = [
    Code::Cancelled,
    Code::DeadlineExceeded,
    Code::ResourceExhausted,
    Code::Aborted,
    Code::OutOfRange,
    Code::Unavailable,
    Code::DataLoss,
    Code::Unauthenticated,
];

/// A client of the collector.
pub(super) struct Collector {
    channel: Channel,
    token: Option<Arc<Kept<HeaderValue>>>,
    headers: Option<Arc<Kept<HeaderMap>>>,
    timeout: Duration,
    sink: FallibleSink,
}

impl Collector {
    /// A client of the collector that `config` tells of.
    ///
    /// # Errors
    /// When a file of its TLS, token or headers is not what it should be.
    pub(super) fn new(config: &Tracing) -> Result<Self, Mistake> {
        Ok(Self {
            channel: Channel::http_2(&config.endpoint, Peer::Tracing)?,
            token: config.token_file.clone().map(|file| bearer("tracing_token", file)).transpose()?.map(Arc::new),
            headers: config
                .headers_file
                .clone()
                .map(|file| headers("tracing_headers", file))
                .transpose()?
                .map(Arc::new),
            timeout: config.timeout,
            sink: FallibleSink::of_spans("traces", "traces do not arrive", "traces arrive again"),
        })
    }

    pub(super) fn credentials(&self) -> impl Iterator<Item = Arc<dyn Refresh>> {
        let token = self.token.clone().map(|kept| kept as Arc<dyn Refresh>);
        let headers = self.headers.clone().map(|kept| kept as Arc<dyn Refresh>);
        self.channel.credentials().into_iter().chain(token).chain(headers)
    }

    /// Sends what comes; from `ending` on, what is there already.
    pub(super) async fn run(self, mut spans: Spans, ending: CancellationToken) {
        self.sink.opened();
        while let Some(Some(batch)) = ending.run_until_cancelled(spans.next()).await {
            self.deliver(batch, &ending).await;
        }
        spans.close();
        while let Some(batch) = spans.next().await {
            self.deliver(batch, &ending).await;
        }
    }

    /// Sends a batch, again and again after growing pauses while that may help; from `ending` on once more.
    async fn deliver(&self, Batch { spans, count }: Batch, ending: &CancellationToken) {
        let request = ExportTraceServiceRequest { resource_spans: spans };
        let (began, mut pause) = (Instant::now(), SHORTEST_PAUSE);
        let problem = loop {
            let answered = timeout(self.timeout, self.send(request.clone())).await;
            match answered.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time"))) {
                Ok(0) => return self.sink.delivered(count),
                Ok(rejected) => {
                    let rejected = rejected.min(count);
                    // Counted only: while some are rejected, the trouble has not ended.
                    spans_delivered(Delivery::Delivered, count - rejected);
                    return self.sink.failed(rejected, "the collector rejects some");
                }
                Err(status) if !PASSING.contains(&status.code()) => break status.message().to_owned(),
                Err(status) => self.sink.in_trouble(status.message()),
            }
            if ending.is_cancelled() || began.elapsed() + pause > GIVE_UP_AFTER {
                break "given up".to_owned();
            }
            // Either way it is sent again.
            let _ = ending.run_until_cancelled(tokio::time::sleep(pause)).await;
            pause *= 2;
        };
        self.sink.failed(count, &problem);
    }

    /// Sends a batch once; how many spans of it the collector rejects for good.
    async fn send(&self, request: ExportTraceServiceRequest) -> Result<usize, Status> {
        let mut headers =
            self.headers.as_ref().map_or_else(HeaderMap::new, |headers| headers.current().as_ref().clone());
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, token.current().as_ref().clone());
        }
        let metadata = MetadataMap::from_headers(headers);
        let request = Request::from_parts(metadata, Extensions::new(), request);
        let answer = TraceServiceClient::new(self.channel.clone()).export(request).await?.into_inner();
        let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_spans);
        Ok(usize::try_from(rejected).unwrap_or(0))
    }
}
