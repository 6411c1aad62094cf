//! Whose health a client asks for: the gateway answers for itself and for what it carries; all else is the upstream's.

use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use prost::Message;
use tonic::Status;
use tonic::body::Body;
use tonic_health::pb::HealthCheckRequest;

use crate::gateway::guard::grpc::header;
use crate::gateway::message::room::Room;
use crate::gateway::message::wire;
use crate::gateway::operators::readiness::SERVICES;

/// More bytes than these no question has.
const LONGEST: usize = 1 << 10;

/// A question for the health of a service.
pub(super) struct Question {
    /// The call, as it came.
    pub(super) request: Request<Body>,
    /// Whether the service is none of the gateway's.
    pub(super) is_upstreams: bool,
}

impl Question {
    /// Reads a call of `Check` or `Watch`. One that makes no sense is the gateway's.
    ///
    /// # Errors
    /// When it breaks off or does not come to an end.
    pub(super) async fn read(request: Request<Body>) -> Result<Self, Status> {
        let encoding = header(request.headers(), "grpc-encoding");
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, LONGEST).collect().await.map_err(|_| Status::invalid_argument("no question"))?;
        let body = body.to_bytes();
        let message = wire::single_message(&body, encoding.as_deref(), LONGEST, &Room::new(4 * LONGEST)).ok();
        let asked = message.and_then(|message| HealthCheckRequest::decode(message).ok());
        let is_upstreams = asked.is_some_and(|asked| !SERVICES.contains(&asked.service.as_str()));
        Ok(Self { request: Request::from_parts(parts, Body::new(Full::new(body))), is_upstreams })
    }
}
