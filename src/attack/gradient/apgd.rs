//! Auto-PGD (Croce, Hein 2020): projected gradient descent that halves its step where it stops getting on.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::objective::Objective;
use crate::attack::{Attack, AttackError, Ball, Seed, WhiteBox, largest, pictures};
use crate::tensor::{Picture, quantised};

/// The share of a step that is taken anew; the rest goes on as the step before.
const FRESH: f32 = 0.75;
/// A stretch between checkpoints counts as good if so many of its steps went up.
const GOING_UP: f32 = 0.75;
/// The first stretch, by how much each is shorter than the one before, and the shortest, as shares of all steps.
const STRETCHES: [f32; 3] = [0.22, 0.03, 0.06];

/// What APGD makes grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApgdLoss {
    /// Cross-entropy.
    CrossEntropy,
    /// The difference of logits ratio, which no scaling of the logits can hide from.
    Dlr,
    /// The difference of logits ratio towards each of so many likeliest other classes in turn. Where the goal is one
    /// class, towards that.
    TargetedDlr(usize),
}

/// Auto-PGD within a ball.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Apgd {
    /// How far it may go.
    pub ball: Ball,
    /// What it makes grow.
    pub loss: ApgdLoss,
    /// Number of steps from each start.
    pub steps: usize,
    /// Seed of the random start.
    pub seed: u64,
}

impl Attack for Apgd {
    fn rounds(&self) -> usize {
        match self.loss {
            ApgdLoss::TargetedDlr(classes) => classes * self.steps,
            ApgdLoss::CrossEntropy | ApgdLoss::Dlr => self.steps,
        }
    }

    fn run(&self, victim: &WhiteBox, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Picture>, AttackError> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut made = pictures(seeds);
        let mut left: Vec<usize> = (0..seeds.len()).collect();
        for aims in self.aims(victim, seeds)? {
            let tried: Vec<(usize, Objective)> = left.iter().filter_map(|&at| Some((at, aims[at]?))).collect();
            let climbers = tried.iter().map(|&(at, objective)| {
                let start = self.ball.random(&seeds[at].picture, &mut random);
                Climber::new(seeds[at].clone(), objective, start, 2.0 * self.ball.eps)
            });
            let mut climbers: Vec<Climber> = climbers.collect();
            self.climb(victim, &mut climbers, watch)?;
            for (&(at, _), climber) in tried.iter().zip(climbers) {
                made[at] = quantised(&climber.best);
                if climber.reached {
                    left.retain(|&other| other != at);
                }
            }
        }
        Ok(made)
    }
}

impl Apgd {
    /// Start by start, what is to grow for each seed.
    fn aims(&self, victim: &WhiteBox, seeds: &[Seed]) -> Result<Vec<Vec<Option<Objective>>>, AttackError> {
        let same = |objective: fn(crate::attack::Goal) -> Objective| {
            vec![seeds.iter().map(|seed| Some(objective(seed.goal))).collect()]
        };
        let ApgdLoss::TargetedDlr(classes) = self.loss else {
            let is_dlr = self.loss == ApgdLoss::Dlr;
            return Ok(same(if is_dlr { Objective::Dlr } else { Objective::CrossEntropy }));
        };
        let logits = victim.logits(&pictures(seeds))?;
        let towards: Vec<Vec<Objective>> =
            seeds.iter().zip(&logits).map(|(seed, logits)| Objective::towards(seed.goal, logits, classes)).collect();
        let rounds = towards.iter().map(Vec::len).max().unwrap_or_default();
        Ok((0..rounds).map(|round| towards.iter().map(|all| all.get(round).copied()).collect()).collect())
    }

    fn climb(&self, victim: &WhiteBox, climbers: &mut [Climber], watch: &mut dyn FnMut()) -> Result<(), AttackError> {
        let checkpoints = checkpoints(self.steps);
        look(victim, climbers)?;
        for step in 0..self.steps {
            climbers.iter_mut().for_each(|climber| climber.step(self.ball, step == 0));
            look(victim, climbers)?;
            if let Some(at) = checkpoints.iter().position(|&checkpoint| checkpoint == step + 1) {
                let stretch = step + 1 - if at == 0 { 0 } else { checkpoints[at - 1] };
                climbers.iter_mut().for_each(|climber| climber.check(stretch));
            }
            watch();
        }
        Ok(())
    }
}

