//! Benign traffic, changed traffic and attacks, as scores that are drawn.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::detect::{Ranks, Rate};

/// A calibration of a thousand inputs, and a thousand held out, at a rate of 1%.
struct Calibrated {
    body: Body,
    tail: Tail,
}

impl Calibrated {
    fn on(mut score: impl FnMut() -> f64) -> Self {
        let target = 0.01;
        let ranks = Ranks::new((0..1000).map(|_| score()).collect()).unwrap();
        let threshold = ranks.threshold(target).unwrap();
        let flagged = (0..1000).filter(|_| score() > threshold).count() as u64;
        let rate = Rate { target, threshold, flagged, held_out: 1000, interval: [0.0, 1.0] };
        Self { body: Body::new(&ranks, target), tail: Tail::new(&ranks, &rate) }
    }

    /// What a full window of such scores says.
    fn traffic(&self, mut score: impl FnMut() -> f64) -> Traffic {
        let mut recent: Vec<f64> = (0..1000).map(|_| score()).collect();
        recent.sort_by(f64::total_cmp);
        Traffic::default().after(self.body.compare(&recent).p_value, self.tail.p_value(&recent))
    }
}

/// A benign score, as two detectors' surprisals add up.
fn benign(random: &mut ChaCha8Rng) -> f64 {
    -(1.0 - random.random::<f64>()).ln() - (1.0 - random.random::<f64>()).ln()
}

/// Calibrates and looks at one window, for each of so many seeds.
fn over_seeds(
    seeds: u64,
    calibrated: fn(&mut ChaCha8Rng) -> f64,
    now: impl Fn(&mut ChaCha8Rng) -> f64,
) -> impl Iterator<Item = Traffic> {
    (0..seeds).map(move |seed| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        Calibrated::on(|| calibrated(&mut random)).traffic(|| now(&mut random))
    })
}

/// Most scores are 0, as those of squeezing on a sure classifier.
fn with_ties(random: &mut ChaCha8Rng) -> f64 {
    (benign(random) - 2.0).max(0.0).floor()
}

#[test]
fn traffic_like_the_calibrations_gives_no_alarm() {
    for score in [benign, with_ties] {
        let alarms = over_seeds(300, score, score).filter(|traffic| *traffic != Traffic::AsCalibrated).count();
        assert!(alarms <= 1, "{alarms} of 300");
    }
}

#[test]
fn all_scores_alike_give_no_alarm() {
    assert!(over_seeds(1, |_| 0.0, |_| 0.0).all(|traffic| traffic == Traffic::AsCalibrated));
}

#[test]
fn traffic_that_has_changed_has_drifted() {
    let shifts: [fn(f64) -> f64; 5] =
        [|score| score + 0.5, |score| score * 1.5, |score| score * 0.5, |score| score + 100.0, |_| 1.0];
    for (index, shift) in shifts.into_iter().enumerate() {
        let drifted = over_seeds(50, benign, |random| shift(benign(random)));
        let drifted = drifted.filter(|traffic| *traffic == Traffic::Drifted).count();
        assert!(drifted >= 48, "{drifted} of 50 under shift {index}");
    }
}

#[test]
fn few_extreme_scores_are_an_attack() {
    for share in [0.05, 0.2, 0.5] {
        let attacked = over_seeds(50, benign, |random| {
            let score = benign(random);
            if random.random::<f64>() < share { score + 20.0 } else { score }
        });
        let attacked = attacked.filter(|traffic| *traffic == Traffic::UnderAttack).count();
        assert!(attacked >= 48, "{attacked} of 50 where {share} are extreme");
    }
}

#[test]
fn beside_an_excess_in_the_tail_a_doubtful_body_has_moved() {
    let from = Traffic::AsCalibrated;
    assert_eq!(from.after(1e-3, 0.5), Traffic::AsCalibrated);
    assert_eq!(from.after(1e-3, 1e-9), Traffic::Drifted);
    assert_eq!(from.after(1e-1, 1e-9), Traffic::UnderAttack);
    assert_eq!(from.after(1e-9, 0.5), Traffic::Drifted);
}

#[test]
fn an_alarm_does_not_flicker() {
    for alarm in [Traffic::Drifted, Traffic::UnderAttack] {
        assert_eq!(alarm.after(0.5, 1e-3), alarm);
        assert_eq!(alarm.after(1e-3, 0.5), alarm);
        assert_eq!(alarm.after(0.5, 0.5), Traffic::AsCalibrated);
    }
}

proptest! {
    #[test]
    fn a_look_always_leads_to_a_state(
        before in prop::sample::select(&Traffic::ALL[..]),
        body in 0.0_f64..=1.0,
        tail in 0.0_f64..=1.0,
    ) {
        let traffic = before.after(body, tail);
        prop_assert!(traffic != Traffic::Unknown);
        prop_assert_eq!(traffic.after(body, tail), traffic, "the same look changes nothing");
    }
}
