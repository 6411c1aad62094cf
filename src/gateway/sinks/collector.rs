//! A server that takes CloudEvents over HTTP.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use tokio::time::timeout;
use tonic::body::Body;

use crate::audit;
use crate::config::{AuditHttp, Location, Mistake};
use crate::evidence::{Event, Subscription};
use crate::gateway::credentials::{Kept, Refresh, bearer};
use crate::gateway::upstream::{Channel, Peer};
use crate::telemetry::FallibleSink;

/// The sink's name, in metrics.
pub(super) const SINK: &str = "http";
/// Events that are under way at the same time.
const UNDER_WAY: usize = 4;
/// The pause after the first failure; it doubles with each.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// What is read of an answer, in bytes: nobody looks at it, but the connection can be used again.
const LARGEST_ANSWER: usize = 64 << 10;

/// A client of the collector.
pub(super) struct Collector {
    channel: Channel,
    path: Uri,
    token: Option<Arc<Kept<HeaderValue>>>,
    timeout: Duration,
    give_up_after: Duration,
    tells_client: bool,
    sink: FallibleSink,
}

/// Why an event did not arrive.
enum Failure {
    /// It may arrive later.
    Passing(String),
    /// The collector will not have it.
    Final(String),
}

impl Collector {
    /// A client of the collector that `config` tells of.
    ///
    /// # Errors
    /// When a file of its TLS or token is not what it should be, or the path is none.
    pub(super) fn new(config: &AuditHttp, tells_client: bool) -> Result<Self, Mistake> {
        let AuditHttp { endpoint, path, token_file, timeout, give_up_after } = config.clone();
        let wrong = |problem: String| Mistake { at: Location::Default, message: format!("audit.http.url {problem}") };
        let channel = Channel::http_1(&endpoint, Peer::Collector)?;
        Ok(Self {
            channel,
            path: path.parse().map_err(|_| wrong(format!("has no sound path: {path}")))?,
            token: token_file.map(|file| bearer("audit_token", file)).transpose()?.map(Arc::new),
            timeout,
            give_up_after,
            tells_client,
            sink: FallibleSink::new(SINK, "audit events do not arrive", "audit events arrive again"),
        })
    }

    pub(super) fn credentials(&self) -> impl Iterator<Item = Arc<dyn Refresh>> {
        let token = self.token.clone().map(|kept| kept as Arc<dyn Refresh>);
        self.channel.credentials().into_iter().chain(token)
    }

    /// Sends what comes until the feed ends.
    pub(super) async fn run(self, events: Subscription) {
        self.sink.opened();
        events.stream().for_each_concurrent(UNDER_WAY, |event| self.deliver(event)).await;
    }

    /// Sends one event, again and again after growing pauses while that may help.
    async fn deliver(&self, event: Event) {
        let message = Bytes::from(audit::cloud_event(&event.detection, self.tells_client).to_string());
        let (began, mut pause) = (Instant::now(), SHORTEST_PAUSE);
        let problem = loop {
            match timeout(self.timeout, self.send(message.clone())).await {
                Ok(Ok(())) => return self.sink.delivered(1),
                Ok(Err(Failure::Final(problem))) => break problem,
                Ok(Err(Failure::Passing(problem))) => self.sink.in_trouble(&problem),
                Err(_) => self.sink.in_trouble("no answer in time"),
            }
            if began.elapsed() + pause > self.give_up_after {
                break "given up".to_owned();
            }
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        };
        self.sink.failed(1, &problem);
    }

    async fn send(&self, message: Bytes) -> Result<(), Failure> {
        let unsound = |error: http::Error| Failure::Final(error.to_string());
        let request = Request::post(self.path.clone()).header(CONTENT_TYPE, audit::CONTENT_TYPE);
        let mut request = request.body(Body::new(Full::new(message))).map_err(unsound)?;
        let token = self.token.as_ref().map(|token| token.current().as_ref().clone());
        request.headers_mut().extend(token.map(|token| (AUTHORIZATION, token)));
        let response = self.channel.send(request).await.map_err(Failure::Passing)?;
        let status = response.status();
        // Read to its end, the connection can be used again; if that fails, there will be another.
        let _ = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
        let problem = format!("the collector answers {status}");
        match status {
            status if status.is_success() => Ok(()),
            // The token may be a former one.
            StatusCode::UNAUTHORIZED | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Err(Failure::Passing(problem))
            }
            status if status.is_server_error() => Err(Failure::Passing(problem)),
            _ => Err(Failure::Final(problem)),
        }
    }
}
