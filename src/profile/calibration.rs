//! Conformal calibration: ranks for each detector, a threshold for their combination, and a fresh look at both.

use super::interval::clopper_pearson;
use crate::detect::{COMBINED, Cascade, Combination, Detector, Plan, Ranks, Rate, Weighted, combine};

/// Confidence of the intervals of measured rates.
pub const CONFIDENCE: f64 = 0.95;

/// Fewest benign inputs worth calibrating on, those that measure included.
pub const FEWEST_INPUTS: usize = 60;

/// Why there is no calibration.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CalibrationError {
    /// There are hardly any benign inputs.
    #[error("{0} benign inputs could be examined; at least {FEWEST_INPUTS} are needed, and thousands for low rates")]
    TooFew(usize),
    /// A rate was asked for that this many inputs can't promise.
    #[error(
        "a false-positive rate of {rate} needs at least {needed} benign inputs (two thirds of them, {fitted}, set the threshold), got {got}; give more or leave the rate out"
    )]
    RateOutOfReach {
        /// The rate.
        rate: f64,
        /// Inputs needed in all.
        needed: usize,
        /// Those of them that set the threshold.
        fitted: usize,
        /// Inputs given.
        got: usize,
    },
    /// A share was asked for that this many inputs can't tell.
    #[error(
        "a cascade whose later detectors look at a share of {share} needs at least {needed} benign inputs, got {got}"
    )]
    ShareOutOfReach {
        /// The share.
        share: f64,
        /// Inputs needed in all.
        needed: usize,
        /// Inputs given.
        got: usize,
    },
    /// A detector's scores can't be ranked.
    #[error("detector '{0}': {1}")]
    Unrankable(String, &'static str),
}

/// A detector's name, definition and weight.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorWeight {
    /// Its name.
    pub name: String,
    /// What it computes.
    pub definition: String,
    /// Its weight in the combination.
    pub weight: f64,
}

impl DetectorWeight {
    /// Of a detector and its weight.
    pub fn new(detector: &dyn Detector, weight: f64) -> Self {
        Self { name: detector.name().to_owned(), definition: detector.definition(), weight }
    }
}

/// What calibration learnt.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// The fitted combination.
    pub combination: Combination,
    /// Thresholds of the combination, one a rate, highest rate first.
    pub rates: Vec<Rate>,
    /// Rates that were not insisted on and are out of reach.
    pub out_of_reach: Vec<CalibrationError>,
}

/// Fits the combination to the raw `scores` of benign inputs (one row an input, one column a detector).
///
/// Two thirds of the rows fit each detector's ranks, the combined threshold and, where one is planned, a cascade's gate;
/// the last third measures the rates; so the rows must be in random order. What counts for the threshold is each row's
/// combined score by the ranks of all *other* rows, as a fresh input's is by ranks that do not know it (cross-conformal
/// prediction, Vovk 2015, with folds of one). A rate of `wanted` that is out of reach is an error if it is `required`, else
/// left out.
///
/// # Errors
/// When there are too few inputs or a score can't be ranked.
pub fn calibrate(
    detectors: &[DetectorWeight],
    plan: Option<Plan>,
    scores: &[Vec<f64>],
    wanted: &[f64],
    required: bool,
) -> Result<Calibration, CalibrationError> {
    if scores.len() < FEWEST_INPUTS {
        return Err(CalibrationError::TooFew(scores.len()));
    }
    let (fit, held_out) = scores.split_at(scores.len() - scores.len() / 3);
    let weighted = rank_each(detectors, fit)?;
    let contributions: Vec<Vec<f64>> = fit.iter().map(|row| each_among_others(&weighted, row)).collect();
    let cascade = plan.map(|plan| gate(plan, &contributions, scores.len())).transpose()?;
    let combined = Ranks::new(contributions.iter().map(|row| combine(cascade.as_ref(), row)).collect())
        .map_err(|why| CalibrationError::Unrankable(COMBINED.into(), why))?;
    let combination = Combination { detectors: weighted, cascade, combined };
    let fresh: Vec<f64> = held_out.iter().map(|row| combination.score(row)).collect();
    let mut rates = Vec::new();
    let mut out_of_reach = Vec::new();
    for &target in wanted {
        match combination.combined.threshold(target) {
            Some(threshold) => rates.push(measure(target, threshold, &fresh)),
            None => {
                let fitted = Ranks::fewest(target);
                let needed = of_which_two_thirds_are(fitted);
                let error = CalibrationError::RateOutOfReach { rate: target, needed, fitted, got: scores.len() };
                if required {
                    return Err(error);
                }
                out_of_reach.push(error);
            }
        }
    }
    rates.sort_by(|a, b| b.target.total_cmp(&a.target));
    Ok(Calibration { combination, rates, out_of_reach })
}

