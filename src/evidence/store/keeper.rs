//! Keeping detections as they come.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Store;
use super::stock::Stock;
use crate::config::{self, Contents};
use crate::detect::Decision;
use crate::evidence::{Detection, DetectionId, Event, Interest, Subscription};
use crate::telemetry::FallibleSink;

/// The sink's name.
const SINK: &str = "evidence";
/// Detections that are written at the same time.
const WRITERS: usize = 8;
/// How long one may take to be written: a store that hangs is one that has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks for what has become too old.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// Keeps what comes by a feed.
pub struct Keeper {
    store: Store,
    stock: Stock,
    rules: config::Evidence,
    sink: FallibleSink,
}

impl Keeper {
    /// Keeps in `store` by these `rules`.
    pub fn new(store: Store, rules: config::Evidence) -> Self {
        let stock = Stock::new(store.clone(), rules.max_bytes as u64, rules.max_age);
        let sink = FallibleSink::new(SINK, "evidence cannot be kept", "evidence is kept again");
        Self { store, stock, rules, sink }
    }

    /// What it wants to be told: under which name, what, and how much may wait for it, in bytes.
    pub fn interest(&self) -> (&'static str, Interest, usize) {
        let interest = if self.rules.contents == Contents::Inputs { Interest::Inputs } else { Interest::Records };
        (SINK, interest, self.rules.max_pending_bytes)
    }

    /// Keeps what comes until the feed ends.
    pub async fn run(self, events: Subscription) {
        self.sink.opened();
        if let Err(error) = self.stock.count().await {
            self.sink.in_trouble(&error.to_string());
        }
        let keeping = events.stream().for_each_concurrent(WRITERS, |event| self.take(event));
        tokio::select! {
            () = keeping => {}
            () = self.look_for_what_is_old() => {}
        }
        // The end may have come while something was being removed.
        self.make_room().await;
    }

