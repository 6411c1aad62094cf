//! Errors over HTTP: statuses, and a JSON body that says what is wrong.

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;
use tonic::body::Body;
use tonic::{Code, Status};

/// HTTP statuses and the gRPC codes whose meaning they have; the first of a code is what the code is told as.
const MEANINGS: [(StatusCode, Code); 16] = [
    (StatusCode::BAD_REQUEST, Code::InvalidArgument),
    (StatusCode::BAD_REQUEST, Code::FailedPrecondition),
    (StatusCode::BAD_REQUEST, Code::OutOfRange),
    (StatusCode::UNAUTHORIZED, Code::Unauthenticated),
    (StatusCode::FORBIDDEN, Code::PermissionDenied),
    (StatusCode::NOT_FOUND, Code::NotFound),
    (StatusCode::CONFLICT, Code::Aborted),
    (StatusCode::CONFLICT, Code::AlreadyExists),
    (StatusCode::TOO_MANY_REQUESTS, Code::ResourceExhausted),
    (StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted),
    (StatusCode::INTERNAL_SERVER_ERROR, Code::Internal),
    (StatusCode::NOT_IMPLEMENTED, Code::Unimplemented),
    (StatusCode::METHOD_NOT_ALLOWED, Code::Unimplemented),
    (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
    (StatusCode::BAD_GATEWAY, Code::Unavailable),
    (StatusCode::GATEWAY_TIMEOUT, Code::DeadlineExceeded),
];

/// The gRPC code that means the same as an HTTP status; metrics have only these.
pub(super) fn code(status: StatusCode) -> Code {
    if status.is_success() || status.is_redirection() {
        return Code::Ok;
    }
    MEANINGS.into_iter().find(|meaning| meaning.0 == status).map_or(Code::Unknown, |meaning| meaning.1)
}

/// A gRPC status as an HTTP response.
pub(super) fn response(status: &Status) -> Response<Body> {
    let meaning = MEANINGS.into_iter().find(|meaning| meaning.1 == status.code());
    with_status(meaning.map_or(StatusCode::INTERNAL_SERVER_ERROR, |meaning| meaning.0), status.message())
}

/// A response that says what is wrong.
pub(super) fn with_status(status: StatusCode, message: &str) -> Response<Body> {
    let body = json!({ "error": message }).to_string();
    let mut response = Response::new(Body::new(http_body_util::Full::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
