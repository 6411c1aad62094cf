//! How much is kept, and what makes room for more.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use object_store::ObjectMeta;
use object_store::path::Path;

use super::{Store, StoreError, id_of};
use crate::evidence::DetectionId;
use crate::telemetry::{self, Removal};

/// What is left when what is kept has become too large, as a share of what may be kept.
const LEFT: f64 = 0.9;

/// What a store holds, within bounds of size and age.
pub(super) struct Stock {
    store: Store,
    max_bytes: u64,
    /// Zero for no bound.
    max_age: Duration,
    /// Bytes that are kept, day by day.
    days: Mutex<BTreeMap<String, u64>>,
    /// Held by whoever makes room.
    making_room: tokio::sync::Mutex<()>,
}

impl Stock {
    pub(super) fn new(store: Store, max_bytes: u64, max_age: Duration) -> Self {
        Self { store, max_bytes, max_age, days: Mutex::default(), making_room: tokio::sync::Mutex::default() }
    }

    /// Looks up how much is there already.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(super) async fn count(&self) -> Result<(), StoreError> {
        for object in self.store.objects(None).await? {
            if let Some(id) = id_of(&object.location) {
                *self.days().entry(id.day()).or_default() += object.size;
            }
        }
        self.show();
        Ok(())
    }

    /// A detection was kept, which took so many bytes.
    pub(super) fn add(&self, id: DetectionId, bytes: u64) {
        *self.days().entry(id.day()).or_default() += bytes;
        self.show();
    }

    /// Removes what is too old, and the oldest where there is too much. Only one does so at a time.
    ///
    /// # Errors
    /// When the store does not answer, or something cannot be removed.
    pub(super) async fn make_room(&self) -> Result<(), StoreError> {
        let Ok(_alone) = self.making_room.try_lock() else { return Ok(()) };
        let is_full = self.bytes() > self.max_bytes;
        let target = if is_full { (self.max_bytes as f64 * LEFT) as u64 } else { self.max_bytes };
        while let Some(day) = self.oldest().filter(|day| self.bytes() > target || self.has_expired(day)) {
            if self.clear(&day, target).await? == Rest::Stays {
                break;
            }
            self.days().remove(&day);
        }
        self.show();
        Ok(())
    }

    /// Removes the oldest of one day until the rest may stay.
    async fn clear(&self, day: &str, target: u64) -> Result<Rest, StoreError> {
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
                (false, false) => return Ok(Rest::Stays),
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
        Ok(Rest::None)
    }

    fn is_too_old(&self, time: SystemTime) -> bool {
        let age = SystemTime::now().duration_since(time).unwrap_or_default();
        !self.max_age.is_zero() && age > self.max_age
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

/// What is left of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    None,
    Stays,
}
