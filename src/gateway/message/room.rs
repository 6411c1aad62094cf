//! Room for what is held in memory: bounded, and taken before anything is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use crate::detect::Reason;
use crate::telemetry;

/// What a client is told whose request there is no room for.
pub(crate) const NO_ROOM: &str = "too many requests are under way: send it again later";

/// Bytes that may be held at the same time, for all calls together. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    size: usize,
    free: Arc<AtomicUsize>,
}

/// What was taken of the room; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    room: Room,
    bytes: AtomicUsize,
}

impl Room {
    /// Room for `bytes`.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { size: bytes, free: Arc::new(AtomicUsize::new(bytes)) }
    }

    /// Nothing taken yet.
    pub(crate) fn nothing(&self) -> Held {
        Held { room: self.clone(), bytes: AtomicUsize::new(0) }
    }
}

impl Held {
    /// Takes more, if there is as much; all of it or nothing.
    #[must_use]
    pub(crate) fn take(&self, bytes: usize) -> bool {
        let left = |free: usize| free.checked_sub(bytes);
        let taken = self.room.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok();
        if taken {
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
            telemetry::bytes_taken(bytes);
        }
        taken
    }

    /// Takes more for a request that takes `beside` bytes elsewhere. No request gets more than half of the room: by itself
    /// it could otherwise bring about that it is not examined.
    ///
    /// # Errors
    /// Whether it is too large or came at the wrong time.
    pub(crate) fn take_for_request(&self, bytes: usize, beside: usize) -> Result<(), Reason> {
        let all = self.bytes.load(Ordering::Relaxed).saturating_add(bytes).saturating_add(beside);
        if all > self.room.size / 2 {
            Err(Reason::TooLarge)
        } else if self.take(bytes) {
            Ok(())
        } else {
            Err(Reason::Overload)
        }
    }

    /// Gives everything back.
    pub(crate) fn release(&self) {
        let bytes = self.bytes.swap(0, Ordering::Relaxed);
        self.room.free.fetch_add(bytes, Ordering::Relaxed);
        telemetry::bytes_given_back(bytes);
    }

    /// Everything that was taken so far, so that nothing is left here.
    pub(crate) fn handed_over(&mut self) -> Self {
        let nothing = self.room.nothing();
        std::mem::replace(self, nothing)
    }

    /// The same bytes, which give the room back with their last slice.
    pub(crate) fn keep(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Kept { bytes, _held: self })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

struct Kept {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_whole_or_not_at_all_and_given_back() {
        let room = Room::new(10);
        let (one, other) = (room.nothing(), room.nothing());
        assert!(one.take(4) && other.take(5) && !one.take(2) && one.take(1));
        drop(one);
        assert!(!other.take(6) && other.take(5));
        other.release();
        assert!(other.take(10));
    }

    #[test]
    fn a_request_that_would_fill_the_room_by_itself_is_too_large_for_it() {
        let room = Room::new(100);
        let (one, other) = (room.nothing(), room.nothing());
        assert_eq!(one.take_for_request(30, 21), Err(Reason::TooLarge));
        assert_eq!(one.take_for_request(30, 20), Ok(()));
        assert_eq!(one.take_for_request(21, 0), Err(Reason::TooLarge));
        assert!(other.take(60));
        assert_eq!(one.take_for_request(20, 0), Err(Reason::Overload));
    }

    #[test]
    fn kept_bytes_take_room_until_their_last_slice_is_gone() {
        let room = Room::new(10);
        let held = room.nothing();
        assert!(held.take(6));
        let kept = held.keep(Bytes::from_static(b"abcdef"));
        let slice = kept.slice(2..3);
        drop(kept);
        assert_eq!(slice, "c");
        assert!(!room.nothing().take(5));
        drop(slice);
        assert!(room.nothing().take(10));
    }
}
