//! From the one who makes records to all who want them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures_util::{Stream, stream};

use super::detection::Detection;
use super::message::Message;
use super::queue::Queue;
use crate::telemetry::{self, Delivery};
use crate::tensor::Picture;

/// An input that was examined.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Pixels in [0, 1], as the classifier and the detectors were given them.
    Picture(Arc<Picture>),
    /// A text.
    Text(Arc<Message>),
}

impl Input {
    /// Memory that it takes, in bytes, about.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Picture(picture) => size_of_val(picture.pixels()),
            Self::Text(message) => message.bytes(),
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&Arc<Message>> {
        match self {
            Self::Picture(_) => None,
            Self::Text(message) => Some(message),
        }
    }

    fn is_text(&self) -> bool {
        self.text().is_some()
    }
}

/// A detection as it is handed on. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Event {
    /// The record.
    pub detection: Arc<Detection>,
    /// The examined input of each of its items, where it could be read and is not clean; empty for who wants none.
    pub inputs: Arc<[Option<Input>]>,
}

impl Event {
    /// Memory that it takes, in bytes, about.
    pub fn bytes(&self) -> usize {
        self.detection.bytes() + self.inputs.iter().flatten().map(Input::bytes).sum::<usize>()
    }

    /// As much of it as is of this interest.
    fn of_interest(&self, interest: Interest) -> Self {
        let inputs = match interest {
            Interest::Inputs => return self.clone(),
            Interest::Texts => self.inputs.iter().map(|input| input.clone().filter(Input::is_text)).collect(),
            Interest::Records => Arc::new([]) as Arc<[_]>,
        };
        Self { detection: self.detection.clone(), inputs }
    }
}

/// What a subscriber wants of a detection; each more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interest {
    /// The record alone.
    Records,
    /// The record and those inputs that are texts.
    Texts,
    /// The record and the inputs.
    Inputs,
}

/// Hands events to all who have subscribed. Cheap to clone.
#[derive(Clone, Default)]
pub struct Feed(Arc<Mutex<Subscribers>>);

#[derive(Default)]
struct Subscribers {
    present: Vec<Subscriber>,
    is_closed: bool,
}

struct Subscriber {
    sink: &'static str,
    interest: Interest,
    queue: Weak<Queue<Event>>,
}

impl Feed {
    /// Everything from now on, until the subscription is dropped. Of what has not been read yet it holds the latest, up to
    /// `most` bytes; what is lost is counted under the name `sink`, of which there is a bounded set.
    pub fn subscribe(&self, sink: &'static str, interest: Interest, most: usize) -> Subscription {
        let queue = Arc::new(Queue::new(most));
        let mut subscribers = self.lock();
        if subscribers.is_closed {
            queue.close();
        }
        subscribers.present.push(Subscriber { sink, interest, queue: Arc::downgrade(&queue) });
        Subscription(queue)
    }

    /// Whether anybody wants events.
    pub fn is_watched(&self) -> bool {
        self.interest().is_some()
    }

    /// The most that anybody wants of events; nothing where nobody wants any.
    pub fn interest(&self) -> Option<Interest> {
        let subscribers = self.lock();
        let present = subscribers.present.iter().filter(|subscriber| subscriber.queue.strong_count() > 0);
        present.map(|subscriber| subscriber.interest).max()
    }

    /// Hands an event to everybody, without waiting for anybody.
    pub fn publish(&self, event: &Event) {
        self.lock().present.retain(|Subscriber { sink, interest, queue }| {
            let Some(queue) = queue.upgrade() else { return false };
            let mut event = event.of_interest(*interest);
            // Of one that is larger than all that may wait, the record is told alone.
            if !queue.fits(event.bytes()) {
                event = event.of_interest(Interest::Records);
            }
            let bytes = event.bytes();
            telemetry::detections_delivered(sink, Delivery::Dropped, queue.push(event, bytes));
            true
        });
    }

    /// Ends all subscriptions; what has been published is still read.
    pub fn close(&self) {
        let mut subscribers = self.lock();
        subscribers.is_closed = true;
        subscribers.present.iter().filter_map(|subscriber| subscriber.queue.upgrade()).for_each(|queue| queue.close());
    }

    fn lock(&self) -> MutexGuard<'_, Subscribers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One reader's end of a [`Feed`].
pub struct Subscription(Arc<Queue<Event>>);

impl Subscription {
    /// The oldest event that has not been read, as soon as there is one; nothing once the feed has ended.
    pub async fn next(&self) -> Option<Event> {
        self.0.next().await
    }

    /// All events, as they come.
    pub fn stream(self) -> impl Stream<Item = Event> {
        stream::unfold(self, async |events| Some((events.next().await?, events)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::detection::tests::detection;
    use super::*;

    fn event(id: &str) -> Event {
        let picture = Picture::new(1, 10, 100, vec![0.5; 1000]).unwrap();
        let message = Message { text: "Free entry".into(), copies: Vec::new() };
        let inputs = Arc::new([Some(Input::Picture(Arc::new(picture))), Some(Input::Text(Arc::new(message)))]);
        Event { detection: Arc::new(detection(id, 0.001)), inputs }
    }

    async fn ids(subscription: &Subscription) -> Vec<String> {
        let mut ids = Vec::new();
        while let Some(event) = subscription.next().await {
            ids.push(event.detection.id.clone());
        }
        ids
    }

    #[tokio::test]
    async fn a_slow_reader_loses_the_oldest_and_harms_nobody_else() {
        let feed = Feed::default();
        assert!(!feed.is_watched());
        let quick = feed.subscribe("quick", Interest::Records, 1 << 20);
        let slow = feed.subscribe("slow", Interest::Inputs, 2 * event("").bytes() + 8);
        ["a", "b", "c", "d"].map(event).iter().for_each(|event| feed.publish(event));
        feed.close();
        assert_eq!(ids(&quick).await, ["a", "b", "c", "d"]);
        assert_eq!(ids(&slow).await, ["c", "d"]);
    }

    #[tokio::test]
    async fn nobody_hides_a_detection_by_inputs_that_are_too_large() {
        let feed = Feed::default();
        let large = event("large");
        let narrow = feed.subscribe("narrow", Interest::Inputs, large.bytes() - 1);
        feed.publish(&large);
        feed.close();
        let told = narrow.next().await.unwrap();
        assert_eq!((told.detection.id.as_str(), told.inputs.len()), ("large", 0));
        assert!(narrow.next().await.is_none());
    }

    #[tokio::test]
    async fn inputs_go_to_those_who_want_them_and_their_memory_with_the_last_reader() {
        let feed = Feed::default();
        let records = feed.subscribe("records", Interest::Records, 1 << 20);
        assert_eq!(feed.interest(), Some(Interest::Records));
        let texts = feed.subscribe("texts", Interest::Texts, 1 << 20);
        let inputs = feed.subscribe("inputs", Interest::Inputs, 1 << 20);
        assert_eq!(feed.interest(), Some(Interest::Inputs));
        let event = event("a");
        let picture = match &event.inputs[0] {
            Some(Input::Picture(picture)) => Arc::downgrade(picture),
            _ => unreachable!("it has one"),
        };
        feed.publish(&event);
        drop(event);
        assert!(records.next().await.unwrap().inputs.is_empty());
        let of_texts = texts.next().await.unwrap().inputs;
        assert!(of_texts[0].is_none() && of_texts[1].is_some(), "each in its item's place");
        assert!(inputs.next().await.unwrap().inputs[0].is_some());
        assert_eq!(picture.strong_count(), 0);
        drop((records, texts, inputs));
        assert!(!feed.is_watched(), "who has gone is forgotten");
    }
}
