//! What classifier, copies and students read, and how loudly detectors spoke.

use std::collections::BTreeMap;

use super::history::History;
use super::words::{self, percent, score};
use crate::detect::{COMBINED, Verdict};
use crate::evidence::{Item, Prediction, Voice};
use crate::squeeze;

/// How loudly a detector spoke about an item.
pub(super) struct Loud {
    pub(super) detector: String,
    pub(super) score: String,
    pub(super) threshold: Option<String>,
    pub(super) p_value: String,
    /// Whether it alone finds the item suspicious.
    pub(super) spoke: bool,
    height: f64,
}

impl Loud {
    fn new(detector: &str, (raw, p_value): (f64, f64), history: Option<&History>) -> Self {
        let scale = history.and_then(|history| history.scale(detector));
        let threshold = scale.and_then(|scale| scale.threshold());
        Self {
            detector: detector.to_owned(),
            score: score(raw),
            threshold: threshold.map(score),
            p_value: words::p_value(p_value),
            spoke: threshold.is_some_and(|threshold| raw > threshold),
            height: scale.map_or(0.0, |scale| scale.height(raw)),
        }
    }

    /// Its bar up to the threshold, which is at 50.
    pub(super) fn below(&self) -> String {
        format!("{:.1}", (100.0 * self.height).min(50.0))
    }

    /// Its bar from there to 100.
    pub(super) fn beyond(&self) -> String {
        format!("{:.1}", (100.0 * self.height - 50.0).max(0.0))
    }
}

/// The combination's word and then each detector's, the loudest first.
pub(super) fn evidence(verdict: &Verdict, history: Option<&History>) -> Vec<Loud> {
    let mut detectors: Vec<Loud> = verdict
        .evidence
        .iter()
        .map(|evidence| Loud::new(&evidence.detector, (evidence.score, evidence.p_value), history))
        .collect();
    detectors.sort_by(|one, other| other.height.total_cmp(&one.height));
    let combined = Loud::new(COMBINED, (verdict.score, verdict.p_value), history);
    std::iter::once(combined).chain(detectors).collect()
}

/// The loudest of the detectors.
pub(super) fn loudest(verdict: &Verdict, history: Option<&History>) -> Option<Loud> {
    evidence(verdict, history).into_iter().nth(1)
}

/// Names of a model's classes, as far as they are known.
#[derive(Clone, Copy)]
pub(super) struct Classes<'a>(pub(super) &'a [String]);

impl Classes<'_> {
    pub(super) fn name(&self, class: usize) -> String {
        self.0.get(class).cloned().unwrap_or_else(|| format!("class {class}"))
    }

    /// What is predicted, in words.
    pub(super) fn reading(&self, prediction: &Prediction) -> String {
        match (prediction.voice(), prediction.class) {
            (Voice::Sentinel, 0) => "benign".to_owned(),
            (Voice::Sentinel, _) => "adversarial".to_owned(),
            (_, class) => self.name(class),
        }
    }
}

/// Second opinions on an item: how many there are, how many differ from the classifier's, and the class that most of these
/// read, with how many they are.
pub(super) struct Opinions {
    pub(super) asked: usize,
    pub(super) differing: usize,
    pub(super) instead: Option<(usize, usize)>,
}

impl Opinions {
    pub(super) fn of(item: &Item) -> Self {
        let opinions: Vec<&Prediction> = item.second_opinions().collect();
        let own = item.original().map(|prediction| prediction.class);
        let differing = opinions.iter().filter(|prediction| Some(prediction.class) != own);
        let mut votes: BTreeMap<usize, (usize, f64)> = BTreeMap::new();
        for prediction in differing.clone() {
            let (count, sure) = votes.entry(prediction.class).or_default();
            *count += 1;
            *sure += prediction.probability;
        }
        let most = votes.into_iter().max_by(|(_, one), (_, other)| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
        Self {
            asked: opinions.len(),
            differing: differing.count(),
            instead: most.map(|(class, (count, _))| (class, count)),
        }
    }
}

/// A prediction as a line of a table.
pub(super) struct Said {
    pub(super) who: String,
    pub(super) reading: String,
    pub(super) sure: String,
    pub(super) width: String,
    pub(super) differs: bool,
}

impl Said {
    pub(super) fn new(prediction: &Prediction, own: Option<usize>, classes: Classes<'_>) -> Self {
        let voice = prediction.voice();
        let who = match voice {
            Voice::Classifier => "classifier".to_owned(),
            Voice::Copy => format!("classifier after {}", prediction.source),
            Voice::Student | Voice::Sentinel => prediction.source.clone(),
        };
        let differs = match voice {
            Voice::Sentinel => prediction.class > 0,
            _ => own != Some(prediction.class),
        };
        Self {
            who,
            reading: classes.reading(prediction),
            sure: percent(prediction.probability),
            width: format!("{:.1}", 100.0 * prediction.probability),
            differs,
        }
    }
}

/// Whether a prediction was made of a copy that can be made again.
pub(super) fn is_copy(prediction: &Prediction) -> bool {
    prediction.voice() == Voice::Copy && squeeze::parse(&prediction.source).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(predictions: &[(&str, usize, f64)]) -> Item {
        let prediction = |&(source, class, probability): &(&str, usize, f64)| Prediction {
            source: source.to_owned(),
            class,
            probability,
        };
        let predictions = predictions.iter().map(prediction).collect();
        Item { index: 0, verdict: None, reason: None, predictions, sha256: None }
    }

    #[test]
    fn of_second_opinions_the_most_counts_and_then_the_surest() {
        let item = item(&[
            ("original", 3, 0.9),
            ("median(2,2)", 5, 0.6),
            ("bit_depth(1)", 3, 0.9),
            ("student plain", 7, 0.7),
            ("sentinel watch", 1, 0.99),
        ]);
        let Opinions { asked, differing, instead } = Opinions::of(&item);
        assert_eq!((asked, differing, instead), (3, 2, Some((7, 1))));
        let names = ["benign".to_owned(), "stop".to_owned()];
        let told = item.predictions.iter().map(|prediction| Classes(&names).reading(prediction));
        assert_eq!(told.collect::<Vec<_>>(), ["class 3", "class 5", "class 3", "class 7", "adversarial"]);
    }
}
