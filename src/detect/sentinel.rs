//! A sentinel's word: how sure a network is that a picture was tampered with.

use super::{Detector, FLOOR, Observation, ObservationGradient};

/// What a sentinel answers: benign, adversarial, in this order.
pub const SENTINEL_CLASSES: usize = 2;

/// The log-odds that a network trained to tell adversarial from benign pictures gives the former (Metzen et al. 2017).
pub struct Sentinel {
    name: String,
    position: usize,
    sentinel_name: String,
}

impl Sentinel {
    /// A detector over the sentinel at position `sentinel` among the observation's companions.
    pub fn new(name: impl Into<String>, (position, sentinel_name): (usize, String)) -> Self {
        Self { name: name.into(), position, sentinel_name }
    }
}

impl Detector for Sentinel {
    fn name(&self) -> &str {
        &self.name
    }

    fn definition(&self) -> String {
        format!("sentinel {}", self.sentinel_name)
    }

    fn compares_with_original(&self) -> bool {
        false
    }

    fn score(&self, observation: &Observation) -> f64 {
        let probabilities = observation.companions[self.position].probabilities();
        let [benign, adversarial] = [0, 1].map(|class| probabilities[class].max(FLOOR).ln());
        adversarial - benign
    }

    fn gradient(&self, observation: &Observation) -> ObservationGradient {
        let mut gradient = ObservationGradient::none(observation);
        gradient.companions[self.position] = Some(vec![-1.0, 1.0]);
        gradient
    }
}
