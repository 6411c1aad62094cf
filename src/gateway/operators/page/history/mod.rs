//! What was decided and how detectors scored, for the charts: of every request, clean ones too, without allocating.

mod ring;
mod scale;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use self::ring::Ring;
pub(super) use self::scale::{LEVELS, Mark, Scale};
use crate::detect::{Combination, Decision, Rate};
use crate::telemetry::Outcome;

/// The name under which the combined score stands among the detectors.
pub(super) const COMBINED: &str = "combined";

/// Decisions in the order of their counts.
pub(super) const DECISIONS: [Decision; 3] = [Decision::Clean, Decision::Undecided, Decision::Suspicious];

/// Buckets of ten seconds for an hour, and of five minutes for a day.
const FINE: (u64, usize) = (10, 360);
const COARSE: (u64, usize) = (300, 288);

/// How far back a chart goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// A quarter of an hour.
    Quarter,
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl Span {
    /// All of them, the shortest first.
    pub(super) const ALL: [Self; 3] = [Self::Quarter, Self::Hour, Self::Day];

    /// Its name in addresses.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Quarter => "quarter",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Its name for people.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Quarter => "last 15 minutes",
            Self::Hour => "last hour",
            Self::Day => "last 24 hours",
        }
    }

    /// When that is, in a sentence.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Quarter => "in the last 15 minutes",
            Self::Hour => "in the last hour",
            Self::Day => "in the last 24 hours",
        }
    }

    /// The second in which the first of its buckets up to `now` begins.
    pub(super) fn start(self, now: u64) -> u64 {
        let (every, buckets) = self.buckets();
        (now / every + 1).saturating_sub(buckets as u64) * every
    }

    /// Seconds in a bucket, and buckets.
    pub(super) fn buckets(self) -> (u64, usize) {
        match self {
            Self::Quarter => (FINE.0, FINE.1 / 4),
            Self::Hour => FINE,
            Self::Day => COARSE,
        }
    }
}

/// The time by a clock that never goes back, whatever is done to the system's.
#[derive(Debug, Clone, Copy)]
struct Clock {
    began: Instant,
    since_epoch: Duration,
}

impl Clock {
    fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { began: Instant::now(), since_epoch }
    }

    fn seconds(&self) -> u64 {
        (self.since_epoch + self.began.elapsed()).as_secs()
    }
}

/// The histories of all models that are or were guarded.
#[derive(Clone)]
pub(crate) struct Histories(Arc<Shelf>);

struct Shelf {
    clock: Clock,
    models: Mutex<HashMap<&'static str, Arc<History>>>,
}

