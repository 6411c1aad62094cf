//! How well scores tell adversarial inputs from benign ones.

use serde::Serialize;

use super::Profile;
use super::calibration::CONFIDENCE;
use super::interval::clopper_pearson;
use crate::detect::Rate;

/// A proportion with its 95% Clopper-Pearson interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Proportion {
    /// How many were flagged.
    pub flagged: u64,
    /// Out of how many.
    pub total: u64,
    /// The proportion; 0 where there is nothing to count.
    pub rate: f64,
    /// Its interval.
    pub interval: [f64; 2],
}

impl Proportion {
    /// Of `flagged` out of `total`.
    pub fn new(flagged: u64, total: u64) -> Self {
        let rate = if total == 0 { 0.0 } else { flagged as f64 / total as f64 };
        Self { flagged, total, rate, interval: clopper_pearson(flagged, total, CONFIDENCE) }
    }

    /// Of the scores above `threshold`.
    pub fn above(scores: &[f64], threshold: f64) -> Self {
        Self::new(scores.iter().filter(|&&score| score > threshold).count() as u64, scores.len() as u64)
    }
}

/// Area under the ROC curve: the probability that an adversarial score is larger than a benign one, ties counting
/// half. 0.5 where either set is empty.
pub fn auc(benign: &[f64], adversarial: &[f64]) -> f64 {
    if benign.is_empty() || adversarial.is_empty() {
        return 0.5;
    }
    let mut sorted = benign.to_vec();
    sorted.sort_by(f64::total_cmp);
    let wins: f64 = adversarial
        .iter()
        .map(|&score| {
            let below = sorted.partition_point(|&benign| benign < score);
            let not_above = sorted.partition_point(|&benign| benign <= score);
            (below + not_above) as f64 / 2.0
        })
        .sum();
    wins / (benign.len() * adversarial.len()) as f64
}

/// Scores of one attack's successful examples: a row an example, a column a detector, the combined score last.
#[derive(Debug, Clone, PartialEq)]
pub struct AttackScores {
    /// The attack's name.
    pub name: String,
    /// The rows.
    pub rows: Vec<Vec<f64>>,
}

/// How well one score detects one attack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Detection {
    /// Name of the detector.
    pub detector: String,
    /// Area under the ROC curve.
    pub auc: f64,
    /// The share that is detected at each of the profile's rates.
    pub detected: Vec<Proportion>,
}

/// How well one attack is detected.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttackDetection {
    /// The attack's name.
    pub name: String,
    /// How many of its examples fooled the classifier.
    pub examples: usize,
    /// By the combination.
    pub combined: Detection,
    /// By each detector alone.
    pub detectors: Vec<Detection>,
}

/// The worst and the mean detection over the attacks, at one rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct WorstAndMean {
    /// The rate.
    pub target: f64,
    /// Of the attack that is detected least.
    pub worst: f64,
    /// Over all attacks, each counting the same.
    pub mean: f64,
}

/// A detector over all attacks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DetectorSummary {
    /// Its name; `combined` for the combination.
    pub name: String,
    /// One a rate.
    pub rates: Vec<WorstAndMean>,
}

/// A profile's detectors against attacks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Benign inputs that were not calibrated on.
    pub benign_inputs: usize,
    /// The share of them that the combination flags, at each of the profile's rates.
    pub false_positives: Vec<Proportion>,
    /// The attacks, the one that is detected least first.
    pub attacks: Vec<AttackDetection>,
    /// The combination first, then each detector.
    pub summary: Vec<DetectorSummary>,
}

impl Evaluation {
    /// Measures `profile` on fresh `benign` rows and on `attacks`; rows are laid out as in [`AttackScores`]. Attacks
    /// without a successful example are left out.
    pub fn new(profile: &Profile, benign: &[Vec<f64>], attacks: &[AttackScores]) -> Self {
        let columns = columns(profile);
        let combined = columns.len() - 1;
        let benign_scores: Vec<Vec<f64>> = (0..columns.len()).map(|index| column(benign, index)).collect();
        let detect = |index: usize, rows: &[Vec<f64>]| {
            let (name, thresholds) = &columns[index];
            let scores = column(rows, index);
            Detection {
                detector: name.clone(),
                auc: auc(&benign_scores[index], &scores),
                detected: thresholds.iter().map(|&threshold| Proportion::above(&scores, threshold)).collect(),
            }
        };
        let mut measured: Vec<AttackDetection> = attacks
            .iter()
            .filter(|attack| !attack.rows.is_empty())
            .map(|attack| AttackDetection {
                name: attack.name.clone(),
                examples: attack.rows.len(),
                combined: detect(combined, &attack.rows),
                detectors: (0..combined).map(|index| detect(index, &attack.rows)).collect(),
            })
            .collect();
        let first_rate = |attack: &AttackDetection| attack.combined.detected.first().map_or(0.0, |rate| rate.rate);
        measured.sort_by(|a, b| first_rate(a).total_cmp(&first_rate(b)));
        let thresholds = &columns[combined].1;
        let false_positives =
            thresholds.iter().map(|&threshold| Proportion::above(&benign_scores[combined], threshold)).collect();
        let summary = summarise(profile, &measured);
        Self { benign_inputs: benign.len(), false_positives, attacks: measured, summary }
    }
}

/// Name and thresholds of each column: the detectors, then the combination.
fn columns(profile: &Profile) -> Vec<(String, Vec<f64>)> {
    let detectors = profile.combination.detectors.iter().map(|detector| {
        let threshold = |rate: &Rate| detector.ranks.threshold(rate.target).unwrap_or(f64::INFINITY);
        (detector.name.clone(), profile.rates.iter().map(threshold).collect())
    });
    let combined = ("combined".to_owned(), profile.rates.iter().map(|rate| rate.threshold).collect());
    detectors.chain([combined]).collect()
}

fn column(rows: &[Vec<f64>], index: usize) -> Vec<f64> {
    rows.iter().filter_map(|row| row.get(index).copied()).collect()
}

fn summarise(profile: &Profile, attacks: &[AttackDetection]) -> Vec<DetectorSummary> {
    let Some(first) = attacks.first() else { return Vec::new() };
    let summary = |pick: &dyn Fn(&AttackDetection) -> Detection| {
        let detections: Vec<Detection> = attacks.iter().map(pick).collect();
        let rates = profile.rates.iter().enumerate().map(|(index, rate)| {
            let detected = detections.iter().map(|detection| detection.detected[index].rate);
            let mean = detected.clone().sum::<f64>() / detections.len() as f64;
            WorstAndMean { target: rate.target, worst: detected.fold(1.0, f64::min), mean }
        });
        DetectorSummary { name: detections[0].detector.clone(), rates: rates.collect() }
    };
    let combined = summary(&|attack| attack.combined.clone());
    let detectors = (0..first.detectors.len()).map(|index| summary(&|attack| attack.detectors[index].clone()));
    std::iter::once(combined).chain(detectors).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_counts_pairs_and_half_of_ties() {
        assert_eq!(auc(&[1.0, 2.0], &[3.0, 4.0]), 1.0);
        assert_eq!(auc(&[1.0, 2.0], &[0.0]), 0.0);
        assert_eq!(auc(&[1.0, 2.0], &[2.0]), 0.75);
        assert_eq!(auc(&[], &[2.0]), 0.5);
    }

    #[test]
    fn a_proportion_counts_what_lies_above_the_threshold() {
        let proportion = Proportion::above(&[1.0, 2.0, 3.0, 4.0], 2.0);
        assert_eq!((proportion.flagged, proportion.total, proportion.rate), (2, 4, 0.5));
    }
}
