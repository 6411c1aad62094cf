//! Detections as they come, by server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Interval, interval};

use super::Page;
use crate::evidence::Detection;
use crate::gateway::lifecycle::control::{Control, Phase};

/// Pages that are live at the same time; each holds a connection and a backlog.
const MOST: usize = 64;
/// Pause between two looks at whether anything was decided. It is a sign of life for what stands in between, too.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Places for pages that are live.
#[derive(Clone)]
pub(super) struct Places(Arc<Semaphore>);

impl Places {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MOST)))
    }
}

/// One page that is live.
struct Audience {
    page: Page,
    control: Control,
    news: Receiver<Arc<Detection>>,
    looks: Interval,
    _place: OwnedSemaphorePermit,
}

/// Events `detection` with its id, model and decision, and `look` with how many requests were decided so far.
pub(super) async fn live(State(page): State<Page>) -> Response {
    let Ok(place) = page.places().0.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many pages are live: close one\n").into_response();
    };
    let (news, control) = (page.store().news(), page.control().clone());
    let audience = Audience { page, control, news, looks: interval(LOOK_EVERY), _place: place };
    Sse::new(stream::unfold(audience, Audience::next)).into_response()
}

impl Audience {
    /// The next event; none once the gateway is on its way out.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        let event = tokio::select! {
            () = self.control.reached(Phase::Closing) => return None,
            received = self.news.recv() => match received {
                Ok(detection) => told(&detection),
                Err(RecvError::Lagged(_)) => self.look(),
                Err(RecvError::Closed) => return None,
            },
            _ = self.looks.tick() => self.look(),
        };
        Some((Ok(event), self))
    }

    fn look(&self) -> Event {
        Event::default().event("look").data(self.page.histories().decided().to_string())
    }
}

fn told(detection: &Detection) -> Event {
    let Detection { id, model, decision, .. } = detection;
    let data = json!({ "id": id, "model": model, "decision": decision.name() });
    Event::default().event("detection").data(data.to_string())
}
