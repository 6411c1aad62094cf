//! The attacks that a sentinel learns from, drawn at random.

use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};

use super::{Provocation, logarithmic};
use crate::attack::{
    Attack, AttackError, Ball, Bim, CarliniWagner2, LocalOracle, Norm, Patch, Pgd, Place, QueryAttack, Seed, Sparse,
    Square,
};
use crate::tensor::Picture;

/// Shares of patches, of squares found by questions, of searches for the nearest picture, and of few pixels turned far; the
/// rest follow the gradient within a ball, which costs least and is what most attackers do.
const PATCHES: f32 = 0.1;
const SQUARES: f32 = 0.08;
const NEAREST: f32 = 0.1;
const SPARSE: f32 = 0.1;
/// Of those within a ball, the shares within L1 and within L2; the rest are within Linf.
const L1_SHARE: f32 = 0.15;
const L2_SHARE: f32 = 0.25;
/// Numbers of steps within a ball.
const STEPS: [usize; 6] = [1, 1, 2, 3, 5, 10];
/// How long a step is as a share of the ball: so that all together can cross it and come back.
const REACH: f32 = 2.0;
/// The share of those that begin at random where they need not.
const RANDOM_START_SHARE: f32 = 0.5;

impl Provocation {
    /// What an attack of a random kind makes of the seeds, one picture each, adversarial or not.
    pub(super) fn attack(&self, seeds: &[Seed], random: &mut impl Rng) -> Result<Vec<Picture>, AttackError> {
        let kind: f32 = random.random();
        if kind < PATCHES {
            patch(random).run(&self.victim, seeds, &mut || ())
        } else if kind < PATCHES + SQUARES {
            let mut oracle = LocalOracle::new(self.classifier.clone());
            let made = self.square(random).run(&mut oracle, seeds, &mut || ())?;
            Ok(made.into_iter().map(|made| made.picture).collect())
        } else if kind < PATCHES + SQUARES + NEAREST {
            nearest(random).run(&self.victim, seeds, &mut || ())
        } else if kind < PATCHES + SQUARES + NEAREST + SPARSE {
            sparse(random).run(&self.victim, seeds, &mut || ())
        } else {
            self.within_a_ball(random).run(&self.victim, seeds, &mut || ())
        }
    }

    fn within_a_ball(&self, random: &mut impl Rng) -> Box<dyn Attack> {
        let steps = STEPS.choose(random).copied().unwrap_or(1);
        let levels = self.strength(random);
        let pixels = self.victim.pixels() as f32;
        let norm: f32 = random.random();
        let ball = if norm < L1_SHARE {
            Ball { norm: Norm::L1, eps: 0.2 * levels * pixels }
        } else if norm < L1_SHARE + L2_SHARE {
            Ball { norm: Norm::L2, eps: 0.5 * levels * pixels.sqrt() }
        } else {
            Ball::linf(levels)
        };
        let step = ball.eps * if steps == 1 { 1.0 } else { REACH / steps as f32 };
        if ball.norm == Norm::Linf && random.random::<f32>() >= RANDOM_START_SHARE {
            return Box::new(Bim { eps: ball.eps, step, steps });
        }
        Box::new(Pgd { ball, step, steps, starts: 1, seed: random.random() })
    }

    /// Few questions, so that they have to be bold ones.
    fn square(&self, random: &mut impl Rng) -> Square {
        let eps = self.eps * random.random_range(0.5..=1.0);
        Square { eps, queries: 40, share: random.random_range(0.2..=0.8), seed: random.random() }
    }
}

fn patch(random: &mut impl Rng) -> Patch {
    let place = if random.random() { Place::Anywhere } else { Place::Middle };
    Patch { side: random.random_range(0.15..=0.4), place, steps: 12, learning_rate: 0.1, seed: random.random() }
}

/// Steps long enough to leave black and white behind in few of them; half of the searches go on until the classifier is sure.
fn nearest(random: &mut impl Rng) -> CarliniWagner2 {
    let kappa = if random.random() { 0.0 } else { random.random_range(0.0..=10.0) };
    let learning_rate = logarithmic(0.01, 0.3, random);
    CarliniWagner2 { c: random.random_range(0.5..=5.0), kappa, steps: 25, learning_rate, searches: 1 }
}

fn sparse(random: &mut impl Rng) -> Sparse {
    Sparse { share: logarithmic(0.001, 0.01, random), steps: 12, reach: random.random_range(0.4..=1.0) }
}
