//! Several detectors, one calibrated decision.

use serde::{Deserialize, Serialize};

use super::cascade::Cascade;
use super::ranks::Ranks;
use super::{Detector, Observation, ObservationGradient};

/// What counts as around a score, as a share of it.
const SURROUNDINGS: f64 = 0.1;
/// Scores below this are taken for this in a slope.
const SMALLEST: f64 = 1e-6;

/// The name under which the combined score stands among the detectors.
pub const COMBINED: &str = "combined";

/// Why an observation has no score.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScoreError {
    /// A detector's score is NaN or infinite.
    #[error("detector '{0}' gave a score that is not finite")]
    NotFinite(String),
}

/// A detector's calibration and its say in the combination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weighted {
    /// The detector's name.
    pub name: String,
    /// What it computes.
    pub definition: String,
    /// Its weight in the combined score.
    pub weight: f64,
    /// Its scores on benign inputs.
    pub ranks: Ranks,
}

impl Weighted {
    /// What a raw score adds to the combined one: its surprisal, weighted.
    fn contribution(&self, score: f64) -> f64 {
        self.weight * self.ranks.surprisal(score)
    }

    /// What one of the scores that its ranks were fitted on would add, had they been fitted on the others.
    pub(crate) fn contribution_among_others(&self, own: f64) -> f64 {
        self.weight * self.ranks.surprisal_among_others(own)
    }
}

/// What one detector says of one input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The detector's name.
    pub detector: String,
    /// Its raw score; larger is more suspicious.
    pub score: f64,
    /// The score's conformal p-value among benign scores.
    pub p_value: f64,
}

/// A false-positive rate and the cut of the combined score that keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// The rate that was asked for.
    pub target: f64,
    /// Inputs whose combined score is larger are suspicious.
    pub threshold: f64,
    /// Held-out benign inputs that were flagged.
    pub flagged: u64,
    /// Held-out benign inputs.
    pub held_out: u64,
    /// 95% Clopper-Pearson interval of the rate, from the held-out inputs.
    pub interval: [f64; 2],
}

/// The calibrated combination: a weighted sum of the detectors' surprisals (-ln p).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Combination {
    /// The detectors, in the panel's order.
    pub detectors: Vec<Weighted>,
    /// Which of them are asked only now and then; all are asked always if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cascade: Option<Cascade>,
    /// The combined scores of benign inputs, each by ranks fitted on the others.
    pub combined: Ranks,
}

impl Combination {
    /// The evidence of each detector that is asked, and the combined score.
    ///
    /// # Errors
    /// When a score is not finite.
    pub fn weigh(
        &self,
        detectors: &[Box<dyn Detector>],
        observation: &Observation,
    ) -> Result<(Vec<Evidence>, f64), ScoreError> {
        let first = self.cascade.as_ref().map_or(detectors.len(), |cascade| cascade.first);
        let mut scores = scores(&detectors[..first], observation)?;
        if self.leaves_open(&scores) {
            scores.extend(self::scores(&detectors[first..], observation)?);
        }
        let combined = contributions(&self.detectors, &scores).sum();
        let evidence = self
            .detectors
            .iter()
            .zip(scores)
            .map(|(detector, score)| Evidence {
                detector: detector.name.clone(),
                score,
                p_value: detector.ranks.p_value(score),
            })
            .collect();
        Ok((evidence, combined))
    }

    /// The combined score of raw scores, one a detector.
    pub fn score(&self, scores: &[f64]) -> f64 {
        combine(self.cascade.as_ref(), &contributions(&self.detectors, scores).collect::<Vec<_>>())
    }

    /// Whether the raw scores of a cascade's first detectors make it ask the others.
    fn leaves_open(&self, first: &[f64]) -> bool {
        self.cascade.as_ref().is_some_and(|cascade| cascade.is_open(contributions(&self.detectors, first).sum()))
    }

    /// Whether an observation, of which only what the first detectors look at has to be known, makes a cascade ask the
    /// others.
    ///
    /// # Errors
    /// When a score is not finite.
    pub fn asks_on(&self, detectors: &[Box<dyn Detector>], observation: &Observation) -> Result<bool, ScoreError> {
        let Some(cascade) = &self.cascade else { return Ok(false) };
        Ok(self.leaves_open(&scores(&detectors[..cascade.first], observation)?))
    }

    /// How the combined score changes with the logits behind each prediction. Surprisal moves by ranks, in steps; what
    /// counts is how it rises around each detector's score.
    pub fn gradient(&self, detectors: &[Box<dyn Detector>], observation: &Observation) -> ObservationGradient {
        let mut sum = ObservationGradient::none(observation);
        let asked = match &self.cascade {
            Some(cascade) if !self.asks_on(detectors, observation).unwrap_or(true) => cascade.first,
            _ => detectors.len(),
        };
        for (weighted, detector) in self.detectors.iter().zip(&detectors[..asked]) {
            let slope = weighted.weight * steepness(&weighted.ranks, detector.score(observation));
            if slope != 0.0 {
                sum.add(slope, detector.gradient(observation));
            }
        }
        sum
    }
}

/// How much surprisal rises with the score around it; where it is flat there, how much it rose from zero so far.
fn steepness(ranks: &Ranks, score: f64) -> f64 {
    let reach = SURROUNDINGS * score.abs() + f64::MIN_POSITIVE;
    let rise = (ranks.surprisal(score + reach) - ranks.surprisal(score - reach)) / (2.0 * reach);
    if rise > 0.0 { rise } else { ranks.surprisal(score) / score.abs().max(SMALLEST) }
}

/// The raw score of each detector.
///
/// # Errors
/// When one is not finite.
pub fn scores(detectors: &[Box<dyn Detector>], observation: &Observation) -> Result<Vec<f64>, ScoreError> {
    detectors
        .iter()
        .map(|detector| {
            let score = detector.score(observation);
            if score.is_finite() { Ok(score) } else { Err(ScoreError::NotFinite(detector.name().to_owned())) }
        })
        .collect()
}

/// What each detector adds to the combined score by its raw score; the first ones, if there are fewer scores.
fn contributions(detectors: &[Weighted], scores: &[f64]) -> impl Iterator<Item = f64> {
    detectors.iter().zip(scores).map(|(detector, &score)| detector.contribution(score))
}

/// The combined score of the contributions of all detectors.
pub(crate) fn combine(cascade: Option<&Cascade>, contributions: &[f64]) -> f64 {
    cascade.map_or(contributions, |cascade| cascade.counted(contributions)).iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighted(name: &str, weight: f64) -> Weighted {
        let ranks = Ranks::new((0..100).map(f64::from).collect()).unwrap();
        Weighted { name: name.into(), definition: name.into(), weight, ranks }
    }

    #[test]
    fn a_detector_of_weight_zero_has_no_say() {
        let detectors = [weighted("loud", 0.0), weighted("quiet", 1.0)];
        let combined = |scores: &[f64]| combine(None, &contributions(&detectors, scores).collect::<Vec<_>>());
        assert_eq!(combined(&[1e9, 3.0]), combined(&[0.0, 3.0]));
        assert!(combined(&[0.0, 99.5]) > combined(&[0.0, 3.0]));
    }
}
