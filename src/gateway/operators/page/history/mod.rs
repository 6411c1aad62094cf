//! What was decided and how detectors scored, for the charts: of every request, clean ones too, without allocating.

mod ring;
mod scale;
mod series;
mod time;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) use self::scale::{LEVELS, Mark, Scale};
use self::series::Series;
use self::time::Clock;
pub(super) use self::time::Span;
use crate::detect::{COMBINED, Combination, Rate};
use crate::telemetry::Outcome;

/// Decisions that there are, and the order of their counts: clean, undecided, suspicious, as
/// [`Decision`](crate::detect::Decision) has it.
pub(super) const DECISIONS: usize = 3;

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
    decisions: Series<DECISIONS>,
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
        self.decisions.count(now, outcome.decision as usize);
        for verdict in &outcome.verdicts {
            let evidence = verdict.evidence.iter().map(|evidence| evidence.score);
            for (scores, score) in self.scores.iter().zip([verdict.score].into_iter().chain(evidence)) {
                scores.levels.count(now, scores.scale.level(score));
            }
        }
    }

    /// The share of benign inputs that may be called suspicious.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// Requests by their decision, in the order of [`DECISIONS`], in each bucket of `span` up to the second `now`.
    pub(super) fn decisions(&self, now: u64, span: Span) -> Vec<[u32; DECISIONS]> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Action, Decision, Evidence, Ranks, Verdict, Weighted};

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