/// The way up of one seed.
struct Climber {
    seed: Seed,
    objective: Objective,
    at: Picture,
    before: Picture,
    gradient: Vec<f32>,
    step: f32,
    value: f32,
    /// The picture with the largest value so far, one that reaches the goal before all that do not.
    best: Picture,
    best_gradient: Vec<f32>,
    best_value: f32,
    reached: bool,
    /// Steps that went up since the last checkpoint.
    ups: usize,
    /// Step and best value at the last checkpoint.
    last_check: (f32, f32),
}

impl Climber {
    fn new(seed: Seed, objective: Objective, start: Picture, step: f32) -> Self {
        Self {
            seed,
            objective,
            before: start.clone(),
            best: start.clone(),
            at: start,
            gradient: Vec::new(),
            step,
            value: f32::NEG_INFINITY,
            best_gradient: Vec::new(),
            best_value: f32::NEG_INFINITY,
            reached: false,
            ups: 0,
            last_check: (step, f32::NEG_INFINITY),
        }
    }

    /// Takes in what the classifier says of where it stands.
    fn see(&mut self, logits: &[f32], gradient: Vec<f32>) {
        let value = self.objective.value(logits);
        self.ups += usize::from(value > self.value);
        (self.value, self.gradient) = (value, gradient);
        let reached = self.seed.goal.is_reached(largest(logits));
        if (reached, value) > (self.reached, self.best_value) || self.best_gradient.is_empty() {
            self.best = self.at.clone();
            self.best_gradient.clone_from(&self.gradient);
            (self.best_value, self.reached) = (value, reached);
        }
    }

    fn step(&mut self, ball: Ball, is_first: bool) {
        let benign = &self.seed.picture;
        let heading = ball.norm.steepest(&self.gradient);
        let ahead = self.at.pixels().iter().zip(heading).map(|(pixel, heading)| pixel + self.step * heading);
        let ahead = ball.inside(benign, ahead);
        let fresh = if is_first { 1.0 } else { FRESH };
        let pixels = self.at.pixels().iter().zip(ahead.pixels()).zip(self.before.pixels());
        let mixed = pixels.map(|((at, ahead), before)| at + fresh * (ahead - at) + (1.0 - fresh) * (at - before));
        let next = ball.inside(benign, mixed);
        self.before = std::mem::replace(&mut self.at, next);
    }

    /// Halves the step and goes back to the best picture, if the last `stretch` of steps brought too little.
    fn check(&mut self, stretch: usize) {
        let too_few_ups = (self.ups as f32) < GOING_UP * stretch as f32;
        let (last_step, last_best) = self.last_check;
        let stuck = last_step <= self.step && last_best >= self.best_value;
        self.last_check = (self.step, self.best_value);
        self.ups = 0;
        if too_few_ups || stuck {
            self.step /= 2.0;
            (self.at, self.before) = (self.best.clone(), self.best.clone());
            (self.gradient, self.value) = (self.best_gradient.clone(), self.best_value);
        }
    }
}

/// Asks for logits and gradients where the climbers stand.
fn look(victim: &WhiteBox, climbers: &mut [Climber]) -> Result<(), AttackError> {
    let pictures: Vec<Picture> = climbers.iter().map(|climber| climber.at.clone()).collect();
    let needs_logits = climbers.iter().any(|climber| climber.objective.needs_logits());
    let logits = if needs_logits { victim.logits(&pictures)? } else { vec![Vec::new(); pictures.len()] };
    let losses: Vec<_> = climbers.iter().zip(&logits).map(|(climber, logits)| climber.objective.loss(logits)).collect();
    for (climber, found) in climbers.iter_mut().zip(victim.gradients(&pictures, &losses)?) {
        climber.see(&found.logits, found.pixels);
    }
    Ok(())
}

/// After how many steps it is seen whether the step is to be halved.
fn checkpoints(steps: usize) -> Vec<usize> {
    let [first, shrinkage, shortest] = STRETCHES;
    let (mut at, mut stretch) = (0.0, first);
    let next = || {
        at += stretch;
        stretch = (stretch - shrinkage).max(shortest);
        Some((at * steps as f32).ceil() as usize)
    };
    let mut all: Vec<usize> = std::iter::from_fn(next).take_while(|&checkpoint| checkpoint < steps).collect();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_come_ever_faster() {
        assert_eq!(checkpoints(100), [22, 41, 57, 70, 80, 87, 93, 99]);
        assert!(checkpoints(1).is_empty());
    }
}
