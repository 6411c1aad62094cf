//! What a demonstration shows: a guarded classifier, benign pictures, and adversarial ones made against it.

use std::path::{Path, PathBuf};

/// The files of a demonstration, and the words for its classes.
#[derive(Debug, Clone)]
pub struct Showcase {
    /// Configuration of a gateway that guards the classifier, and it alone.
    pub config: PathBuf,
    /// Benign pictures that the classifier was not trained on.
    pub benign: PathBuf,
    /// Adversarial set made against the classifier.
    pub adversarial: PathBuf,
    /// What each class is called.
    pub classes: &'static [&'static str],
    /// Whether it is dangerous to read a picture of the first class as one of the second.
    pub is_dangerous: fn(usize, usize) -> bool,
}

/// The classes of the German Traffic Sign Recognition Benchmark.
const TRAFFIC_SIGNS: [&str; 43] = [
    "speed limit 20",
    "speed limit 30",
    "speed limit 50",
    "speed limit 60",
    "speed limit 70",
    "speed limit 80",
    "end of limit 80",
    "speed limit 100",
    "speed limit 120",
    "no passing",
    "no passing by lorries",
    "right of way",
    "priority road",
    "yield",
    "stop",
    "no vehicles",
    "no lorries",
    "no entry",
    "danger",
    "bend to the left",
    "bend to the right",
    "double bend",
    "bumpy road",
    "slippery road",
    "road narrows",
    "road works",
    "traffic signals",
    "pedestrians",
    "children",
    "bicycles",
    "ice or snow",
    "wild animals",
    "end of all limits",
    "turn right",
    "turn left",
    "straight on",
    "straight or right",
    "straight or left",
    "keep right",
    "keep left",
    "roundabout",
    "end of no passing",
    "lorries may pass again",
];
/// Speed limits, the lowest first.
const SPEED_LIMITS: [usize; 8] = [0, 1, 2, 3, 4, 5, 7, 8];
/// Yield, stop, no entry: signs before which one stops.
const HALTS: [usize; 3] = [13, 14, 17];

/// A sign to stop at that is read as any other, or a speed limit that is read as a higher one.
fn endangers_traffic(truth: usize, reading: usize) -> bool {
    let speed = |class: usize| SPEED_LIMITS.iter().position(|&limit| limit == class);
    let faster = matches!((speed(truth), speed(reading)), (Some(allowed), Some(read)) if read > allowed);
    faster || (HALTS.contains(&truth) && !HALTS.contains(&reading))
}

impl Showcase {
    /// Traffic signs; `checkout` is the project's folder, and the data lie in `shared` beside it.
    pub fn traffic_signs(checkout: &Path) -> Self {
        let data = checkout.join("../shared/data");
        Self {
            config: checkout.join("deploy/examples/traffic_signs.toml"),
            benign: data.join("gtsrb"),
            adversarial: data.join("adversarial/gtsrb_cnn.npz"),
            classes: &TRAFFIC_SIGNS,
            is_dangerous: endangers_traffic,
        }
    }

    /// The first of the files that is not there.
    pub fn missing(&self) -> Option<&Path> {
        [&self.config, &self.benign, &self.adversarial].into_iter().find(|path| !path.exists()).map(PathBuf::as_path)
    }

    /// What a class is called.
    pub fn class(&self, class: usize) -> String {
        self.classes.get(class).map_or_else(|| format!("class {class}"), |name| (*name).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_sign_that_is_read_as_a_speed_limit_is_dangerous() {
        let showcase = Showcase::traffic_signs(Path::new("."));
        let is_dangerous = |truth: &str, reading: &str| {
            let class = |name: &str| showcase.classes.iter().position(|class| *class == name).unwrap();
            (showcase.is_dangerous)(class(truth), class(reading))
        };
        assert!(is_dangerous("stop", "speed limit 50") && is_dangerous("speed limit 30", "speed limit 100"));
        assert!(!is_dangerous("stop", "no entry") && !is_dangerous("speed limit 100", "speed limit 30"));
        assert!(!is_dangerous("roundabout", "keep left"));
        assert_eq!(showcase.class(43), "class 43");
    }

    #[test]
    fn the_first_missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let showcase = Showcase::traffic_signs(folder.path());
        assert_eq!(showcase.missing(), Some(showcase.config.as_path()));
    }
}
