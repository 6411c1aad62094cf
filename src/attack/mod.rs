//! Attacks on a classifier, one file each: benign pictures go in, adversarial ones come out, in what a client can really
//! send, 8 bits a pixel.

mod fgsm;
mod pgd;
mod white_box;

pub use fgsm::Fgsm;
pub use pgd::Pgd;
pub use white_box::{AttackError, WhiteBox};

use crate::tensor::Picture;

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

    /// The class whose loss counts, and whether it is to grow or to shrink.
    fn loss(self) -> (usize, f32) {
        match self {
            Self::Not(truth) => (truth, 1.0),
            Self::Read(target) => (target, -1.0),
        }
    }
}
