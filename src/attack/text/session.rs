//! One message under attack.

use super::{MadeText, TextOracle, TextSeed};
use crate::attack::{Answer, AttackError, Goal};
use crate::squeeze::text::TextSqueezer;

/// Who is asked about a message, what for and how often; and the best that was found.
pub struct Session<'a> {
    oracle: &'a mut dyn TextOracle,
    knows: &'a [Box<dyn TextSqueezer>],
    goal: Goal,
    queries: usize,
    most: usize,
    best: String,
    margin: f32,
}

impl<'a> Session<'a> {
    /// Asks about the message itself.
    pub(super) fn begin(
        oracle: &'a mut dyn TextOracle,
        knows: &'a [Box<dyn TextSqueezer>],
        seed: &TextSeed,
        most: usize,
    ) -> Result<Self, AttackError> {
        let (best, margin) = (seed.text.clone(), f32::NEG_INFINITY);
        let mut session = Self { oracle, knows, goal: seed.goal, queries: 0, most, best, margin };
        session.offer(vec![seed.text.clone()])?;
        Ok(session)
    }

    /// The best message so far: at first the seed's.
    pub(super) fn best(&self) -> &str {
        &self.best
    }

    /// What the classifier should come to read.
    pub(super) fn goal(&self) -> Goal {
        self.goal
    }

    /// Whether the goal is reached or no question is left.
    pub(super) fn is_over(&self) -> bool {
        self.margin > 0.0 || self.queries >= self.most
    }

    /// How far each message is past the goal, on the copy that is the least so; of as many messages as there are questions
    /// left for. Without an answer it is infinitely far from it.
    pub(super) fn margins(&mut self, messages: &[String]) -> Result<Vec<f32>, AttackError> {
        let mut asked = vec![];
        let mut copies_of = vec![];
        for message in messages {
            let squeezed = self.knows.iter().map(|squeezer| squeezer.squeeze(message));
            let mut copies = vec![message.clone()];
            copies.extend(squeezed.filter(|copy| copy != message).map(String::from));
            if self.queries + asked.len() + copies.len() > self.most {
                break;
            }
            copies_of.push(copies.len());
            asked.append(&mut copies);
        }
        if copies_of.len() < messages.len() {
            self.most = self.queries + asked.len();
        }
        self.queries += asked.len();
        let mut answers = if asked.is_empty() { vec![] } else { self.oracle.ask(&asked)? }.into_iter();
        let margin = |answer| match answer {
            Answer::Scores(scores) => self.goal.margin(&scores),
            Answer::Refused => f32::NEG_INFINITY,
        };
        Ok(copies_of
            .into_iter()
            .map(|copies| answers.by_ref().take(copies).map(margin).fold(f32::INFINITY, f32::min))
            .collect())
    }

    /// Keeps the best of some messages, if it is better than what there was; and says which.
    pub(super) fn offer(&mut self, messages: Vec<String>) -> Result<Option<usize>, AttackError> {
        let margins = self.margins(&messages)?;
        let best = (0..margins.len()).max_by(|&one, &other| margins[one].total_cmp(&margins[other]));
        let better = best.filter(|&best| margins[best] > self.margin);
        if let Some((index, message)) = better.and_then(|index| Some((index, messages.into_iter().nth(index)?))) {
            (self.best, self.margin) = (message, margins[index]);
        }
        Ok(better)
    }

    pub(super) fn end(self) -> MadeText {
        MadeText { text: self.best, is_reached: self.margin > 0.0, queries: self.queries }
    }
}