impl Histories {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shelf { clock: Clock::start(), models: Mutex::default() }))
    }

    /// The second of the Unix epoch that it is, by the clock that counts.
    pub(super) fn now(&self) -> u64 {
        self.0.clock.seconds()
    }

    /// That of `model`, calibrated as `combination` and flagging at `rate`: what there is where its detectors are the same
    /// as before a reload, else a new one.
    pub(crate) fn of(&self, model: &'static str, combination: &Combination, rate: &Rate) -> Arc<History> {
        let detectors = combination.detectors.iter().map(|detector| {
            let scale = Scale::new(&detector.ranks, detector.ranks.threshold(rate.target));
            (detector.name.clone(), scale)
        });
        let combined = (COMBINED.to_owned(), Scale::new(&combination.combined, Some(rate.threshold)));
        let scales: Vec<(String, Scale)> = [combined].into_iter().chain(detectors).collect();
        let mut models = self.lock();
        if let Some(history) = models.get(model).filter(|history| history.is_of(&scales, rate.target)) {
            return history.clone();
        }
        let history = Arc::new(History::new(self.0.clock, rate.target, scales));
        models.insert(model, history.clone());
        history
    }

    /// That of `model`, if it is or was guarded.
    pub(super) fn find(&self, model: &str) -> Option<Arc<History>> {
        self.lock().get(model).cloned()
    }

    /// Requests that were decided so far.
    pub(super) fn decided(&self) -> u64 {
        self.lock().values().map(|history| history.decided.load(Ordering::Relaxed)).sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<&'static str, Arc<History>>> {
        self.0.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of one model's requests.
pub(crate) struct History {
    clock: Clock,
    rate: f64,
    decided: AtomicU64,
    decisions: Series<{ DECISIONS.len() }>,
    /// The combined score, then the detectors in the combination's order.
    scores: Vec<Scores>,
}

/// One detector's scores.
pub(super) struct Scores {
    pub(super) detector: String,
    pub(super) scale: Scale,
    levels: Series<LEVELS>,
}

impl History {
    fn new(clock: Clock, rate: f64, scales: Vec<(String, Scale)>) -> Self {
        let scores = scales.into_iter().map(|(detector, scale)| Scores { detector, scale, levels: Series::new() });
        Self { clock, rate, decided: AtomicU64::new(0), decisions: Series::new(), scores: scores.collect() }
    }

    fn is_of(&self, scales: &[(String, Scale)], rate: f64) -> bool {
        let own = self.scores.iter().map(|scores| (&scores.detector, scores.scale));
        self.rate == rate && own.eq(scales.iter().map(|(name, scale)| (name, *scale)))
    }

    /// A request was decided.
    pub(crate) fn decided(&self, outcome: &Outcome) {
        let now = self.clock.seconds();
        self.decided.fetch_add(1, Ordering::Relaxed);
        self.decisions.count(now, DECISIONS.iter().position(|decision| *decision == outcome.decision));
        for verdict in &outcome.verdicts {
            let evidence = verdict.evidence.iter().map(|evidence| evidence.score);
            for (scores, score) in self.scores.iter().zip([verdict.score].into_iter().chain(evidence)) {
                scores.levels.count(now, Some(scores.scale.level(score)));
            }
        }
    }

    /// The share of benign inputs that may be called suspicious.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// Requests by their decision, in the order of [`DECISIONS`], in each bucket of `span` up to the second `now`.
    pub(super) fn decisions(&self, now: u64, span: Span) -> Vec<[u32; DECISIONS.len()]> {
        self.decisions.latest(now, span)
    }

    /// The scores of the combination and of each detector.
    pub(super) fn scores(&self) -> &[Scores] {
        &self.scores
    }

    /// The scale of one detector's scores.
    pub(super) fn scale(&self, detector: &str) -> Option<Scale> {
        self.scores.iter().find(|scores| scores.detector == detector).map(|scores| scores.scale)
    }
}

impl Scores {
    /// Inputs by the level of their score, in each bucket of `span` up to the second `now`.
    pub(super) fn levels(&self, now: u64, span: Span) -> Vec<[u32; LEVELS]> {
        self.levels.latest(now, span)
    }
}

/// One kind of counts, fine and coarse. The lock is held for an addition, or for a copy of one ring.
struct Series<const N: usize>(Mutex<[Ring<N>; 2]>);

impl<const N: usize> Series<N> {
    fn new() -> Self {
        Self(Mutex::new([FINE, COARSE].map(|(every, buckets)| Ring::new(every, buckets))))
    }

    fn count(&self, now: u64, kind: Option<usize>) {
        let Some(kind) = kind else { return };
        let mut rings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rings.iter_mut().for_each(|ring| ring.count(now, kind));
    }

    fn latest(&self, now: u64, span: Span) -> Vec<[u32; N]> {
        let [fine, coarse] = &*self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ring = if span == Span::Day { coarse } else { fine };
        ring.latest(now, span.buckets().1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Action, Evidence, Ranks, Verdict, Weighted};

    fn calibrated(highest: i32) -> Combination {
        let ranks = || Ranks::new((0..=highest).map(f64::from).collect()).unwrap();
        let detector = Weighted { name: "fs".into(), definition: String::new(), weight: 1.0, ranks: ranks() };
        Combination { detectors: vec![detector], cascade: None, combined: ranks() }
    }

    fn rate() -> Rate {
        Rate { target: 0.05, threshold: 50.0, flagged: 0, held_out: 100, interval: [0.0, 1.0] }
    }

    fn outcome(decision: Decision, scores: &[f64]) -> Outcome {
        let verdict = |&score: &f64| {
            let evidence = vec![Evidence { detector: "fs".into(), score: 0.0, p_value: 0.5 }];
            Verdict { decision, class: 0, score, threshold: 50.0, p_value: 0.5, evidence }
        };
        let verdicts = scores.iter().map(verdict).collect();
        Outcome { id: String::new(), decision, reason: None, action: Action::Pass, verdicts }
    }

    #[test]
    fn every_request_and_every_item_is_counted_once_in_each_span() {
        let histories = Histories::new();
        let history = histories.of("signs", &calibrated(100), &rate());
        history.decided(&outcome(Decision::Suspicious, &[60.0, 40.0]));
        history.decided(&outcome(Decision::Undecided, &[]));
        assert_eq!(histories.decided(), 2);
        let now = histories.now();
        for span in Span::ALL {
            let sum = history
                .decisions(now, span)
                .into_iter()
                .fold([0; 3], |sum, counts| std::array::from_fn(|kind| sum[kind] + counts[kind]));
            assert_eq!(sum, [0, 1, 1], "{span:?}");
            let [combined, fs] = history.scores() else { panic!("the combination and one detector") };
            let above = |scores: &Scores| {
                let levels = scores.levels(now, span);
                let counts = |from: usize, to: usize| levels.iter().flat_map(|levels| &levels[from..to]).sum::<u32>();
                [counts(0, LEVELS / 2), counts(LEVELS / 2, LEVELS)]
            };
            assert_eq!([above(combined), above(fs)], [[1, 1], [2, 0]], "{span:?}");
        }
    }

    #[test]
    fn a_reload_forgets_only_what_was_measured_otherwise() {
        let histories = Histories::new();
        let first = histories.of("signs", &calibrated(100), &rate());
        assert!(Arc::ptr_eq(&first, &histories.of("signs", &calibrated(100), &rate())), "nothing has changed");
        let another = histories.of("signs", &calibrated(200), &rate());
        assert!(!Arc::ptr_eq(&first, &another), "the scale has");
        assert!(histories.find("signs").is_some_and(|found| Arc::ptr_eq(&found, &another)));
        assert!(histories.find("nobody").is_none());
    }
}
