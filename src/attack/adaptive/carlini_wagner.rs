//! The attack of Carlini and Wagner with the detectors' score in its loss (Carlini, Wagner 2017b).

use super::quietest::Quietest;
use super::{AdaptiveAttack, Guarded, Look};
use crate::attack::gradient::{Unbounded, Weight};
use crate::attack::nearest::Nearest;
use crate::attack::{AttackError, Loss, Norm, Seed, change};
use crate::tensor::{Picture, quantised};

/// The nearest picture in L2 that reaches the goal and is not flagged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdaptiveCarliniWagner {
    /// The first weight of the margin and of the score.
    pub c: f32,
    /// Steps for each weight.
    pub steps: usize,
    /// How far a step goes.
    pub learning_rate: f32,
    /// Weights that are tried.
    pub searches: usize,
}

impl AdaptiveAttack for AdaptiveCarliniWagner {
    fn rounds(&self) -> usize {
        self.searches * self.steps
    }

    fn run(
        &self,
        guarded: &Guarded,
        seeds: &[Seed],
        threshold: f64,
        watch: &mut dyn FnMut(),
    ) -> Result<Vec<Picture>, AttackError> {
        let losses: Vec<Loss> = seeds.iter().map(|seed| Loss::Margin(seed.goal)).collect();
        let mut searches: Vec<Search> = seeds.iter().map(|seed| Search::new(seed, self.c)).collect();
        for _ in 0..self.searches {
            searches.iter_mut().for_each(|search| search.begin(self.learning_rate));
            for _ in 0..self.steps {
                let pictures: Vec<Picture> = searches.iter().map(Search::picture).collect();
                let looks = guarded.look(&pictures)?;
                let gradients = guarded.teacher().gradients(&pictures, &losses)?;
                for (((search, picture), look), margin) in searches.iter_mut().zip(pictures).zip(looks).zip(gradients) {
                    search.step(&picture, &look, &margin.pixels, threshold);
                }
                watch();
            }
            searches.iter_mut().for_each(|search| search.weight.adjust(search.succeeded));
        }
        Ok(searches.into_iter().map(|search| search.nearest.or(search.quietest.into_picture())).collect())
    }
}

/// The way of one seed.
struct Search<'a> {
    seed: &'a Seed,
    moved: Unbounded,
    weight: Weight,
    succeeded: bool,
    nearest: Nearest,
    quietest: Quietest,
}

impl<'a> Search<'a> {
    fn new(seed: &'a Seed, c: f32) -> Self {
        Self {
            seed,
            moved: Unbounded::new(&seed.picture, 0.0),
            weight: Weight::new(c),
            succeeded: false,
            nearest: Nearest::new(Norm::L2),
            quietest: Quietest::new(quantised(&seed.picture)),
        }
    }

    /// Goes back to the benign picture.
    fn begin(&mut self, rate: f32) {
        self.moved = Unbounded::new(&self.seed.picture, rate);
        self.succeeded = false;
    }

    fn picture(&self) -> Picture {
        quantised(&self.moved.picture(&self.seed.picture))
    }

    fn step(&mut self, picture: &Picture, look: &Look, margin: &[f32], threshold: f64) {
        let reaches = self.seed.goal.is_reached_by(&look.logits);
        self.quietest.offer(picture, reaches, look.score);
        if reaches && look.score <= threshold {
            self.succeeded = true;
            self.nearest.offer(&self.seed.picture, picture);
        }
        let by_margin = if reaches { 0.0 } else { self.weight.value };
        let by_score = if look.score > threshold { self.weight.value } else { 0.0 };
        let change = change(&self.seed.picture, &self.moved.picture(&self.seed.picture));
        let slopes = change.into_iter().zip(margin).zip(&look.slope);
        self.moved
            .descend(slopes.map(|((change, margin), score)| 2.0 * change - by_margin * margin + by_score * score));
    }
}
