//! How traces go through the gateway: from what clients send to what the upstream is sent.
//!
//! Of what passes only `traceparent` is rewritten, so that what the upstream does belongs below what the gateway does; a
//! `tracestate` without one that can be read is left out, as the recommendation wants. Where nobody traces, both pass as
//! they came.

use http::{Extensions, HeaderMap, HeaderValue, Request, Response};
use tonic::body::Body;

use super::guard::grpc::{ended_with, status_of};
use super::message::tee::Watched;
use super::upstream::Channel;
use crate::telemetry::{Ending, Operation, Parent, Span, Trace, Tracer};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// The span of a request that has come. What is sent on for it belongs below.
pub(super) fn received<B>(
    tracer: &Tracer,
    request: &mut Request<B>,
    operation: impl FnOnce(&Request<B>) -> Operation,
) -> Span {
    let span = tracer.call_received(|| operation(request), || parent(request.headers()));
    attach(&span.trace(), request);
    span
}

/// Has what is done for a request belong into `trace`.
pub(super) fn attach<B>(trace: &Trace, request: &mut Request<B>) {
    if trace.is_followed() {
        request.extensions_mut().insert(trace.clone());
    }
}

/// Where what is done for a request belongs, by what was attached to it.
pub(super) fn of(extensions: &Extensions) -> Trace {
    extensions.get().cloned().unwrap_or_default()
}

/// Sends a request to a server as [`Channel::send`] does, within a span of its own where it belongs into a trace.
///
/// # Errors
/// As [`Channel::send`].
pub(super) async fn send(
    channel: &Channel,
    mut request: Request<Body>,
    operation: impl FnOnce(&Request<Body>) -> Operation,
) -> Result<Response<Body>, String> {
    let Some(trace) = request.extensions_mut().remove::<Trace>() else {
        return Ok(channel.send(request).await?.map(Body::new));
    };
    let operation = operation(&request);
    let span = trace.server_called(operation, channel.host(), channel.port());
    carry(&span.trace(), request.headers_mut());
    match channel.send(request).await {
        Ok(response) => Ok(within(span, operation, response.map(Body::new))),
        Err(cause) => {
            span.failed();
            Err(cause)
        }
    }
}

/// The response, with whose end the span of its call ends.
fn within(span: Span, operation: Operation, response: Response<Body>) -> Response<Body> {
    let (status, in_headers) = (response.status(), status_of(response.headers()));
    response.map(|body| {
        Body::new(Watched::new(body, move |trailers| {
            span.ended(match operation {
                Operation::Http { .. } => Ending::Http(status.as_u16()),
                Operation::Grpc(_) => Ending::Grpc(ended_with(in_headers, trailers).into()),
            });
        }))
    })
}

/// The span that the sender of these headers tells of; several are as good as none.
fn parent(headers: &HeaderMap) -> Option<Parent> {
    let mut told = headers.get_all(TRACEPARENT).iter();
    let (Some(traceparent), None) = (told.next(), told.next()) else { return None };
    let state = headers.get(TRACESTATE).and_then(|state| state.to_str().ok());
    Parent::read(traceparent.to_str().ok()?, state)
}

/// Tells the receiver of these headers what it is called from.
fn carry(trace: &Trace, headers: &mut HeaderMap) {
    let Some(value) = trace.traceparent().and_then(|traceparent| HeaderValue::from_str(&traceparent).ok()) else {
        return;
    };
    if parent(headers).is_none() {
        headers.remove(TRACESTATE);
    }
    headers.insert(TRACEPARENT, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENTS: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(told: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in told {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    /// What the upstream gets of what a client sends.
    fn carried(told: &[(&'static str, &'static str)]) -> HeaderMap {
        let (tracer, _spans) = Tracer::new("test", 1.0, 8);
        let mut request = Request::new(());
        *request.headers_mut() = headers(told);
        let span = received(&tracer, &mut request, |_| Operation::Grpc(None));
        carry(&span.trace(), request.headers_mut());
        request.headers().clone()
    }

    #[test]
    fn a_trace_goes_on_with_the_states_of_others_as_they_came() {
        let carried = carried(&[("traceparent", CLIENTS), ("tracestate", "a=1,  b=2"), ("tracestate", "c=3")]);
        let traceparent = carried["traceparent"].to_str().unwrap();
        assert!(traceparent.starts_with(&CLIENTS[..36]) && traceparent.ends_with("-01"), "{traceparent}");
        assert_ne!(traceparent, CLIENTS, "the gateway's span is the parent");
        let states: Vec<&HeaderValue> = carried.get_all("tracestate").iter().collect();
        assert_eq!(states, ["a=1,  b=2", "c=3"]);
    }

    #[test]
    fn what_cannot_be_read_begins_a_trace_anew_and_its_state_is_left_out() {
        let twice = [("traceparent", CLIENTS), ("traceparent", CLIENTS), ("tracestate", "a=1")];
        for told in [&[][..], &[("traceparent", "hostile"), ("tracestate", "a=1")], &[("tracestate", "a=1")], &twice] {
            let carried = carried(told);
            assert_eq!(carried.get_all("traceparent").iter().count(), 1);
            assert!(!carried["traceparent"].to_str().unwrap().starts_with(&CLIENTS[..36]));
            assert!(!carried.contains_key("tracestate"), "{told:?}");
        }
    }

    #[test]
    fn where_nobody_traces_nothing_is_looked_at() {
        let mut request = Request::new(());
        *request.headers_mut() = headers(&[("traceparent", CLIENTS)]);
        let span = received(&Tracer::default(), &mut request, |_| unreachable!("nobody asks"));
        assert!(!span.trace().is_followed() && request.extensions().is_empty());
        carry(&span.trace(), request.headers_mut());
        assert_eq!(request.headers(), &headers(&[("traceparent", CLIENTS)]));
    }
}
