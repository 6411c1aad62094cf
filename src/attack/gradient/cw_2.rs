//! The attack of Carlini and Wagner (2017) within L2: the nearest picture that is misread.

use super::unbounded::Unbounded;
use super::weight::Weight;
use crate::attack::nearest::Nearest;
use crate::attack::{Attack, AttackError, Gradient, Loss, Norm, Seed, WhiteBox, change};
use crate::tensor::{Picture, quantised};

/// Weighs the squared distance against the margin that the goal is missed by. The pictures that the classifier is asked
/// about are rounded, as those that are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CarliniWagner2 {
    /// The first weight of the margin.
    pub c: f32,
    /// By how much the logits have to be past the goal.
    pub kappa: f32,
    /// Steps for each weight.
    pub steps: usize,
    /// How far a step goes.
    pub learning_rate: f32,
    /// Weights that are tried: larger ones where the goal was not reached, by bisection else.
    pub searches: usize,
}

impl Attack for CarliniWagner2 {
    fn rounds(&self) -> usize {
        self.searches * self.steps
    }

    fn run(&self, victim: &WhiteBox, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Picture>, AttackError> {
        let searches: Vec<Search> = seeds.iter().map(|seed| Search::new(seed.clone(), self.c, None)).collect();
        let found = self.search(victim, searches, watch)?;
        Ok(found.into_iter().map(|search| search.nearest.or(search.last)).collect())
    }
}

impl CarliniWagner2 {
    /// Goes all the ways to their end.
    pub(super) fn search(
        &self,
        victim: &WhiteBox,
        mut searches: Vec<Search>,
        watch: &mut dyn FnMut(),
    ) -> Result<Vec<Search>, AttackError> {
        let losses: Vec<Loss> = searches.iter().map(|search| Loss::Margin(search.seed.goal)).collect();
        for _ in 0..self.searches {
            searches.iter_mut().for_each(|search| search.begin(self.learning_rate));
            for _ in 0..self.steps {
                let pictures: Vec<Picture> = searches.iter().map(Search::picture).collect();
                let gradients = victim.gradients(&pictures, &losses)?;
                for ((search, gradient), picture) in searches.iter_mut().zip(gradients).zip(pictures) {
                    search.step(picture, &gradient, self.kappa);
                }
                watch();
            }
            searches.iter_mut().for_each(|search| search.weight.adjust(search.reached));
        }
        Ok(searches)
    }
}

/// The way of one seed.
pub(super) struct Search {
    pub seed: Seed,
    /// The pixels that may move; all of them without it.
    pub free: Option<Vec<bool>>,
    pub nearest: Nearest,
    moved: Unbounded,
    weight: Weight,
    reached: bool,
    last: Picture,
}

impl Search {
    pub fn new(seed: Seed, c: f32, free: Option<Vec<bool>>) -> Self {
        let (moved, last) = (Unbounded::new(&seed.picture, 0.0), seed.picture.clone());
        Self { seed, free, nearest: Nearest::new(Norm::L2), moved, weight: Weight::new(c), reached: false, last }
    }

    /// Goes back to the benign picture.
    fn begin(&mut self, rate: f32) {
        self.moved = Unbounded::new(&self.seed.picture, rate);
        self.reached = false;
    }

    fn picture(&self) -> Picture {
        quantised(&self.moved.picture(&self.seed.picture))
    }

    /// Takes in what the classifier says of the rounded `picture`, and moves on.
    fn step(&mut self, picture: Picture, found: &Gradient, kappa: f32) {
        let margin = self.seed.goal.margin(&found.logits);
        let weight = if margin < kappa { self.weight.value } else { 0.0 };
        let change = change(&self.seed.picture, &self.moved.picture(&self.seed.picture));
        let slopes = change.into_iter().zip(&found.pixels).map(|(change, slope)| 2.0 * change - weight * slope);
        match &self.free {
            None => self.moved.descend(slopes),
            Some(free) => self.moved.descend(slopes.zip(free).map(|(slope, &free)| if free { slope } else { 0.0 })),
        }
        if margin > 0.0 && margin >= kappa {
            self.reached = true;
            self.nearest.offer(&self.seed.picture, &picture);
        }
        self.last = picture;
    }
}
