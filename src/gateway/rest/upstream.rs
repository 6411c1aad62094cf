//! Where requests go: a classifier's server over HTTP/1.1, or the models of this process.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, Request, Response, Version, header};
use tonic::Status;
use tonic::body::Body;

use super::embedded::Embedded;
use super::{error, route};
use crate::config::{Endpoint, Mistake};
use crate::gateway::credentials::Refresh;
use crate::gateway::trace;
use crate::gateway::upstream::{Channel, Peer};

/// What a message's headers say about one connection only.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
const KEEP_ALIVE: &str = "keep-alive";
const PROXY_CONNECTION: &str = "proxy-connection";

/// What stands behind the gateway.
pub(crate) enum Upstream {
    /// A server.
    Server(Server),
    /// This process.
    Embedded(Embedded),
}

impl Upstream {
    /// Carries one request through. Failures are responses.
    pub(super) async fn call(&self, request: Request<Body>) -> Response<Body> {
        match self {
            Self::Server(server) => server.call(request).await,
            Self::Embedded(models) => models.call(request).await,
        }
    }
}

/// Carries requests to a server over pooled connections, made when needed and again when lost.
pub(crate) struct Server {
    channel: Box<Channel>,
}

impl Server {
    /// A client for the server at `endpoint`.
    ///
    /// # Errors
    /// When the endpoint names no host, or a file of its TLS is not what it should be.
    pub(crate) fn new(endpoint: &Endpoint) -> Result<Self, Mistake> {
        Channel::http_1(endpoint, Peer::Upstream).map(|channel| Self { channel: Box::new(channel) })
    }

    /// What its TLS is made of, to be kept up to date.
    pub(crate) fn credentials(&self) -> Option<Arc<dyn Refresh>> {
        self.channel.credentials()
    }

    async fn call(&self, request: Request<Body>) -> Response<Body> {
        match trace::send(&self.channel, request, route::operation).await {
            Ok(mut response) => {
                *response.version_mut() = Version::HTTP_11;
                drop_hop_by_hop(response.headers_mut());
                response
            }
            Err(cause) => {
                tracing::debug!(error = %cause, "request to the upstream failed");
                let message = format!("the classifier behind this gateway cannot be reached: {cause}");
                error::response(&Status::unavailable(message))
            }
        }
    }
}

/// Removes what was meant for the connection on which a message came.
pub(super) fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
    headers.remove(KEEP_ALIVE);
    headers.remove(PROXY_CONNECTION);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_for_one_connection_stays_on_it() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, X-Mine"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("x-mine", "1"),
            ("x-theirs", "2"),
            ("content-type", "application/json"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        drop_hop_by_hop(&mut headers);
        let left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["x-theirs", "content-type"]);
    }
}
