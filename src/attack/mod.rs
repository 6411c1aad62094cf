//! Attacks on a classifier, one file each in `gradient`, `query` and `adaptive`: benign pictures go in, adversarial ones
//! come out, in what a client can really send, rounded to their depth. Those on text are in [`text`].

mod adaptive;
mod ball;
mod catalogue;
mod gradient;
mod nearest;
mod oracle;
mod query;
mod target;
pub mod text;
mod warp;
mod weakened;
mod white_box;

pub use adaptive::{AdaptiveAttack, AdaptiveCarliniWagner, AdaptivePgd, Guarded, Look, Rule};
pub use ball::{Ball, Norm};
pub use catalogue::{Level, Method, Named, Suite};
pub use gradient::{
    Apgd, ApgdLoss, Bim, CarliniWagner0, CarliniWagner2, CarliniWagnerInf, DeepFool, Ead, Fab, Fgsm, Jsma, MiFgsm,
    Patch, Pgd, Place, Sparse, Universal,
};
pub use oracle::{Answer, LocalOracle, Made, Oracle, QueryAttack};
pub use query::{Boundary, HopSkipJump, Nes, SimBa, Spatial, Square};
pub use target::Target;
pub use weakened::weakened;
pub use white_box::{AttackError, Gradient, Loss, WhiteBox};

use crate::tensor::Picture;
use ball::sign;

/// An attack that knows the classifier, its gradients included.
pub trait Attack: Send + Sync {
    /// How often [`Attack::run`] calls `watch`, at most.
    fn rounds(&self) -> usize;

    /// How many gradients it takes for each seed in each of these rounds.
    fn gradients_a_round(&self) -> usize {
        1
    }

    /// One picture a seed, adversarial or not, rounded to its depth. `watch` is called as the work goes on.
    ///
    /// # Errors
    /// When the gradient can't be computed.
    fn run(&self, victim: &WhiteBox, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Picture>, AttackError>;
}

/// What an attack begins with.
#[derive(Debug, Clone)]
pub struct Seed {
    /// A benign picture of the classifier's size.
    pub picture: Picture,
    /// What the classifier should come to read.
    pub goal: Goal,
}

/// What an attack wants of the classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Any class but this one: an untargeted attack.
    Not(usize),
    /// This class: a targeted attack.
    Read(usize),
}

impl Goal {
    /// Whether the goal is reached by reading `class`.
    pub fn is_reached(self, class: usize) -> bool {
        match self {
            Self::Not(truth) => class != truth,
            Self::Read(target) => class == target,
        }
    }

    /// Whether the goal is reached by these scores, one a class.
    pub fn is_reached_by(self, scores: &[f32]) -> bool {
        self.is_reached(largest(scores))
    }

    /// How far scores are past the goal, the margin of Carlini and Wagner: positive once it is reached.
    pub fn margin(self, scores: &[f32]) -> f32 {
        let (class, sign) = self.loss();
        let others = scores.iter().enumerate().filter(|(index, _)| *index != class);
        let rival = others.map(|(_, &score)| score).fold(f32::NEG_INFINITY, f32::max);
        sign * (rival - scores[class])
    }

    /// The class whose loss counts, and whether it is to grow or to shrink.
    fn loss(self) -> (usize, f32) {
        match self {
            Self::Not(truth) => (truth, 1.0),
            Self::Read(target) => (target, -1.0),
        }
    }
}

/// The class with the largest score; the first of equals.
pub fn largest(scores: &[f32]) -> usize {
    (0..scores.len()).fold(0, |best, index| if scores[index] > scores[best] { index } else { best })
}

fn pictures(seeds: &[Seed]) -> Vec<Picture> {
    seeds.iter().map(|seed| seed.picture.clone()).collect()
}

/// By how much each pixel of `to` differs from that of `from`.
pub fn change(from: &Picture, to: &Picture) -> Vec<f32> {
    from.pixels().iter().zip(to.pixels()).map(|(from, to)| to - from).collect()
}

/// What `attack` makes of each half of the seeds, every other one, when it knows the other half: it is called with the
/// known and the unknown ones. A seed that is alone is known.
fn crossed(
    seeds: &[Seed],
    mut attack: impl FnMut(&[Seed], &[Seed]) -> Result<Vec<Picture>, AttackError>,
) -> Result<Vec<Picture>, AttackError> {
    let half = |odd: usize| -> Vec<Seed> { seeds.iter().skip(odd).step_by(2).cloned().collect() };
    let even = half(0);
    let odd = if seeds.len() > 1 { half(1) } else { even.clone() };
    let mut made = [attack(&odd, &even)?.into_iter(), attack(&even, &odd)?.into_iter()];
    Ok((0..seeds.len()).filter_map(|index| made[index % 2].next()).collect())
}
