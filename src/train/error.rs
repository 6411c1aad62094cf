//! Why a training stopped.

use std::io;
use std::path::PathBuf;

use crate::data::DataError;
use crate::model::{ModelError, PredictError};
use crate::onnx::GraphError;

/// Why there is no trained network.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// There are too few pictures to train on and to validate with.
    #[error("{0} readable pictures are too few to train on; it takes at least {least}", least = super::FEWEST)]
    TooFew(usize),
    /// A picture cannot be read, and that was not to be passed over.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A picture has no label where labels are learnt.
    #[error("{0} has no label; put the pictures into one folder a class, or list them in a CSV file of labels")]
    Unlabelled(String),
    /// The teacher gave no answer.
    #[error("the teacher does not answer with a distribution over its classes")]
    Teacher(#[source] PredictError),
    /// An attack that a sentinel was to learn from failed.
    #[error("the classifier cannot be attacked, which a sentinel learns from")]
    Attack(#[from] crate::attack::AttackError),
    /// The numbers ran away.
    #[error("the loss is not finite at step {step}; train with a smaller --learning-rate than {rate}")]
    Diverged {
        /// Steps taken.
        step: usize,
        /// The largest learning rate.
        rate: f64,
    },
    /// A file could not be written.
    #[error("cannot write {}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What was left by an interrupted training cannot be gone on with.
    #[error("{} is left from a training with other data or settings; finish that one, or start anew with --restart", .0.display())]
    OtherTraining(PathBuf),
    /// A checkpoint is damaged.
    #[error("{} cannot be read ({problem}); start anew with --restart", .path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The network could not be written as ONNX.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// ONNX Runtime does not load what was written.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The exported network answers otherwise than the trained one.
    #[error("the exported network differs by {difference:e} from the trained one, more than {most:e}; nothing was written", most = super::MOST_DIFFERENCE)]
    Export {
        /// The largest difference between two outputs.
        difference: f32,
    },
}
