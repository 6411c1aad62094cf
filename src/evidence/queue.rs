//! A queue that never makes its sender wait: when it is full, the oldest entries make room.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Entries on their way to one reader, bounded in bytes.
pub struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    /// Wakes the reader.
    changed: Notify,
    most: usize,
}

struct Waiting<T> {
    entries: VecDeque<(T, usize)>,
    bytes: usize,
    is_closed: bool,
}

impl<T> Queue<T> {
    /// Room for entries of `most` bytes together.
    pub fn new(most: usize) -> Self {
        let waiting = Waiting { entries: VecDeque::new(), bytes: 0, is_closed: false };
        Self { waiting: Mutex::new(waiting), changed: Notify::new(), most }
    }

    /// Whether an entry of so many bytes may wait at all.
    pub fn fits(&self, bytes: usize) -> bool {
        bytes <= self.most
    }

    /// Adds an entry that takes `bytes`, and says how many were lost: the oldest, or itself where it is larger than the
    /// queue or that is closed.
    pub fn push(&self, entry: T, bytes: usize) -> usize {
        let mut waiting = self.lock();
        if waiting.is_closed || !self.fits(bytes) {
            return 1;
        }
        waiting.entries.push_back((entry, bytes));
        waiting.bytes += bytes;
        let before = waiting.entries.len();
        while waiting.bytes > self.most
            && let Some((_, bytes)) = waiting.entries.pop_front()
        {
            waiting.bytes -= bytes;
        }
        let lost = before - waiting.entries.len();
        drop(waiting);
        self.changed.notify_one();
        lost
    }

    /// The oldest entry, as soon as there is one; nothing once the queue is closed and empty. There is one reader.
    pub async fn next(&self) -> Option<T> {
        loop {
            let changed = self.changed.notified();
            {
                let mut waiting = self.lock();
                if let Some((entry, bytes)) = waiting.entries.pop_front() {
                    waiting.bytes -= bytes;
                    return Some(entry);
                }
                if waiting.is_closed {
                    return None;
                }
            }
            changed.await;
        }
    }

    /// Takes no more entries. The reader still gets what is there.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn when_it_is_full_the_oldest_make_room_and_are_counted() {
        let queue = Queue::new(10);
        assert_eq!([queue.push('a', 4), queue.push('b', 4), queue.push('c', 2)], [0; 3]);
        assert_eq!(queue.push('d', 6), 2, "a and b make room");
        assert_eq!(queue.push('e', 11), 1, "it would not fit even alone");
        assert_eq!([queue.next().await, queue.next().await], [Some('c'), Some('d')]);
        assert_eq!(queue.push('f', 10), 0, "what was read takes no room");
    }

    #[tokio::test]
    async fn who_waits_is_woken_and_what_is_left_at_the_end_is_still_read() {
        let queue = Arc::new(Queue::new(10));
        let reader = tokio::spawn({
            let queue = queue.clone();
            async move { [queue.next().await, queue.next().await, queue.next().await] }
        });
        tokio::task::yield_now().await;
        queue.push(1, 1);
        tokio::task::yield_now().await;
        queue.push(2, 1);
        queue.close();
        assert_eq!(queue.push(3, 1), 1, "it is closed");
        assert_eq!(reader.await.unwrap(), [Some(1), Some(2), None]);
    }
}
