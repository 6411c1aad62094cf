//! Inference over HTTP: the Open Inference Protocol in JSON, with binary tensors where they are asked for.

mod data;
mod document;
mod embedded;
mod error;
mod layout;
mod message;
mod route;
mod transport;
mod upstream;

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tonic::Status;
use tonic::body::Body;
use tracing::Instrument;

pub(super) use self::embedded::Embedded;
use self::route::Route;
use self::transport::Rest;
pub(super) use self::upstream::{Server, Upstream};
use super::ModelLabel;
use super::guard::Guard;
use super::lifecycle::serving::Current;
use super::listen::admission::Admission;
use super::listen::code_name;
use super::message::room::Room;
use super::message::tee::Watched;
use super::trace;
use crate::detect::{Action, Reason};
use crate::proto::inference::ModelInferRequest;
use crate::telemetry::{self, Call, Ending, Span, Tracer};

/// Sends each request where it belongs: inference to the guard, all else to the upstream.
#[derive(Clone)]
pub(crate) struct Dispatch {
    pub(crate) current: Current,
    pub(crate) admission: Admission,
    pub(crate) tracer: Tracer,
}

impl Dispatch {
    /// Answers within a span.
    pub(crate) async fn answer(self, mut request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let span = trace::received(&self.tracer, &mut request, route::operation);
        let log = span.trace().log();
        Ok(self.counted(request, span).instrument(log).await)
    }

    async fn counted(self, request: Request<Incoming>, span: Span) -> Response<Body> {
        let mut request = request.map(Body::new);
        upstream::drop_hop_by_hop(request.headers_mut());
        let (route, place) = (Route::of(&request), self.admission.call());
        let mut call = Call::begin(route.label());
        let response = if place.is_none() {
            turned_away(&route)
        } else {
            let serving = self.current.get();
            match &serving.rest {
                Some(upstream) => carry(&serving.guard, upstream, route, request).await,
                None => error::with_status(StatusCode::NOT_FOUND, "nobody behind this gateway speaks REST"),
            }
        };
        if let Some(ModelLabel(model)) = response.extensions().get() {
            call.asked(model);
        }
        let (status, log) = (response.status(), span.trace().log());
        response.map(|body| {
            Body::new(Watched::new(body, move |_| {
                log.in_scope(|| call.ended(code_name(error::code(status))));
                span.ended(Ending::Http(status.as_u16()));
                drop(place);
            }))
        })
    }
}

async fn carry(guard: &Guard, upstream: &Upstream, route: Route, request: Request<Body>) -> Response<Body> {
    let refusal = match route {
        Route::Infer(model) => {
            let rest = Rest::new(model, request.headers());
            return guard.infer(rest, request, |request| upstream.call(request)).await;
        }
        Route::Unexamined(model) if guard.model(&model.name).is_none() => {
            telemetry::unguarded_request();
            None
        }
        Route::Unexamined(_) => guard.unexamined::<Rest>(),
        Route::Odd => guard.unattributed::<Rest>(Reason::Malformed),
        Route::Sharing => guard.sharing_refused::<Rest>(),
        Route::Other if request.method() == Method::CONNECT => {
            Some(error::with_status(StatusCode::METHOD_NOT_ALLOWED, "this is no proxy for connections"))
        }
        Route::Other => None,
    };
    match refusal {
        Some(refusal) => refusal,
        None => upstream.call(request).await,
    }
}

/// The request in a body that has these headers, as far as one can be read of it: for who fuzzes.
pub(super) fn read(headers: &HeaderMap, body: &Bytes, limit: usize, room: &Room) -> Option<ModelInferRequest> {
    let model = route::Model { name: "model".into(), version: String::new() };
    let layout = layout::Layout::of(headers).ok()?;
    message::request(&model, &layout, body, limit, room).ok().map(|read| read.request)
}

/// What a request is told for which there is no place.
fn turned_away(route: &Route) -> Response<Body> {
    if !matches!(route, Route::Sharing | Route::Other) {
        telemetry::unattributed_request(Reason::Overload.name(), Action::Block.name());
    }
    error::response(&Status::resource_exhausted("too many requests are under way: send it again later"))
}
