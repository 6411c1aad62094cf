//! How far attackers have to go: the best of all attacks on each seed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::MeasuredRate;
use super::finding::median;
use super::trial::Trial;

/// The norms that distances are measured by, and where [`super::Distortion::norms`] has them.
const NORMS: [(&str, usize); 2] = [("L2", 1), ("Linf", 2)];

/// The distortion with which half of the seeds get through, each by the attack that goes least far on it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    /// `L2` or `Linf`, of values in [0, 1].
    pub norm: &'static str,
    /// Where nothing stands guard; nothing if fewer than half of the seeds fool the classifier.
    pub bare: Option<f64>,
    /// With the detectors at each of the profile's rates; nothing if fewer than half get through.
    pub guarded: Vec<Option<f64>>,
}

/// How far the nearest success of each seed is.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    /// For each norm: the bare model's, then at each rate.
    by_norm: Vec<Vec<Distances>>,
}

/// Distances of seeds' nearest successes, ascending; infinite where there is none.
#[derive(Debug, Clone)]
pub(super) struct Distances(Vec<f64>);

impl Reach {
    pub fn new(trials: &[Trial], rates: &[MeasuredRate]) -> Self {
        let guards = std::iter::once(f64::INFINITY).chain(rates.iter().map(|rate| rate.threshold));
        let guards: Vec<f64> = guards.collect();
        let distances = |&(_, axis): &(&str, usize)| {
            guards.iter().map(|&threshold| Distances::new(trials, axis, threshold)).collect()
        };
        Self { by_norm: NORMS.iter().map(distances).collect() }
    }

    pub fn costs(&self, rates: &[MeasuredRate]) -> Vec<Cost> {
        let cost = |((norm, _), distances): (&(&'static str, usize), &Vec<Distances>)| Cost {
            norm,
            bare: distances.first().and_then(Distances::half),
            guarded: distances.iter().skip(1).take(rates.len()).map(Distances::half).collect(),
        };
        NORMS.iter().zip(&self.by_norm).map(cost).collect()
    }

    /// The norms by name: the bare model's distances, then those at each rate.
    pub fn by_norm(&self) -> impl Iterator<Item = (&'static str, &[Distances])> {
        NORMS.iter().zip(&self.by_norm).map(|((name, _), distances)| (*name, distances.as_slice()))
    }
}

impl Distances {
    fn new(trials: &[Trial], axis: usize, threshold: f64) -> Self {
        let mut nearest: BTreeMap<usize, f64> = BTreeMap::new();
        for outcome in trials.iter().flat_map(|trial| &trial.outcomes) {
            let distance = outcome.distortion.filter(|_| outcome.gets_through(threshold));
            let distance = distance.map_or(f64::INFINITY, |distance| distance.norms()[axis]);
            nearest.entry(outcome.seed).and_modify(|nearest| *nearest = nearest.min(distance)).or_insert(distance);
        }
        let mut distances: Vec<f64> = nearest.into_values().collect();
        distances.sort_by(f64::total_cmp);
        Self(distances)
    }

    fn half(&self) -> Option<f64> {
        median(self.0.clone()).filter(|median| median.is_finite())
    }

    /// The share of seeds with a success within each distance, as steps.
    pub fn steps(&self) -> Vec<(f64, f64)> {
        let total = self.0.len() as f64;
        let finite = self.0.iter().copied().filter(|distance| distance.is_finite());
        (0..)
            .zip(finite)
            .flat_map(|(before, distance)| {
                [(distance, f64::from(before) / total), (distance, f64::from(before + 1) / total)]
            })
            .collect()
    }
}
