//! What an attacker has who only sees answers: a classifier to ask, each question counted.

use super::text::TextOracle;
use super::{AttackError, Goal, Seed};
use crate::model::{Classifier, Distribution};
use crate::tensor::{Item, Picture, quantised};

/// What comes back for a picture.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The logarithm of each class's probability.
    Scores(Vec<f32>),
    /// The gateway withheld the answer.
    Refused,
}

impl Answer {
    /// What a prediction tells.
    pub fn of(prediction: &Distribution) -> Self {
        let logarithm = |probability: &f64| probability.max(f64::MIN_POSITIVE).ln() as f32;
        Self::Scores(prediction.probabilities().iter().map(logarithm).collect())
    }

    /// Whether the answer came, and tells of a reached goal.
    pub fn reaches(&self, goal: Goal) -> bool {
        matches!(self, Self::Scores(scores) if goal.is_reached_by(scores))
    }
}

/// Somebody who answers what a picture is. Pictures are rounded to their depth before they are sent.
pub trait Oracle {
    /// One answer a picture.
    ///
    /// # Errors
    /// When a picture can't be asked about; a refusal is an answer.
    fn ask(&mut self, pictures: &[Picture]) -> Result<Vec<Answer>, AttackError>;
}

/// What an attack by queries made of a seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The picture, adversarial or not, rounded to its depth.
    pub picture: Picture,
    /// Questions that were asked for it.
    pub queries: usize,
}

/// An attack that only asks.
pub trait QueryAttack: Send + Sync {
    /// How often [`QueryAttack::run`] calls `watch` on so many seeds, at most.
    fn rounds(&self, seeds: usize) -> usize;

    /// How many questions it asks for each seed, at most.
    fn queries(&self) -> usize;

    /// Whether it comes from far off, where the goal is reached by what is another picture: then it matters how near it
    /// got.
    fn comes_from_afar(&self) -> bool {
        false
    }

    /// Whether it moves pixels instead of changing them, so that how far they are from the seed's says nothing.
    fn moves_pixels(&self) -> bool {
        false
    }

    /// One result a seed. A refused question counts and is no success. `watch` is called as the work goes on.
    ///
    /// # Errors
    /// When the oracle fails.
    fn run(&self, oracle: &mut dyn Oracle, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Made>, AttackError>;
}

/// The classifier itself, without a gateway.
pub struct LocalOracle {
    classifier: Classifier,
}

impl LocalOracle {
    /// Asks this classifier.
    pub fn new(classifier: Classifier) -> Self {
        Self { classifier }
    }
}

impl LocalOracle {
    fn answers(&self, sent: impl Iterator<Item = Item>) -> Result<Vec<Answer>, AttackError> {
        let pending: Vec<_> = sent.map(|item| self.classifier.predict_waiting(move || item)).collect();
        pending.into_iter().map(|pending| Ok(Answer::of(&pending.wait()??))).collect()
    }
}

impl Oracle for LocalOracle {
    fn ask(&mut self, pictures: &[Picture]) -> Result<Vec<Answer>, AttackError> {
        self.answers(pictures.iter().map(|picture| quantised(picture).into()))
    }
}

impl TextOracle for LocalOracle {
    fn ask(&mut self, messages: &[String]) -> Result<Vec<Answer>, AttackError> {
        self.answers(messages.iter().map(|message| message.clone().into()))
    }
}
