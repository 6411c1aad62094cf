//! The profile: what calibration learnt from benign inputs about one guarded model.

mod calibration;
mod candidates;
mod interval;
mod lineup;
mod selection;
mod statistics;

pub use calibration::{CONFIDENCE, Calibration, CalibrationError, DetectorWeight, FEWEST_INPUTS, calibrate};
pub use candidates::{CANDIDATES, TEXT_CANDIDATES};
pub use interval::clopper_pearson;
pub use lineup::{Known, Lineup, Loader};
pub use selection::{CandidateScores, LEAST_GAIN, Power, SELECTION_RATE, Selection, Verdict, select};
pub use statistics::{Proportion, auc};

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::detect::{Cascade, Combination, Detector, Plan, Rate};
use crate::model::{InputSpec, OutputSpec, fingerprint};
use crate::squeeze::text::Vocabulary;
use crate::tensor::{Item, Picture};

/// Version of the file's format.
const FORMAT: u32 = 2;

/// No profile is larger than this; a larger file is refused unread.
const LARGEST_FILE: u64 = 256 << 20;

/// Why a profile can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file can't be read.
    #[error("cannot read the profile {}: {problem}; `portcullis calibrate` makes it", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        problem: String,
    },
    /// The file is no profile.
    #[error("{} is not a profile: {problem}; make it anew with `portcullis calibrate`", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The profile was made for something else.
    #[error(
        "the profile {} was made for another {what} (profile: {expected}, configured: {actual}); run `portcullis calibrate` again",
        .path.display()
    )]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: String,
        /// What the profile was made for.
        expected: String,
        /// What it is asked to guard.
        actual: String,
    },
    /// The profile lacks the false-positive rate that is asked for.
    #[error("the profile {} has no threshold for a false-positive rate of {rate}; it has {available}", .path.display())]
    NoSuchRate {
        /// The file.
        path: PathBuf,
        /// The rate.
        rate: f64,
        /// The rates that it has.
        available: String,
    },
}

/// An input's fingerprint: the first 64 bits of a SHA-256 in hexadecimal, of a picture's shape and its
/// pixels' levels, or of a text's UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InputId(String);

impl InputId {
    fn of(digest: Sha256) -> Self {
        Self(hex::encode(&digest.finalize()[..8]))
    }
}

impl From<&Picture> for InputId {
    fn from(picture: &Picture) -> Self {
        let mut digest = Sha256::new();
        for side in [picture.channels(), picture.height(), picture.width()] {
            digest.update((side as u64).to_le_bytes());
        }
        match picture.depth().is_8_bit() {
            true => digest.update(picture.to_interleaved_u8()),
            false => digest.update(bytemuck::cast_slice::<u16, u8>(&picture.to_interleaved_levels())),
        }
        Self::of(digest)
    }
}

impl From<&str> for InputId {
    fn from(text: &str) -> Self {
        Self::of(Sha256::new_with_prefix(text))
    }
}

impl From<&Item> for InputId {
    fn from(item: &Item) -> Self {
        match item {
            Item::Picture(picture) => Self::from(picture.as_ref()),
            Item::Text(text) => Self::from(text.as_ref()),
            Item::Tokens(sent) => Self::from(sent.text.as_ref()),
        }
    }
}

/// A model as a profile knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelIdentity {
    /// Its name: the guarded model's, or the companion's.
    pub name: String,
    /// SHA-256 of its ONNX file; `None` where its predictions come from the upstream and no file is at hand.
    pub sha256: Option<String>,
    /// How its input encodes what it looks at.
    pub input: InputSpec,
    /// How its output encodes a prediction.
    pub output: OutputSpec,
}

/// The calibrated artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Version of the format.
    pub format: u32,
    /// Version of the tool that made it.
    pub tool: String,
    /// When it was made, RFC 3339.
    pub created: String,
    /// The guarded model.
    pub model: ModelIdentity,
    /// SHA-256 of the guarded model's input and output specification.
    pub preprocessing: String,
    /// The students and sentinels.
    pub companions: Vec<ModelIdentity>,
    /// Benign inputs that it was calibrated on.
    pub benign_inputs: usize,
    /// Benign inputs that could not be examined and were left out.
    pub left_out: usize,
    /// Fingerprints of the benign inputs that were used, for the calibration or a choice before it, sorted: whoever
    /// measures leaves these out.
    pub seen: Vec<InputId>,
    /// Words of benign texts, for the squeezers that go by them.
    #[serde(default, skip_serializing_if = "Vocabulary::is_empty")]
    pub vocabulary: Vocabulary,
    /// Thresholds of the combination, highest rate first.
    pub rates: Vec<Rate>,
    /// The fitted combination.
    pub combination: Combination,
}

impl Profile {
    /// Puts a calibration and what it belongs to together; `created` is RFC 3339.
    pub fn new(
        model: ModelIdentity,
        companions: Vec<ModelIdentity>,
        calibration: &Calibration,
        mut seen: Vec<InputId>,
        left_out: usize,
        created: String,
    ) -> Self {
        Self {
            format: FORMAT,
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            created,
            preprocessing: fingerprint(&(&model.input, &model.output)),
            model,
            companions,
            benign_inputs: seen.len(),
            left_out,
            seen: {
                seen.sort_unstable();
                seen
            },
            vocabulary: Vocabulary::default(),
            rates: calibration.rates.clone(),
            combination: calibration.combination.clone(),
        }
    }

    /// The profile with more inputs that were used, though not calibrated on.
    #[must_use]
    pub fn having_seen(mut self, others: impl IntoIterator<Item = InputId>) -> Self {
        self.seen.extend(others);
        self.seen.sort_unstable();
        self.seen.dedup();
        self
    }

