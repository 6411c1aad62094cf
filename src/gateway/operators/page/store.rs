//! The latest detections, in memory: bounded in number and in bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use crate::evidence::{Detection, Event};

/// Detections that a browser may be behind before it is told to look again.
const BACKLOG: usize = 64;

/// Keeps detections until there are newer ones in their place.
pub(super) struct Store {
    kept: Mutex<Kept>,
    most: usize,
    most_bytes: usize,
    news: broadcast::Sender<Arc<Detection>>,
}

#[derive(Default)]
struct Kept {
    /// The oldest first, each with the memory that it takes.
    events: VecDeque<(Event, usize)>,
    bytes: usize,
}

/// A detection, and the ids of its neighbours in time.
pub(super) struct Found {
    pub(super) event: Event,
    pub(super) older: Option<String>,
    pub(super) newer: Option<String>,
}

impl Store {
    /// Keeps at most so many detections, in so many bytes.
    pub(super) fn new(most: usize, most_bytes: usize) -> Self {
        Self { kept: Mutex::default(), most, most_bytes, news: broadcast::Sender::new(BACKLOG) }
    }

    /// Keeps a detection, and tells it to those who look. Of one that is larger than all may be, the record is kept alone.
    pub(super) fn add(&self, event: Event) {
        let event = if event.bytes() > self.most_bytes { Event { inputs: Arc::new([]), ..event } } else { event };
        let (detection, bytes) = (event.detection.clone(), event.bytes());
        {
            let mut kept = self.lock();
            kept.events.push_back((event, bytes));
            kept.bytes += bytes;
            while kept.events.len() > self.most || kept.bytes > self.most_bytes {
                let Some((_, bytes)) = kept.events.pop_front() else { break };
                kept.bytes -= bytes;
            }
        }
        // Nobody may be looking.
        let _ = self.news.send(detection);
    }

    /// What comes from now on.
    pub(super) fn news(&self) -> broadcast::Receiver<Arc<Detection>> {
        self.news.subscribe()
    }

    /// The detection with this id, if it is still there.
    pub(super) fn find(&self, id: &str) -> Option<Found> {
        let kept = self.lock();
        let at = kept.events.iter().position(|(event, _)| event.detection.id == id)?;
        let id_at = |at: usize| kept.events.get(at).map(|(event, _)| event.detection.id.clone());
        let (event, _) = kept.events.get(at)?;
        Some(Found { event: event.clone(), older: at.checked_sub(1).and_then(id_at), newer: id_at(at + 1) })
    }

    /// All that are there, the newest first.
    pub(super) fn all(&self) -> Vec<Event> {
        self.lock().events.iter().rev().map(|(event, _)| event.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::detect::{Action, Decision};
    use crate::evidence::{Input, SCHEMA_VERSION};
    use crate::tensor::Picture;

    fn event(id: &str, pixels: usize) -> Event {
        let picture = Picture::new(1, 1, pixels, vec![0.0; pixels]).unwrap();
        let detection = Detection {
            schema_version: SCHEMA_VERSION,
            id: id.into(),
            time: UNIX_EPOCH,
            model: "signs".into(),
            decision: Decision::Suspicious,
            reason: None,
            action: Action::Pass,
            client: None,
            trace_id: None,
            batch: 1,
            items: Vec::new(),
        };
        Event { detection: Arc::new(detection), inputs: Arc::new([Some(Input::Picture(Arc::new(picture)))]) }
    }

    fn ids(store: &Store) -> Vec<String> {
        store.all().iter().map(|event| event.detection.id.clone()).collect()
    }

    #[test]
    fn the_newest_are_kept_in_number_and_in_bytes() {
        let few = Store::new(2, usize::MAX);
        let small = Store::new(usize::MAX, 2 * event("a", 1000).bytes());
        for id in ["a", "b", "c"] {
            few.add(event(id, 1));
            small.add(event(id, 1000));
        }
        assert_eq!([ids(&few), ids(&small)], [["c", "b"], ["c", "b"]]);
        assert!(few.find("a").is_none());
    }

    #[test]
    fn a_detection_that_is_larger_than_all_may_be_is_kept_without_its_inputs() {
        let store = Store::new(10, 2 * event("a", 1).bytes());
        store.add(event("a", 1));
        store.add(event("b", 100_000));
        assert_eq!(ids(&store), ["b", "a"]);
        assert!(store.find("b").unwrap().event.inputs.is_empty());
    }

    #[test]
    fn neighbours_lead_from_one_to_the_next() {
        let store = Store::new(10, usize::MAX);
        let mut news = store.news();
        ["a", "b", "c"].into_iter().for_each(|id| store.add(event(id, 1)));
        let Found { older, newer, .. } = store.find("b").unwrap();
        assert_eq!((older.as_deref(), newer.as_deref()), (Some("a"), Some("c")));
        let Found { older, newer, .. } = store.find("c").unwrap();
        assert_eq!((older.as_deref(), newer), (Some("b"), None));
        assert_eq!(news.try_recv().unwrap().id, "a");
    }
}
