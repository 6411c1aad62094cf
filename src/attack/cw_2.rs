//! The attack of Carlini and Wagner (2017) within L2: the nearest picture that is misread.

use super::adam::Adam;
use super::{Attack, AttackError, Gradient, Loss, Norm, Seed, WhiteBox};
use crate::tensor::{Picture, to_8_bit};

/// Keeps black and white pixels from being infinitely far off in the variables that are moved.
const NEARLY_ALL: f32 = 1.0 - 1e-6;
/// What the weight of success grows by where there was none.
const GROWTH: f32 = 10.0;

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
        let losses: Vec<Loss> = seeds.iter().map(|seed| Loss::Margin(seed.goal)).collect();
        let mut searches: Vec<Search> = seeds.iter().map(|seed| Search::new(seed.clone(), self)).collect();
        for _ in 0..self.searches {
            searches.iter_mut().for_each(|search| search.begin(self.learning_rate));
            for _ in 0..self.steps {
                let pictures: Vec<Picture> = searches.iter().map(|search| to_8_bit(&search.picture())).collect();
                let gradients = victim.gradients(&pictures, &losses)?;
                for ((search, gradient), picture) in searches.iter_mut().zip(gradients).zip(pictures) {
                    search.step(picture, &gradient, self.kappa);
                }
                watch();
            }
            searches.iter_mut().for_each(Search::adjust);
        }
        Ok(searches.into_iter().map(Search::nearest).collect())
    }
}

/// The way of one seed.
struct Search {
    seed: Seed,
    /// A pixel is (tanh(variable) + 1) / 2.
    variables: Vec<f32>,
    adam: Adam,
    c: f32,
    /// The largest weight that failed and the smallest that did not.
    bounds: (f32, Option<f32>),
    reached: bool,
    last: Picture,
    nearest: Option<(f32, Picture)>,
}

impl Search {
    fn new(seed: Seed, attack: &CarliniWagner2) -> Self {
        let adam = Adam::new(attack.learning_rate, 0);
        let (variables, last) = (Vec::new(), seed.picture.clone());
        Self { seed, variables, adam, c: attack.c, bounds: (0.0, None), reached: false, last, nearest: None }
    }

    /// Goes back to the benign picture.
    fn begin(&mut self, rate: f32) {
        let variable = |pixel: &f32| (NEARLY_ALL * (2.0 * pixel - 1.0)).atanh();
        self.variables = self.seed.picture.pixels().iter().map(variable).collect();
        self.adam = Adam::new(rate, self.variables.len());
        self.reached = false;
    }

    fn picture(&self) -> Picture {
        self.seed.picture.with_pixels(self.variables.iter().map(|variable| (variable.tanh() + 1.0) / 2.0).collect())
    }

    /// Takes in what the classifier says of the rounded `picture`, and moves on.
    fn step(&mut self, picture: Picture, found: &Gradient, kappa: f32) {
        let change = |picture: &Picture| -> Vec<f32> {
            picture.pixels().iter().zip(self.seed.picture.pixels()).map(|(moved, benign)| moved - benign).collect()
        };
        let margin = self.seed.goal.margin(&found.logits);
        let distance = Norm::L2.length(&change(&picture));
        let weight = if margin < kappa { self.c } else { 0.0 };
        let slopes = change(&self.picture()).into_iter().zip(&found.pixels).zip(&self.variables);
        let gradient: Vec<f32> = slopes
            .map(|((change, slope), variable)| {
                let tanh = variable.tanh();
                (2.0 * change - weight * slope) * (1.0 - tanh * tanh) / 2.0
            })
            .collect();
        if margin > 0.0 && margin >= kappa {
            self.reached = true;
            if self.nearest.as_ref().is_none_or(|(nearest, _)| distance < *nearest) {
                self.nearest = Some((distance, picture.clone()));
            }
        }
        self.last = picture;
        self.adam.descend(&mut self.variables, &gradient);
    }

    /// Tries another weight of the margin.
    fn adjust(&mut self) {
        if self.reached {
            self.bounds.1 = Some(self.c);
        } else {
            self.bounds.0 = self.c;
        }
        self.c = self.bounds.1.map_or(self.c * GROWTH, |upper| (self.bounds.0 + upper) / 2.0);
    }

    /// The nearest picture that reached the goal, or the last.
    fn nearest(self) -> Picture {
        self.nearest.map_or(self.last, |(_, picture)| picture)
    }
}
