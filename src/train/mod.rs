//! Training: students distilled from a classifier that is a black box, sentinels from attacks on it, and classifiers from
//! labels; on request against an adversary. Networks of one family, trained with `burn`, exported as ONNX.

mod adversary;
mod architecture;
mod augment;
mod checkpoint;
mod device;
mod error;
mod examples;
mod export;
mod feed;
mod fit;
mod folded;
mod front;
mod measure;
mod network;
mod objective;
mod provocation;
mod schedule;
mod step;

pub use adversary::Adversary;
pub use architecture::{Architecture, Size};
pub use augment::Augment;
pub use device::Accelerator;
pub use error::TrainError;
pub use examples::Examples;
pub use export::{Contract, Export};
pub use fit::{Epoch, Event, Plan, Trained, train};
pub use front::Front;
pub use objective::{Method, Objective, Robust};
pub use provocation::Provocation;

use crate::model::Classifier;

/// The fewest pictures that can be trained on.
pub const FEWEST: usize = 20;

/// The most that an exported network's probabilities may differ from the trained one's.
pub const MOST_DIFFERENCE: f32 = 1e-4;

/// Who says what is right.
pub enum Supervision {
    /// A classifier, asked for its answer on each changed picture.
    Teacher(Box<Classifier>),
    /// The pictures' labels.
    Labels {
        /// Number of classes.
        classes: usize,
    },
    /// Attacks on a classifier: what they make is adversarial, everything else benign.
    Attacks(Box<Provocation>),
}

impl Supervision {
    /// What tells one from another.
    fn identity(&self) -> String {
        match self {
            Self::Teacher(teacher) => teacher.model().sha256().to_owned(),
            Self::Labels { classes } => format!("labels of {classes} classes"),
            Self::Attacks(attacks) => {
                format!("{} attacked by {}", attacks.classifier().model().sha256(), attacks.eps())
            }
        }
    }
}
