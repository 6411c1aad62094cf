//! What one attack came to, counted.

use serde::Serialize;

use super::columns::Column;
use super::trial::{Outcome, Trial};
use crate::profile::{Proportion, auc};

/// How well one score tells an attack's successes from benign inputs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Detection {
    /// Name of the detector; `combined` for the combination.
    pub detector: String,
    /// Area under the ROC curve.
    pub auc: f64,
    /// At each of the profile's rates, the share of what fools the classifier that is flagged. One without a score is
    /// not.
    pub detected: Vec<Proportion>,
}

/// What one attack came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What the attacker knew; empty where nobody says.
    pub level: String,
    /// Name of the attack.
    pub attack: String,
    /// Attack and parameters, in full.
    pub definition: String,
    /// The share of seeds that fool the classifier.
    pub success: Proportion,
    /// By the combination.
    pub combined: Detection,
    /// By each detector alone.
    pub detectors: Vec<Detection>,
    /// At each rate, the share of seeds that fool the classifier and are not flagged.
    pub joint: Vec<Proportion>,
    /// At each rate, the share of those flagged whose seed's class squeezed copies and students together read.
    pub restored: Vec<Proportion>,
    /// Medians over those that fool the classifier: L0, L2, Linf; nothing without any.
    pub median_distortion: Option<[f64; 3]>,
    /// Median of the questions asked for a seed.
    pub median_queries: Option<f64>,
}

impl Finding {
    pub(super) fn new(trial: &Trial, columns: &[Column]) -> Self {
        let fooled: Vec<&Outcome> = trial.outcomes.iter().filter(|outcome| outcome.fooled).collect();
        let mut detectors: Vec<Detection> =
            (0..).zip(columns).map(|(at, column)| detect(at, column, &fooled)).collect();
        let combined =
            detectors.pop().unwrap_or_else(|| Detection { detector: String::new(), auc: 0.5, detected: vec![] });
        let through = |missed: &Proportion| share((missed.total - missed.flagged) as usize, trial.outcomes.len());
        let middle =
            |axis: usize| median(fooled.iter().filter_map(|outcome| Some(outcome.distortion?.norms()[axis])).collect());
        let thresholds = columns.last().map_or(&[][..], |combined| &combined.thresholds);
        let restored = |&threshold: &f64| {
            let flagged = fooled.iter().filter(|outcome| outcome.score().is_some_and(|score| score > threshold));
            Proportion::of(&flagged.filter_map(|outcome| outcome.restored).collect::<Vec<_>>())
        };
        let queries = trial.outcomes.iter().filter_map(|outcome| Some(outcome.queries? as f64));
        Self {
            level: trial.level.clone(),
            attack: trial.attack.clone(),
            definition: trial.definition.clone(),
            success: share(fooled.len(), trial.outcomes.len()),
            restored: thresholds.iter().map(restored).collect(),
            joint: combined.detected.iter().map(through).collect(),
            combined,
            detectors,
            median_distortion: middle(0).zip(middle(1)).zip(middle(2)).map(|((l0, l2), linf)| [l0, l2, linf]),
            median_queries: median(queries.collect()),
        }
    }

    /// Level and attack.
    pub fn name(&self) -> String {
        format!("{} {}", self.level, self.attack).trim_start().to_owned()
    }

    /// The share that gets through at the first rate, and the share that is flagged there: what findings are sorted by.
    pub(super) fn severity(&self) -> (f64, f64) {
        let first = |shares: &[Proportion]| shares.first().map_or(0.0, |share| share.rate);
        (first(&self.joint), -first(&self.combined.detected))
    }
}

fn detect(at: usize, column: &Column, fooled: &[&Outcome]) -> Detection {
    let scores: Vec<f64> = fooled.iter().filter_map(|outcome| outcome.scores.as_ref()?.get(at).copied()).collect();
    let flagged = |&threshold: &f64| share(scores.iter().filter(|&&score| score > threshold).count(), fooled.len());
    Detection {
        detector: column.name.clone(),
        auc: auc(&column.benign, &scores),
        detected: column.thresholds.iter().map(flagged).collect(),
    }
}

fn share(part: usize, whole: usize) -> Proportion {
    Proportion::new(part as u64, whole as u64)
}

pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values.get(middle).copied()
    } else {
        Some((values.get(middle.checked_sub(1)?)? + values.get(middle)?) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Distortion;

    fn outcome(fooled: bool, scores: Option<Vec<f64>>) -> Outcome {
        let distortion = Some(Distortion { l0: 4.0, l2: 0.5, linf: 0.1 });
        Outcome { seed: 0, fooled, scores, distortion, restored: Some(fooled), queries: None }
    }

    fn finding(outcomes: Vec<Outcome>) -> Finding {
        let trial = Trial {
            level: "oblivious".to_owned(),
            attack: "pgd".to_owned(),
            definition: String::new(),
            outcomes,
            exhibits: Vec::new(),
            texts: Vec::new(),
        };
        let column = |name: &str, thresholds: [f64; 2]| Column {
            name: name.to_owned(),
            thresholds: thresholds.to_vec(),
            benign: vec![0.0, 2.0],
        };
        Finding::new(&trial, &[column("student", [7.0, 7.0]), column("combined", [4.0, 8.0])])
    }

    fn counts(shares: &[Proportion]) -> Vec<(u64, u64)> {
        shares.iter().map(|share| (share.flagged, share.total)).collect()
    }

    #[test]
    fn only_what_is_wrong_and_not_flagged_gets_through() {
        let scored = |fooled, combined| outcome(fooled, Some(vec![10.0 - combined, combined]));
        let finding = finding(vec![scored(true, 1.0), scored(true, 5.0), scored(false, 0.5), scored(true, 9.0)]);
        assert_eq!((finding.success.flagged, finding.success.total), (3, 4));
        assert_eq!(counts(&finding.combined.detected), [(2, 3), (1, 3)]);
        assert_eq!(counts(&finding.detectors[0].detected), [(1, 3), (1, 3)]);
        assert_eq!(counts(&finding.joint), [(1, 4), (2, 4)]);
        assert_eq!(counts(&finding.restored), [(2, 2), (1, 1)]);
        assert_eq!(finding.median_distortion, Some([4.0, 0.5, 0.1]));
        assert!((finding.combined.auc - 5.0 / 6.0).abs() < 1e-12, "{}", finding.combined.auc);
    }

    #[test]
    fn without_a_score_nothing_is_flagged() {
        let finding = finding(vec![outcome(true, None)]);
        assert_eq!((finding.joint[0].flagged, finding.combined.detected[0].flagged), (1, 0));
    }
}
