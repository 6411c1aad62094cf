//! What is called and how that ended, in the words of OpenTelemetry's semantic conventions 1.37.

use std::borrow::Cow;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

/// What stands for a method that nobody knows.
const OTHER: &str = "_OTHER";
/// Codes of gRPC that say that the server is at fault: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE,
/// DATA_LOSS.
const SERVER_FAULTS: [i32; 6] = [2, 4, 12, 13, 14, 15];

/// What is called. All of it comes from bounded sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A method of a gRPC service: these, where they are known.
    Grpc(Option<(&'static str, &'static str)>),
    /// A request over HTTP.
    Http {
        /// Its method, where that is known.
        method: Option<&'static str>,
        /// The pattern of its path, where that is known.
        route: Option<&'static str>,
    },
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With this code of gRPC.
    Grpc(i32),
    /// With this status of HTTP.
    Http(u16),
}

impl Operation {
    pub(super) fn name(self) -> Cow<'static, str> {
        match self {
            Self::Grpc(Some((service, method))) => format!("{service}/{method}").into(),
            Self::Grpc(None) => "grpc".into(),
            Self::Http { method: Some(method), route: Some(route) } => format!("{method} {route}").into(),
            Self::Http { method, .. } => method.unwrap_or("HTTP").into(),
        }
    }

    pub(super) fn attributes(self) -> Vec<KeyValue> {
        match self {
            Self::Grpc(known) => {
                let service = known.map(|(service, _)| KeyValue::new("rpc.service", service));
                let method = known.map_or(OTHER, |(_, method)| method);
                let system = [KeyValue::new("rpc.system", "grpc"), KeyValue::new("rpc.method", method)];
                system.into_iter().chain(service).collect()
            }
            Self::Http { method, route } => {
                let route = route.map(|route| KeyValue::new("http.route", route));
                let method = KeyValue::new("http.request.method", method.unwrap_or(OTHER));
                std::iter::once(method).chain(route).collect()
            }
        }
    }
}

impl Ending {
    pub(super) fn attribute(self) -> KeyValue {
        match self {
            Self::Grpc(code) => KeyValue::new("rpc.grpc.status_code", i64::from(code)),
            Self::Http(status) => KeyValue::new("http.response.status_code", i64::from(status)),
        }
    }

    /// Whether it is an error of the side that a span of this kind tells of.
    pub(super) fn is_error(self, kind: &SpanKind) -> bool {
        match (self, kind) {
            (Self::Grpc(code), SpanKind::Server) => SERVER_FAULTS.contains(&code),
            (Self::Grpc(code), _) => code != 0,
            (Self::Http(status), SpanKind::Server) => status >= 500,
            (Self::Http(status), _) => status >= 400,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_bounded_sets() {
        let infer = Operation::Grpc(Some(("inference.GRPCInferenceService", "ModelInfer")));
        assert_eq!(infer.name(), "inference.GRPCInferenceService/ModelInfer");
        assert_eq!(Operation::Grpc(None).name(), "grpc");
        let route = Some("/v2/models/{model}/infer");
        assert_eq!(Operation::Http { method: Some("POST"), route }.name(), "POST /v2/models/{model}/infer");
        assert_eq!(Operation::Http { method: Some("GET"), route: None }.name(), "GET");
        assert_eq!(Operation::Http { method: None, route: None }.name(), "HTTP");
    }

    #[test]
    fn a_refusal_is_no_error_of_the_gateways_but_one_to_who_called() {
        let refused = [Ending::Grpc(7), Ending::Http(403)];
        assert!(refused.iter().all(|ending| !ending.is_error(&SpanKind::Server)));
        assert!(refused.iter().all(|ending| ending.is_error(&SpanKind::Client)));
        let failed = [Ending::Grpc(14), Ending::Http(503)];
        assert!(failed.iter().all(|ending| ending.is_error(&SpanKind::Server)));
        assert!(!Ending::Grpc(0).is_error(&SpanKind::Client) && !Ending::Http(200).is_error(&SpanKind::Client));
    }
}