    async fn take(&self, event: Event) {
        let Ok(id) = event.detection.id.parse::<DetectionId>() else { return };
        if !self.wants(id, &event.detection) {
            return;
        }
        let record = self.told(&event.detection);
        match timeout(PATIENCE, self.store.keep(id, record, &event.inputs)).await {
            Ok(Ok(bytes)) => {
                self.sink.delivered(1);
                self.stock.add(id, bytes);
                self.make_room().await;
            }
            Ok(Err(error)) => self.sink.failed(1, &error.to_string()),
            Err(_) => self.sink.failed(1, "the store does not answer"),
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

    async fn look_for_what_is_old(&self) {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            self.make_room().await;
        }
    }

    async fn make_room(&self) {
        if let Err(error) = self.stock.make_room().await {
            self.sink.in_trouble(&error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path as FilePath;
    use std::sync::Arc;
    use std::time::SystemTime;

    use uuid::{NoContext, Timestamp, Uuid};

    use super::*;
    use crate::config::Storage;
    use crate::evidence::detection::tests::detection;
    use crate::evidence::{Feed, Input, Message, SqueezedText};
    use crate::tensor::Picture;

    const HOUR: Duration = Duration::from_secs(3600);

    fn rules(folder: &FilePath) -> config::Evidence {
        let value = Storage::Folder(folder.join("kept"));
        config::Evidence {
            store: Some(config::Located { value, at: config::Location::Default }),
            contents: Contents::Inputs,
            undecided: false,
            share: 1.0,
            clients: true,
            max_bytes: 1 << 20,
            max_age: HOUR,
            max_pending_bytes: 1 << 20,
        }
    }

    /// An id that was given so long ago.
    fn id(ago: Duration) -> String {
        let time = SystemTime::now() - ago;
        let time = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Uuid::new_v7(Timestamp::from_unix(NoContext, time.as_secs(), time.subsec_nanos())).to_string()
    }

    fn event(id: &str) -> Event {
        let picture = Picture::new(1, 2, 2, vec![0.1, 0.2, 0.3, 0.4]).unwrap();
        Event { detection: Arc::new(detection(id, 0.001)), inputs: Arc::new([Some(Input::Picture(Arc::new(picture)))]) }
    }

    /// What is there after these events.
    async fn kept(rules: &config::Evidence, events: &[Event]) -> (Store, Vec<String>) {
        let store = Store::create(rules.store.as_deref().unwrap()).unwrap();
        let keeper = Keeper::new(store.clone(), rules.clone());
        let (feed, (sink, interest, most)) = (Feed::default(), keeper.interest());
        let subscription = feed.subscribe(sink, interest, most);
        events.iter().for_each(|event| feed.publish(event));
        feed.close();
        keeper.run(subscription).await;
        let ids = store.ids().await.unwrap().iter().map(ToString::to_string).collect();
        (store, ids)
    }

    #[tokio::test]
    async fn what_was_kept_is_read_back_to_the_pixel() {
        let folder = tempfile::tempdir().unwrap();
        let event = event(&id(Duration::ZERO));
        let (store, ids) = kept(&rules(folder.path()), std::slice::from_ref(&event)).await;
        let id = ids[0].parse().unwrap();
        let read = store.read(id).await.unwrap();
        assert_eq!(&read.detection, event.detection.as_ref());
        assert_eq!(event.inputs[0], Some(store.input(id, &read.inputs[0]).await.unwrap()));
    }

    #[tokio::test]
    async fn a_text_is_a_file_and_its_copies_are_told_in_the_record() {
        let folder = tempfile::tempdir().unwrap();
        let copy = |squeezer: &str, text: Option<&str>| SqueezedText {
            squeezer: squeezer.to_owned(),
            text: text.map(str::to_owned),
        };
        let copies = vec![copy("skeleton", Some("Free\nentry")), copy("nfkc", None)];
        let message = Message { text: "Frее\nentry\u{202e} ".into(), copies };
        let text = Event { inputs: Arc::new([Some(Input::Text(Arc::new(message)))]), ..event(&id(Duration::ZERO)) };
        let (store, ids) = kept(&rules(folder.path()), std::slice::from_ref(&text)).await;
        let id: DetectionId = ids[0].parse().unwrap();
        let file = folder.path().join("kept").join(id.day()).join(format!("{id}.0.txt"));
        assert_eq!(std::fs::read_to_string(file).unwrap(), "Frее\nentry\u{202e} ");
        let read = store.read(id).await.unwrap();
        assert_eq!(Some(store.input(id, &read.inputs[0]).await.unwrap()), text.inputs[0]);
    }

    #[tokio::test]
    async fn what_is_too_old_goes_even_if_it_was_kept_by_a_former_process() {
        let folder = tempfile::tempdir().unwrap();
        let (old, young) = (id(HOUR * 50), id(HOUR / 2));
        let forever = config::Evidence { max_age: Duration::ZERO, ..rules(folder.path()) };
        assert_eq!(kept(&forever, &[event(&old), event(&young)]).await.1, [young.clone(), old]);
        let latest = id(Duration::ZERO);
        assert_eq!(kept(&rules(folder.path()), &[event(&latest)]).await.1, [latest, young]);
        let days = std::fs::read_dir(folder.path().join("kept")).unwrap().count();
        assert!(days <= 2, "the old one's day has gone with it");
    }

    #[tokio::test]
    async fn a_share_is_kept_of_what_is_suspicious_and_of_the_undecided_if_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let events: Vec<Event> = (0..400).map(|_| event(&id(Duration::ZERO))).collect();
        let half = config::Evidence { share: 0.5, ..rules(folder.path()) };
        let count = kept(&half, &events).await.1.len();
        // Six standard deviations.
        assert!((140..=260).contains(&count), "{count}");

        let folder = tempfile::tempdir().unwrap();
        let mut undecided = detection(&id(Duration::ZERO), 0.5);
        undecided.decision = Decision::Undecided;
        let undecided = [Event { detection: Arc::new(undecided), inputs: Arc::new([]) }];
        assert_eq!(kept(&rules(folder.path()), &undecided).await.1.len(), 0);
        let wanted = config::Evidence { undecided: true, ..rules(folder.path()) };
        assert_eq!(kept(&wanted, &undecided).await.1.len(), 1);
    }
}
