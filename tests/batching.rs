//! Batches across requests: what waits for one model is predicted together, as it would be alone, and no item suffers from its
//! neighbours.
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis::config::Batching;
use portcullis::data::Sample;
use portcullis::model::{Classifier, Distribution, JobError, PredictError};
use portcullis::tensor::{Item, Picture};

#[path = "support/models.rs"]
mod models;

/// Longer than anybody waits: a batch that is made before is full.
const FOREVER: Duration = Duration::from_secs(86_400);
/// How far predictions with batches of another size may lie apart.
const LAST_BITS: f64 = 1e-5;

/// The classifier of traffic signs, which predicts each item by itself, and fresh pictures of signs.
fn signs(count: usize) -> (Classifier, Vec<Sample>) {
    let (lineup, _) = models::line_up("signs");
    (lineup.teacher.expect("the classifier"), models::drawn(&format!("signs:8:{count}")))
}

fn pictures(samples: &[Sample]) -> Vec<Arc<Picture>> {
    samples.iter().map(|sample| Arc::new(sample.picture.clone())).collect()
}

fn in_batches(classifier: &Classifier, size: usize, wait: Duration) -> Classifier {
    classifier.clone().in_batches(Batching { size, wait }).expect("a model that takes batches")
}

/// The predictions on pictures that are asked about at the same time.
fn together(classifier: &Classifier, pictures: &[Arc<Picture>]) -> Vec<Distribution> {
    let asked = pictures.iter().cloned().map(|picture| classifier.predict_waiting(move || picture));
    let pending: Vec<_> = asked.collect();
    pending.into_iter().map(|pending| pending.wait().expect("a worker").expect("a prediction")).collect()
}

#[test]
fn a_prediction_is_the_same_alone_and_among_others() {
    let (classifier, samples) = signs(24);
    let pictures = pictures(&samples);
    let batching = in_batches(&classifier, 4, Duration::from_millis(1));
    let alone: Vec<Distribution> =
        pictures.iter().flat_map(|picture| together(&batching, std::slice::from_ref(picture))).collect();
    for _ in 0..3 {
        assert!(together(&batching, &pictures) == alone, "to the last bit");
    }
    assert_eq!(models::readings(&batching, &samples), models::readings(&classifier, &samples));
    for (batched, unbatched) in alone.iter().zip(together(&classifier, &pictures)) {
        let pairs = batched.probabilities().iter().zip(unbatched.probabilities());
        assert!(pairs.clone().all(|(a, b)| (a - b).abs() < LAST_BITS), "{batched:?} and {unbatched:?}");
    }
}

#[test]
fn what_several_ask_is_one_batch_in_which_equal_items_of_one_are_one() {
    let (classifier, samples) = signs(3);
    let pictures = pictures(&samples);
    let batching = in_batches(&classifier, 3, FOREVER);
    let [first, second, third] = &pictures[..] else { panic!("three pictures") };
    assert!(together(&batching, &pictures).len() == 3, "three make a batch");
    let twice: Vec<_> = [first, second, first].map(|picture| Item::from(picture.clone())).into();
    let twice = batching.predict_all(None, twice.into_iter().map(|item| move || item).collect());
    let [third] = &together(&batching, std::slice::from_ref(third))[..] else { panic!("one prediction") };
    let twice = twice.wait().expect("a worker").expect("predictions");
    let expected = together(&batching, &pictures);
    assert!(twice == [&expected[0], &expected[1], &expected[0]].map(Clone::clone) && *third == expected[2]);
}

#[test]
fn an_item_that_fails_panics_comes_late_or_is_given_up_harms_no_other() {
    let (classifier, samples) = signs(4);
    let pictures = pictures(&samples);
    let batching = in_batches(&classifier, 8, Duration::from_millis(1));
    let expected = together(&batching, &pictures);
    for _ in 0..8 {
        let good: Vec<_> = pictures.iter().cloned().map(|picture| batching.predict_waiting(move || picture)).collect();
        let failing = batching.predict_waiting(|| String::from("no picture"));
        let panicking = batching.predict_waiting(|| -> Item { panic!("an item that cannot be prepared") });
        let deadline = Instant::now() + Duration::from_millis(20);
        let (picture, other) = (pictures[0].clone(), pictures[1].clone());
        let late = batching.predict(Some(deadline), move || {
            while Instant::now() < deadline {
                std::thread::yield_now();
            }
            picture
        });
        drop(batching.predict_waiting(move || other));
        let good: Vec<_> = good.into_iter().map(|one| one.wait().expect("a worker").expect("a prediction")).collect();
        assert!(good == expected);
        let failed = failing.wait().expect("a worker").expect_err("a text");
        assert!(matches!(failed, PredictError::Kind { .. }), "{failed}");
        assert_eq!(panicking.wait().expect_err("it panicked"), JobError::Abandoned);
        assert_eq!(late.wait().expect_err("it came late"), JobError::Expired);
    }
}