    /// The profile with words of benign texts.
    #[must_use]
    pub fn knowing(self, vocabulary: Vocabulary) -> Self {
        Self { vocabulary, ..self }
    }

    /// Reads a profile and checks that it is whole.
    ///
    /// # Errors
    /// When it can't be read or is no profile.
    pub fn load(path: &Path) -> Result<Self, ProfileError> {
        let read_error =
            |error: std::io::Error| ProfileError::Read { path: path.to_owned(), problem: error.to_string() };
        let invalid = |problem: String| ProfileError::Invalid { path: path.to_owned(), problem };
        let size = std::fs::metadata(path).map_err(read_error)?.len();
        if size > LARGEST_FILE {
            return Err(invalid(format!("it is {size} bytes long")));
        }
        Self::parse(&std::fs::read_to_string(path).map_err(read_error)?, path)
    }

    /// As [`Profile::load`], from text; `path` is where it came from.
    ///
    /// # Errors
    /// When it is no profile.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ProfileError> {
        let invalid = |problem: String| ProfileError::Invalid { path: path.to_owned(), problem };
        let profile: Self = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
        if profile.format != FORMAT {
            return Err(invalid(format!("it has format {}, this version reads {FORMAT}", profile.format)));
        }
        if profile.preprocessing != fingerprint(&(&profile.model.input, &profile.model.output)) {
            return Err(invalid("its preprocessing does not match its fingerprint".into()));
        }
        if let Some(model) = profile.models().find(|model| !model.input.is_finite()) {
            return Err(invalid(format!("the input of '{}' has a number that is not finite", model.name)));
        }
        Ok(profile)
    }

    /// The guarded model, then its students and sentinels.
    fn models(&self) -> impl Iterator<Item = &ModelIdentity> {
        std::iter::once(&self.model).chain(&self.companions)
    }

    /// Whether this input was among the benign ones that the profile was made from, or that squeezers were chosen by.
    pub fn has_seen(&self, input: impl Into<InputId>) -> bool {
        self.seen.binary_search(&input.into()).is_ok()
    }

    /// Checks that the profile, read from `path`, belongs to what it is asked to guard.
    ///
    /// # Errors
    /// Names the first thing that differs.
    pub fn check_belongs(&self, path: &Path, lineup: &Lineup) -> Result<(), ProfileError> {
        let Lineup { identity: model, companions, panel, .. } = lineup;
        let same = |what: String, expected: String, actual: String| {
            if expected == actual {
                Ok(())
            } else {
                Err(ProfileError::Mismatch { path: path.to_owned(), what, expected, actual })
            }
        };
        same_model(&same, "model", &self.model, model)?;
        let names = |all: &[ModelIdentity]| all.iter().map(|one| one.name.clone()).collect::<Vec<_>>().join(", ");
        same("set of students and sentinels".into(), names(&self.companions), names(companions))?;
        for (expected, actual) in self.companions.iter().zip(companions) {
            same_model(&same, &format!("second model '{}'", actual.name), expected, actual)?;
        }
        let calibrated: Vec<String> = self
            .combination
            .detectors
            .iter()
            .map(|detector| describe(&detector.name, &detector.definition, detector.weight))
            .collect();
        let configured: Vec<String> = lineup
            .detector_weights()
            .iter()
            .map(|detector| describe(&detector.name, &detector.definition, detector.weight))
            .collect();
        same("set of detectors".into(), calibrated.join("; "), configured.join("; "))?;
        let plan = |plan: Option<Plan>| {
            plan.map_or("none".to_owned(), |plan| format!("{} detectors first, share {}", plan.first, plan.share))
        };
        let calibrated = self.combination.cascade.as_ref().map(Cascade::plan);
        same("cascade".into(), plan(calibrated), plan(panel.cascade()))
    }

    /// The calibrated threshold for a false-positive rate; `path` is where the profile came from.
    ///
    /// # Errors
    /// When the profile has none.
    pub fn rate(&self, path: &Path, target: f64) -> Result<&Rate, ProfileError> {
        self.rates.iter().find(|rate| (rate.target - target).abs() < 1e-12).ok_or_else(|| ProfileError::NoSuchRate {
            path: path.to_owned(),
            rate: target,
            available: self.rates.iter().map(|rate| rate.target.to_string()).collect::<Vec<_>>().join(", "),
        })
    }
}

fn same_model(
    same: &impl Fn(String, String, String) -> Result<(), ProfileError>,
    what: &str,
    expected: &ModelIdentity,
    actual: &ModelIdentity,
) -> Result<(), ProfileError> {
    let hash = |model: &ModelIdentity| model.sha256.clone().unwrap_or_else(|| "unknown".into());
    same(format!("{what} name"), expected.name.clone(), actual.name.clone())?;
    same(format!("{what} file (SHA-256)"), hash(expected), hash(actual))?;
    let contract = |model: &ModelIdentity| serde_json::to_string(&(&model.input, &model.output)).unwrap_or_default();
    same(format!("{what} input or output"), contract(expected), contract(actual))
}

fn describe(name: &str, definition: &str, weight: f64) -> String {
    format!("{name} = {definition}, weight {weight}")
}

/// Names and weights of a panel's detectors, as [`calibrate`] wants them.
pub fn detector_weights(detectors: &[Box<dyn Detector>], weights: &[f64]) -> Vec<DetectorWeight> {
    detectors.iter().zip(weights).map(|(detector, &weight)| DetectorWeight::new(detector.as_ref(), weight)).collect()
}
