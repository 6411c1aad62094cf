//! Keeping detections as they come, within bounds of size and age.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, stream};
use object_store::ObjectMeta;
use object_store::path::Path;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Store, StoreError, id_of};
use crate::config::{self, Contents};
use crate::detect::Decision;
use crate::evidence::{Detection, DetectionId, Event, Interest, Subscription};
use crate::telemetry::{self, Delivery, Removal};

/// The sink's name.
const SINK: &str = "evidence";
/// Detections that are written at the same time.
const WRITERS: usize = 8;
/// How long one may take to be written: a store that hangs is one that has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks for what has become too old.
const LOOK_EVERY: Duration = Duration::from_secs(600);
/// What is left when what is kept has become too large, as a share of what may be kept.
const LEFT: f64 = 0.9;

/// Keeps what comes by a feed.
pub struct Keeper {
    store: Store,
    rules: config::Evidence,
    /// Bytes that are kept, day by day.
    days: Mutex<BTreeMap<String, u64>>,
    is_failing: AtomicBool,
    /// Held by whoever makes room.
    making_room: tokio::sync::Mutex<()>,
}

impl Keeper {
    /// Keeps in `store` by these `rules`.
    pub fn new(store: Store, rules: config::Evidence) -> Self {
        let (days, is_failing) = (Mutex::default(), AtomicBool::new(false));
        Self { store, rules, days, is_failing, making_room: tokio::sync::Mutex::default() }
    }

    /// What it wants to be told.
    pub fn interest(&self) -> (&'static str, Interest, usize) {
        let interest = if self.rules.contents == Contents::Inputs { Interest::Inputs } else { Interest::Records };
        (SINK, interest, self.rules.max_pending_bytes)
    }

    /// Keeps what comes until the feed ends.
    pub async fn run(self, events: Subscription) {
        telemetry::sink_opened(SINK);
        if let Err(error) = self.count().await {
            self.failed(&error.to_string());
        }
        let next = stream::unfold(events, async |events| Some((events.next().await?, events)));
        let keeping = next.for_each_concurrent(WRITERS, |event| self.take(event));
        tokio::select! {
            () = keeping => {}
            () = self.forget_what_is_old() => {}
        }
    }

    /// Looks up how much is kept already.
    async fn count(&self) -> Result<(), StoreError> {
        for object in self.store.objects(None).await? {
            if let Some(id) = id_of(&object.location) {
                *self.days().entry(id.day()).or_default() += object.size;
            }
        }
        self.show();
        Ok(())
    }

    async fn take(&self, event: Event) {
        let Ok(id) = event.detection.id.parse::<DetectionId>() else { return };
        if !self.wants(id, &event.detection) {
            return;
        }
        let record = self.told(&event.detection);
        match timeout(PATIENCE, self.store.keep(id, record, &event.inputs)).await {
            Ok(Ok(bytes)) => {
                *self.days().entry(id.day()).or_default() += bytes;
                telemetry::detections_delivered(SINK, Delivery::Delivered, 1);
                if self.is_failing.swap(false, Ordering::Relaxed) {
                    tracing::info!("evidence is kept again");
                }
                self.show();
                self.make_room().await;
            }
            Ok(Err(error)) => self.lost(&error.to_string()),
            Err(_) => self.lost("the store does not answer"),
        }
    }

    fn wants(&self, id: DetectionId, detection: &Detection) -> bool {
        let is_flagged = detection.decision == Decision::Suspicious || self.rules.undecided;
        is_flagged && id.lot() < self.rules.share
    }

    /// What the record may tell.
    fn told(&self, detection: &Detection) -> Detection {
        let mut record = detection.clone();
        record.client = record.client.filter(|_| self.rules.clients);
        if self.rules.contents == Contents::Records {
            record.items.iter_mut().for_each(|item| item.sha256 = None);
        }
        record
    }

    fn lost(&self, problem: &str) {
        telemetry::detections_delivered(SINK, Delivery::Failed, 1);
        self.failed(problem);
    }

    /// Says so once, until it works again.
    fn failed(&self, problem: &str) {
        if !self.is_failing.swap(true, Ordering::Relaxed) {
            tracing::error!(problem, "evidence cannot be kept; requests are served as ever");
        }
    }

    async fn forget_what_is_old(&self) {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            self.make_room().await;
        }
    }

    /// Removes what is too old, and the oldest where there is too much.
    async fn make_room(&self) {
        let Ok(_alone) = self.making_room.try_lock() else { return };
        let most = self.rules.max_bytes as u64;
        let target = if self.bytes() > most { (most as f64 * LEFT) as u64 } else { most };
        while let Some(day) = self.oldest().filter(|day| self.bytes() > target || self.has_expired(day)) {
            match self.clear(&day, target).await {
                // What is left of the day may stay.
                Ok(true) => break,
                Ok(false) => {
                    self.days().remove(&day);
                }
                Err(error) => return self.failed(&error.to_string()),
            }
        }
        self.show();
    }

    /// Removes the oldest of one day until the rest may stay, and says whether there is a rest.
    async fn clear(&self, day: &str, target: u64) -> Result<bool, StoreError> {
        let mut detections: BTreeMap<DetectionId, Vec<ObjectMeta>> = BTreeMap::new();
        for object in self.store.objects(Some(day)).await? {
            if let Some(id) = id_of(&object.location) {
                detections.entry(id).or_default().push(object);
            }
        }
        for (id, objects) in detections {
            let removal = match (self.is_too_old(id.time()), self.bytes() > target) {
                (true, _) => Removal::Age,
                (false, true) => Removal::Size,
                (false, false) => return Ok(true),
            };
            let bytes: u64 = objects.iter().map(|object| object.size).sum();
            let mut names: Vec<Path> = objects.into_iter().map(|object| object.location).collect();
            // The record goes first: where it is, the inputs are.
            names.sort_by_key(|name| !name.as_ref().ends_with(".json"));
            self.store.remove(names).await?;
            if let Some(kept) = self.days().get_mut(day) {
                *kept = kept.saturating_sub(bytes);
            }
            telemetry::evidence_removed(removal);
        }
        Ok(false)
    }

    fn is_too_old(&self, time: SystemTime) -> bool {
        let age = SystemTime::now().duration_since(time).unwrap_or_default();
        !self.rules.max_age.is_zero() && age > self.rules.max_age
    }

    /// Whether something of this day may be too old.
    fn has_expired(&self, day: &str) -> bool {
        humantime::parse_rfc3339(&format!("{day}T00:00:00Z")).is_ok_and(|begin| self.is_too_old(begin))
    }

    fn oldest(&self) -> Option<String> {
        self.days().keys().next().cloned()
    }

    fn bytes(&self) -> u64 {
        self.days().values().sum()
    }

    fn show(&self) {
        telemetry::evidence_kept(self.bytes());
    }

    fn days(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.days.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
