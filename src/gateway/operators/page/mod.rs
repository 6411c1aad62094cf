//! The operators' live page: what was decided, how detectors scored, and the latest detections one by one.
//!
//! It looks at what the request path has left behind and never at the request path itself. All of it is in the binary: a
//! browser loads nothing from anywhere else, and is told so.

mod assets;
mod charts;
mod detail;
mod filter;
pub(crate) mod history;
mod live;
mod overview;
mod pictures;
mod reading;
mod sign_in;
mod store;
mod texts;
mod words;
mod workroom;

use std::sync::Arc;

use askama::Template;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};

use self::history::Histories;
use self::live::Places;
pub(super) use self::sign_in::form;
use self::store::Store;
use self::workroom::Workroom;
use super::authority::Authority;
use crate::config;
use crate::evidence::{Feed, Interest};
use crate::gateway::examine::guarded::GuardedModel;
use crate::gateway::lifecycle::control::Control;
use crate::gateway::lifecycle::serving::Current;
use crate::telemetry::{self, Delivery};

/// The page in the feed's accounts.
const SINK: &str = "page";
/// Detections that wait to be remembered, in bytes.
const BACKLOG: usize = 64 << 20;
/// What a sign-in may hold, in bytes.
const LARGEST_FORM: usize = 4 << 10;
/// What browsers may load and do: this origin's files and nothing else, no script or style within a page.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Everything that the page shows. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Page(Arc<Parts>);

struct Parts {
    current: Current,
    control: Control,
    histories: Histories,
    store: Store,
    /// Where pictures are made.
    darkroom: Workroom,
    /// Where texts are compared.
    study: Workroom,
    places: Places,
    authority: Authority,
}

impl Page {
    /// A page that remembers what `limits` allow, for those whom `authority` knows.
    pub(crate) fn new(
        limits: &config::Page,
        current: Current,
        control: Control,
        histories: Histories,
        authority: Authority,
    ) -> Self {
        let store = Store::new(limits.detections, limits.memory);
        let (darkroom, study, places) = (Workroom::new(), Workroom::new(), Places::new());
        Self(Arc::new(Parts { current, control, histories, store, darkroom, study, places, authority }))
    }

    /// Remembers what `feed` hands on, until it ends.
    pub(crate) async fn remember(self, feed: Feed) {
        let subscription = feed.subscribe(SINK, Interest::Inputs, BACKLOG);
        telemetry::sink_opened(SINK);
        while let Some(event) = subscription.next().await {
            self.store().add(event);
            telemetry::detections_delivered(SINK, Delivery::Delivered, 1);
        }
    }

    fn store(&self) -> &Store {
        &self.0.store
    }

    fn histories(&self) -> &Histories {
        &self.0.histories
    }

    fn darkroom(&self) -> &Workroom {
        &self.0.darkroom
    }

    fn study(&self) -> &Workroom {
        &self.0.study
    }

    fn places(&self) -> &Places {
        &self.0.places
    }

    fn control(&self) -> &Control {
        &self.0.control
    }

    fn authority(&self) -> &Authority {
        &self.0.authority
    }

    /// The models under guard, in the configuration's order.
    fn models(&self) -> Vec<Arc<GuardedModel>> {
        let serving = self.0.current.get();
        let configured = serving.config.models.iter();
        configured.filter_map(|model| serving.guard.model(&model.name.value).cloned()).collect()
    }
}

/// The page's half of the admin port.
pub(crate) fn router(page: Page) -> axum::Router {
    let signing = axum::Router::new()
        .route("/sign-in", post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .with_state(page.authority().clone());
    axum::Router::new()
        .route("/", get(overview::overview))
        .route("/detections/{id}", get(detail::detection))
        .route("/detections/{id}/items/{item}/picture", get(pictures::picture))
        .route("/detections/{id}/items/{item}/copies/{place}", get(pictures::copy))
        .route("/detections/{id}/items/{item}/changes/{place}", get(pictures::change))
        .route("/charts", get(charts::charts))
        .route("/live", get(live::live))
        .route("/assets/{name}", get(assets::asset))
        .with_state(page)
        .merge(signing)
        .layer(map_response(async |response: Response| dressed(response)))
}

/// Whether a path is the page's, and not an API's.
pub(super) fn is_page(path: &str) -> bool {
    let beginnings = ["/detections/", "/assets/"];
    ["/", "/charts", "/live", "/sign-in", "/sign-out"].contains(&path)
        || beginnings.iter().any(|beginning| path.starts_with(beginning))
}

/// Whether a path of the page's is open to who has not signed in yet.
pub(super) fn is_open(path: &str) -> bool {
    path == "/sign-in" || path.starts_with("/assets/")
}

/// The response with what browsers are told about all of them.
fn dressed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A template as a response.
fn shown(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "the page could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
