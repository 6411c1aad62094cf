//! The attack of Carlini and Wagner (2017) within Linf: the smallest largest change.

use super::unbounded::Unbounded;
use crate::attack::nearest::Nearest;
use crate::attack::{Attack, AttackError, Gradient, Loss, Norm, Seed, WhiteBox, change, sign};
use crate::tensor::{Picture, quantised};

/// What the allowed change shrinks by after each success, and the weight grows by after each failure.
const SHRINKAGE: f32 = 0.9;
const GROWTH: f32 = 2.0;

/// Changes beyond an allowed one cost as much as they are beyond it; what is allowed shrinks with each success.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CarliniWagnerInf {
    /// The first weight of the margin that the goal is missed by.
    pub c: f32,
    /// By how much the logits have to be past the goal.
    pub kappa: f32,
    /// Steps for each allowed change.
    pub steps: usize,
    /// How far a step goes.
    pub learning_rate: f32,
    /// Allowed changes that are tried.
    pub searches: usize,
}

impl Attack for CarliniWagnerInf {
    fn rounds(&self) -> usize {
        self.searches * self.steps
    }

    fn run(&self, victim: &WhiteBox, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Picture>, AttackError> {
        let losses: Vec<Loss> = seeds.iter().map(|seed| Loss::Margin(seed.goal)).collect();
        let mut searches: Vec<Search> = seeds.iter().map(|seed| Search::new(seed, self)).collect();
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
            searches.iter_mut().for_each(Search::adjust);
        }
        Ok(searches.into_iter().map(|search| search.nearest.or(search.last)).collect())
    }
}

/// The way of one seed.
struct Search<'a> {
    seed: &'a Seed,
    moved: Unbounded,
    c: f32,
    allowed: f32,
    reached: bool,
    last: Picture,
    nearest: Nearest,
}

impl<'a> Search<'a> {
    fn new(seed: &'a Seed, attack: &CarliniWagnerInf) -> Self {
        let (moved, last) = (Unbounded::new(&seed.picture, 0.0), seed.picture.clone());
        let nearest = Nearest::new(Norm::Linf);
        Self { seed, moved, c: attack.c, allowed: 1.0, reached: false, last, nearest }
    }

    /// Goes back to the nearest picture so far.
    fn begin(&mut self, rate: f32) {
        self.moved = Unbounded::new(self.nearest.picture().unwrap_or(&self.seed.picture), rate);
        self.reached = false;
    }

    fn picture(&self) -> Picture {
        quantised(&self.moved.picture(&self.seed.picture))
    }

    fn step(&mut self, picture: Picture, found: &Gradient, kappa: f32) {
        let margin = self.seed.goal.margin(&found.logits);
        let weight = if margin < kappa { self.c } else { 0.0 };
        let change = change(&self.seed.picture, &self.moved.picture(&self.seed.picture));
        let beyond = |change: f32| if change.abs() > self.allowed { sign(change) } else { 0.0 };
        self.moved
            .descend(change.into_iter().zip(&found.pixels).map(|(change, slope)| beyond(change) - weight * slope));
        if margin > 0.0 && margin >= kappa {
            self.reached = true;
            self.nearest.offer(&self.seed.picture, &picture);
        }
        self.last = picture;
    }

    fn adjust(&mut self) {
        if self.reached {
            self.allowed = SHRINKAGE * self.allowed.min(self.nearest.distance());
        } else {
            self.c *= GROWTH;
        }
    }
}