/// The fewest rows of which `fitted` are left when a third is held out.
fn of_which_two_thirds_are(fitted: usize) -> usize {
    (3 * fitted).saturating_sub(1) / 2
}

fn each_among_others(detectors: &[Weighted], row: &[f64]) -> Vec<f64> {
    detectors.iter().zip(row).map(|(detector, &own)| detector.contribution_among_others(own)).collect()
}

fn gate(plan: Plan, contributions: &[Vec<f64>], got: usize) -> Result<Cascade, CalibrationError> {
    let Plan { share, .. } = plan;
    let needed = of_which_two_thirds_are(Ranks::fewest(share));
    Cascade::fit(plan, contributions).ok_or(CalibrationError::ShareOutOfReach { share, needed, got })
}

fn rank_each(detectors: &[DetectorWeight], rows: &[Vec<f64>]) -> Result<Vec<Weighted>, CalibrationError> {
    detectors
        .iter()
        .enumerate()
        .map(|(column, detector)| {
            let ranks = Ranks::new(rows.iter().map(|row| row[column]).collect())
                .map_err(|why| CalibrationError::Unrankable(detector.name.clone(), why))?;
            let DetectorWeight { name, definition, weight } = detector.clone();
            Ok(Weighted { name, definition, weight, ranks })
        })
        .collect()
}

fn measure(target: f64, threshold: f64, fresh: &[f64]) -> Rate {
    let flagged = fresh.iter().filter(|&&score| score > threshold).count() as u64;
    let held_out = fresh.len() as u64;
    Rate { target, threshold, flagged, held_out, interval: clopper_pearson(flagged, held_out, CONFIDENCE) }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn benign(count: usize, seed: u64) -> Vec<Vec<f64>> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        (0..count).map(|_| vec![random.random::<f64>().powi(3), -random.random::<f64>().ln()]).collect()
    }

    fn two_detectors() -> Vec<DetectorWeight> {
        ["squeezing", "student"]
            .map(|name| DetectorWeight { name: name.into(), definition: name.into(), weight: 1.0 })
            .to_vec()
    }

    #[test]
    fn the_combined_rate_holds_on_fresh_inputs_for_a_cascade_as_a_whole_too() {
        for plan in [None, Some(Plan { first: 1, share: 0.2 }), Some(Plan { first: 1, share: 0.02 })] {
            let calibration = calibrate(&two_detectors(), plan, &benign(9000, 1), &[0.05, 0.01, 0.001], true).unwrap();
            let fresh = benign(20_000, 2);
            for rate in &calibration.rates {
                let is_flagged = |row: &&Vec<f64>| calibration.combination.score(row) > rate.threshold;
                let measured = fresh.iter().filter(is_flagged).count() as f64 / fresh.len() as f64;
                assert!((rate.interval[0]..=rate.interval[1]).contains(&measured), "{measured} {rate:?}");
                assert!((rate.interval[0]..=rate.interval[1]).contains(&rate.target), "{rate:?}");
            }
        }
    }

    #[test]
    fn over_many_calibrations_on_few_inputs_the_rate_is_kept_on_average() {
        for plan in [None, Some(Plan { first: 1, share: 0.3 })] {
            let flagged = |seed| {
                let calibration = calibrate(&two_detectors(), plan, &benign(240, seed), &[0.1], true).unwrap();
                let is_flagged = |row: &&Vec<f64>| calibration.combination.score(row) > calibration.rates[0].threshold;
                benign(500, 1000 + seed).iter().filter(is_flagged).count()
            };
            let mean = (1..=200).map(flagged).sum::<usize>() as f64 / (200.0 * 500.0);
            assert!((0.09..=0.102).contains(&mean), "{mean} with {plan:?}");
        }
    }

    #[test]
    fn a_rate_out_of_reach_is_refused_or_left_out_in_words() {
        let scores = benign(600, 3);
        let error = calibrate(&two_detectors(), None, &scores, &[0.001], true).unwrap_err();
        assert_eq!(error, CalibrationError::RateOutOfReach { rate: 0.001, needed: 1498, fitted: 999, got: 600 });
        let calibration = calibrate(&two_detectors(), None, &scores, &[0.05, 0.001], false).unwrap();
        assert_eq!((calibration.rates.len(), calibration.out_of_reach), (1, vec![error]));
        assert_eq!(calibrate(&two_detectors(), None, &scores[..9], &[0.05], false), Err(CalibrationError::TooFew(9)));
        let rare = Some(Plan { first: 1, share: 0.001 });
        let error = CalibrationError::ShareOutOfReach { share: 0.001, needed: 1498, got: 600 };
        assert_eq!(calibrate(&two_detectors(), rare, &scores, &[0.05], true), Err(error));
    }
}
