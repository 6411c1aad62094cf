//! What is compared, and in which order.

use super::mistake::{Located, Mistake};
use super::read::ranged;
use super::section::Section;
use super::types::{CascadeConfig, Companion, DetectorConfig, DetectorKind, Measure};

/// The share of benign inputs that the later detectors of a cascade look at, where none is given.
const SHARE: f64 = 0.2;

pub(super) fn detector(mut section: Section<'_>) -> Option<DetectorConfig> {
    let kind = section.required::<String>("kind")?;
    let kind = match kind.value.as_str() {
        "feature_squeezing" => {
            let squeezers = section.required::<Vec<Located<String>>>("squeezers")?;
            if squeezers.value.is_empty() {
                section.wrong(squeezers.at, "squeezers", "is empty");
                return None;
            }
            DetectorKind::FeatureSqueezing { squeezers: squeezers.value, hidden: section.optional("hidden") }
        }
        "disagreement" => DetectorKind::Disagreement {
            student: section.required("student")?,
            measure: section.or("measure", Measure::Surprise),
            temperature: ranged(&mut section, "temperature", 1.0, |value| value > 0.0, "be above 0"),
            hidden: section.optional("hidden"),
        },
        "margin" => DetectorKind::Margin,
        "sentinel" => DetectorKind::Sentinel { sentinel: section.required("sentinel")? },
        _ => {
            let known = "must be \"feature_squeezing\", \"disagreement\", \"margin\" or \"sentinel\"";
            section.wrong(kind.at, "kind", known);
            return None;
        }
    };
    let default = match &kind {
        DetectorKind::FeatureSqueezing { .. } => "feature_squeezing".to_owned(),
        DetectorKind::Disagreement { student, measure, .. } => format!("{}.{}", student.value, measure.name()),
        DetectorKind::Margin => "margin".to_owned(),
        DetectorKind::Sentinel { sentinel } => sentinel.value.clone(),
    };
    let detector = DetectorConfig {
        name: section.or("name", default),
        weight: ranged(&mut section, "weight", 1.0, |weight| weight >= 0.0, "not be negative"),
        kind,
        at: section.at.clone(),
    };
    section.end();
    Some(detector)
}

pub(super) fn check_references(
    detectors: &[DetectorConfig],
    students: &[Companion],
    sentinels: &[Companion],
    mistakes: &mut Vec<Mistake>,
) {
    for detector in detectors {
        let (role, wanted, known) = match &detector.kind {
            DetectorKind::FeatureSqueezing { .. } | DetectorKind::Margin => continue,
            DetectorKind::Disagreement { student, .. } => ("student", student, students),
            DetectorKind::Sentinel { sentinel } => ("sentinel", sentinel, sentinels),
        };
        if !known.iter().any(|known| known.name.value == wanted.value) {
            let message = format!("detector '{}': there is no {role} '{}'", detector.name, wanted.value);
            mistakes.push(wanted.mistake(message));
        }
    }
}

/// Which of the `detectors` come first. `fpr` is the false-positive rate in force.
pub(super) fn cascade(mut section: Section<'_>, detectors: &[DetectorConfig], fpr: f64) -> Option<CascadeConfig> {
    let share = ranged(&mut section, "share", SHARE, |share| share > 0.0 && share < 1.0, "lie between 0 and 1");
    if share <= fpr {
        let problem =
            format!("is {share}, but must be larger than fpr ({fpr}): else the later detectors decide nothing");
        section.wrong(section.at.clone(), "share", problem);
    }
    let first = section.required::<Vec<Located<String>>>("first").map(|first| first.value).unwrap_or_default();
    let is_known = |name: &Located<String>| detectors.iter().any(|detector| detector.name == name.value);
    for name in first.iter().filter(|name| !is_known(name)) {
        section.wrong(name.at.clone(), "first", format!("names '{}', but there is no such detector", name.value));
    }
    let cascade = CascadeConfig { first, share };
    let count = detectors.iter().filter(|detector| cascade.comes_first(detector)).count();
    if count == 0 || count == detectors.len() {
        section.wrong(section.at.clone(), "first", "must name some of the detectors, and not all");
    }
    section.end();
    Some(cascade)
}
