//! The elastic-net attack (Chen et al. 2018): the nearest misread picture where L1 counts beside L2.

use super::weight::Weight;
use crate::attack::nearest::Nearest;
use crate::attack::{Attack, AttackError, Gradient, Loss, Norm, Seed, WhiteBox, change};
use crate::tensor::{Picture, quantised};

/// Descends the squared distance and the margin that the goal is missed by, and takes back small changes at each step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ead {
    /// The first weight of the margin.
    pub c: f32,
    /// By how much the logits have to be past the goal.
    pub kappa: f32,
    /// A pixel's change that each step takes back.
    pub beta: f32,
    /// Steps for each weight.
    pub steps: usize,
    /// How far the first step goes.
    pub learning_rate: f32,
    /// Weights that are tried.
    pub searches: usize,
}

impl Attack for Ead {
    fn rounds(&self) -> usize {
        self.searches * self.steps
    }

    fn run(&self, victim: &WhiteBox, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Picture>, AttackError> {
        let losses: Vec<Loss> = seeds.iter().map(|seed| Loss::Margin(seed.goal)).collect();
        let mut searches: Vec<Search> = seeds.iter().map(|seed| Search::new(seed, self.c)).collect();
        for _ in 0..self.searches {
            searches.iter_mut().for_each(Search::begin);
            for step in 0..self.steps {
                let rate = self.learning_rate * (1.0 - step as f32 / self.steps as f32).sqrt();
                let pictures: Vec<Picture> = searches.iter().map(|search| quantised(&search.at)).collect();
                let gradients = victim.gradients(&pictures, &losses)?;
                for ((search, gradient), picture) in searches.iter_mut().zip(gradients).zip(&pictures) {
                    search.step(picture, &gradient, rate, self);
                }
                watch();
            }
            searches.iter_mut().for_each(|search| search.weight.adjust(search.reached));
        }
        Ok(searches.into_iter().map(|search| search.nearest.or(quantised(&search.at))).collect())
    }
}

/// The way of one seed.
struct Search<'a> {
    seed: &'a Seed,
    at: Picture,
    weight: Weight,
    reached: bool,
    nearest: Nearest,
}

impl<'a> Search<'a> {
    fn new(seed: &'a Seed, c: f32) -> Self {
        let nearest = Nearest::new(Norm::L1);
        Self { seed, at: seed.picture.clone(), weight: Weight::new(c), reached: false, nearest }
    }

    fn begin(&mut self) {
        self.at = self.seed.picture.clone();
        self.reached = false;
    }

    fn step(&mut self, picture: &Picture, found: &Gradient, rate: f32, attack: &Ead) {
        let margin = self.seed.goal.margin(&found.logits);
        if margin > 0.0 && margin >= attack.kappa {
            self.reached = true;
            self.nearest.offer(&self.seed.picture, picture);
        }
        let weight = if margin < attack.kappa { self.weight.value } else { 0.0 };
        let benign = self.seed.picture.pixels();
        let moved = change(&self.seed.picture, &self.at).into_iter().zip(&found.pixels).zip(benign);
        let pixels = moved.map(|((change, slope), benign)| {
            let change = change - rate * (2.0 * change - weight * slope);
            (benign + shrunk(change, attack.beta)).clamp(0.0, 1.0)
        });
        self.at = self.at.with_pixels(pixels.collect());
    }
}

fn shrunk(change: f32, by: f32) -> f32 {
    change.signum() * (change.abs() - by).max(0.0)
}
