//! What one attack made of its seeds.

use serde::Serialize;

use super::effort::Effort;
use crate::report::Exhibit;
use crate::tensor::Picture;

/// One attack on all its seeds.
#[derive(Debug, Clone)]
pub struct Trial {
    /// What the attacker knew: `oblivious`, `transfer`, `black-box` or `adaptive`; empty where nobody says.
    pub level: String,
    /// Name of the attack.
    pub attack: String,
    /// Attack and parameters, in full; empty where nobody says.
    pub definition: String,
    /// What came of each seed.
    pub outcomes: Vec<Outcome>,
    /// Some of what fools the classifier and is not flagged, the strongest first.
    pub exhibits: Vec<Exhibit>,
    /// The same of texts.
    pub texts: Vec<TextExhibit>,
}

/// An adversarial text and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct TextExhibit {
    /// The message that it was made of.
    pub seed: String,
    /// What was made of it.
    pub text: String,
    /// What the message is, as the classifier reads it.
    pub truth: String,
    /// What the classifier reads in the adversarial text.
    pub reading: String,
    /// The probability that it gives to that, in [0, 1].
    pub confidence: f64,
}

impl Trial {
    /// Level and attack.
    pub fn name(&self) -> String {
        format!("{} {}", self.level, self.attack).trim_start().to_owned()
    }
}

/// What an attack made of one seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Which seed: attacks on the same one are held against each other.
    pub seed: usize,
    /// Whether the classifier is wrong on it, or reads what it was meant to.
    pub fooled: bool,
    /// The score of each detector, then the combined one; nothing where it could not be examined.
    pub scores: Option<Vec<f64>>,
    /// How far it is from the seed; nothing where pixels were moved.
    pub distortion: Option<Distortion>,
    /// Whether squeezed copies and students together read the seed's class; nothing where nobody can say.
    pub restored: Option<bool>,
    /// Questions asked, if the attack lived on answers.
    pub queries: Option<usize>,
}

/// A benign input that was examined.
#[derive(Debug, Clone, PartialEq)]
pub struct BenignOutcome {
    /// The score of each detector, then the combined one.
    pub scores: Vec<f64>,
    /// Whether squeezed copies and students together read what the classifier reads; nothing where there are neither.
    pub kept: Option<bool>,
    /// What its examination costs.
    pub effort: Effort,
}

impl BenignOutcome {
    /// The combined score.
    pub fn score(&self) -> Option<f64> {
        self.scores.last().copied()
    }
}

impl Outcome {
    /// The combined score.
    pub fn score(&self) -> Option<f64> {
        self.scores.as_ref()?.last().copied()
    }

    /// Whether it fools the classifier and its combined score does not exceed `threshold`. One without a score is not
    /// flagged.
    pub fn gets_through(&self, threshold: f64) -> bool {
        self.fooled && self.score().is_none_or(|score| score <= threshold)
    }
}

/// How far two pictures of one shape lie apart, their values being in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Distortion {
    /// Pixels that differ, whatever their channels.
    pub l0: f64,
    /// Euclidean length of the difference.
    pub l2: f64,
    /// Largest difference.
    pub linf: f64,
}

impl Distortion {
    /// Between a benign picture and what an attack made of it.
    pub fn between(benign: &Picture, adversarial: &Picture) -> Self {
        let area = benign.height() * benign.width();
        let mut changed = vec![false; area];
        let (mut square, mut linf) = (0.0f64, 0.0f64);
        for (index, (before, after)) in benign.pixels().iter().zip(adversarial.pixels()).enumerate() {
            let change = f64::from(after - before).abs();
            changed[index % area] |= change > 0.0;
            square += change * change;
            linf = linf.max(change);
        }
        let l0 = changed.into_iter().filter(|changed| *changed).count() as f64;
        Self { l0, l2: square.sqrt(), linf }
    }

    /// As L0, L2 and Linf.
    pub(super) fn norms(self) -> [f64; 3] {
        [self.l0, self.l2, self.linf]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_counts_once_whatever_its_channels() {
        let picture = |pixels: [f32; 8]| Picture::new(2, 2, 2, pixels.to_vec()).unwrap();
        let benign = picture([0.0; 8]);
        let moved = picture([0.6, 0.0, 0.0, 0.0, 0.8, 0.0, 0.0, 0.0]);
        let Distortion { l0, l2, linf } = Distortion::between(&benign, &moved);
        assert_eq!(l0, 1.0);
        assert!((l2 - 1.0).abs() < 1e-6 && (linf - 0.8).abs() < 1e-6);
    }
}
