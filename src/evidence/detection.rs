//! The record of one detection.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::time;
use crate::detect::{Action, Decision, Reason, Verdict};

/// The version of the record's JSON form. It grows when a reader of the former would misunderstand the new one.
pub const SCHEMA_VERSION: u32 = 1;

/// A request that was called suspicious, or that could not be examined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// [`SCHEMA_VERSION`] when it was written.
    pub schema_version: u32,
    /// Identifier that annotated or refused clients were given: a UUID of version 7.
    pub id: String,
    /// When it was decided, to the millisecond.
    #[serde(with = "time")]
    pub time: SystemTime,
    /// The guarded model.
    pub model: String,
    /// The request's decision: its worst item's.
    pub decision: Decision,
    /// Why it is undecided.
    pub reason: Option<Reason>,
    /// What was done.
    pub action: Action,
    /// Who sent it, where that is known.
    pub client: Option<Client>,
    /// The trace of the request in hexadecimal (W3C), where it is collected.
    pub trace_id: Option<String>,
    /// How many items the request had, as far as it could be read.
    pub batch: usize,
    /// The items in their order: all of the batch or, of a large one, the first that are not clean.
    pub items: Vec<Item>,
}

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// `ADDRESS:PORT`, or `unix` for a Unix-domain socket.
    pub address: String,
    /// The subject of the certificate that it proved to be its own (RFC 4514), under mutual TLS.
    pub subject: Option<String>,
}

/// One item of the request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// What the detectors make of it; nothing where it could not be examined.
    pub verdict: Option<Verdict>,
    /// Why it could not be examined.
    pub reason: Option<Reason>,
    /// What the classifier says of the input, then of each squeezed copy, then what each student and sentinel says.
    pub predictions: Vec<Prediction>,
    /// SHA-256 of the item as it was sent, in hexadecimal: of its elements in little-endian order, or of its file.
    pub sha256: Option<String>,
}

/// The most probable class of one prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// `original`, a squeezer such as `median(2,2)`, `student NAME` or `sentinel NAME`.
    pub source: String,
    /// Index of the class.
    pub class: usize,
    /// Its probability.
    pub probability: f64,
}

/// Who made a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// The classifier, of the input itself.
    Classifier,
    /// The classifier, of a squeezed copy.
    Copy,
    /// A student.
    Student,
    /// A sentinel, whose classes are not the classifier's.
    Sentinel,
}

impl Prediction {
    /// Who made it.
    pub fn voice(&self) -> Voice {
        match self.source.as_str() {
            "original" => Voice::Classifier,
            source if source.starts_with("student ") => Voice::Student,
            source if source.starts_with("sentinel ") => Voice::Sentinel,
            _ => Voice::Copy,
        }
    }
}

impl Detection {
    /// The most suspicious of its items that were examined.
    pub fn worst(&self) -> Option<(&Item, &Verdict)> {
        let examined = self.items.iter().filter_map(|item| Some((item, item.verdict.as_ref()?)));
        examined.min_by(|(_, one), (_, other)| one.p_value.total_cmp(&other.p_value))
    }

    /// Memory that it takes, in bytes, about.
    pub fn bytes(&self) -> usize {
        let text = |text: &String| size_of::<String>() + text.len();
        let item = |item: &Item| {
            let evidence = item.verdict.iter().flat_map(|verdict| &verdict.evidence);
            let detectors: usize = evidence.map(|evidence| size_of::<[f64; 2]>() + text(&evidence.detector)).sum();
            let sources: usize =
                item.predictions.iter().map(|prediction| size_of::<[f64; 2]>() + text(&prediction.source)).sum();
            size_of::<Item>() + item.sha256.as_ref().map_or(0, text) + detectors + sources
        };
        let trace = self.trace_id.as_ref().map_or(0, String::len);
        size_of::<Self>() + trace + self.id.len() + self.model.len() + self.items.iter().map(item).sum::<usize>()
    }
}

impl Item {
    /// What the classifier says of the input itself.
    pub fn original(&self) -> Option<&Prediction> {
        self.predictions.iter().find(|prediction| prediction.voice() == Voice::Classifier)
    }

    /// What of squeezed copies and by students is said of the classifier's classes.
    pub fn second_opinions(&self) -> impl Iterator<Item = &Prediction> {
        self.predictions.iter().filter(|prediction| matches!(prediction.voice(), Voice::Copy | Voice::Student))
    }

    /// The class that squeezed copies and students together give the most probability, as far as the record tells; nothing
    /// where there are none.
    pub fn consensus(&self) -> Option<usize> {
        let mut classes: BTreeMap<usize, f64> = BTreeMap::new();
        for prediction in self.second_opinions() {
            *classes.entry(prediction.class).or_default() += prediction.probability;
        }
        classes.into_iter().max_by(|one, other| one.1.total_cmp(&other.1)).map(|(class, _)| class)
    }

    /// The decision on it alone.
    pub fn decision(&self) -> Decision {
        self.verdict.as_ref().map_or(Decision::Undecided, |verdict| verdict.decision)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::detect::Evidence;

    /// A detection of one item with this p-value.
    pub(in crate::evidence) fn detection(id: &str, p_value: f64) -> Detection {
        let evidence = vec![Evidence { detector: "fs".into(), score: 1.5, p_value }];
        let verdict =
            Verdict { decision: Decision::Suspicious, class: 3, score: 4.5, threshold: 2.0, p_value, evidence };
        let predictions = vec![
            Prediction { source: "original".into(), class: 3, probability: 0.9 },
            Prediction { source: "median(2,2)".into(), class: 5, probability: 0.6 },
        ];
        let item = Item { index: 0, verdict: Some(verdict), reason: None, predictions, sha256: Some("ab".repeat(32)) };
        Detection {
            schema_version: SCHEMA_VERSION,
            id: id.into(),
            time: UNIX_EPOCH + Duration::from_millis(1_790_000_000_123),
            model: "signs".into(),
            decision: Decision::Suspicious,
            reason: None,
            action: Action::Block,
            client: Some(Client { address: "192.0.2.7:4711".into(), subject: Some("CN=camera".into()) }),
            trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".into()),
            batch: 1,
            items: vec![item],
        }
    }

    #[test]
    fn a_record_is_read_back_from_json_as_it_was_and_says_its_version() {
        let written = serde_json::to_value(detection("one", 0.001)).unwrap();
        assert_eq!(written["schema_version"], 1);
        assert_eq!(written["time"], "2026-09-21T14:13:20.123Z");
        assert_eq!(written["decision"], "suspicious");
        assert_eq!(written["action"], "block");
        assert_eq!(serde_json::from_value::<Detection>(written).unwrap(), detection("one", 0.001));
    }

    #[test]
    fn what_the_worst_item_is_does_not_depend_on_its_place() {
        let mut several = detection("one", 0.2);
        several.items.extend(detection("two", 0.001).items);
        several.items.push(Item { verdict: None, reason: Some(Reason::Values), ..several.items[0].clone() });
        assert_eq!(several.worst().unwrap().1.p_value, 0.001);
        assert_eq!(several.items[2].decision(), Decision::Undecided);
    }

    #[test]
    fn consensus_is_what_everybody_but_the_classifier_and_sentinels_says() {
        let mut item = detection("one", 0.1).items.remove(0);
        assert_eq!(item.consensus(), Some(5));
        let says = |source: &str, class, probability| Prediction { source: source.into(), class, probability };
        item.predictions.extend([says("student a", 4, 0.5), says("student b", 4, 0.4), says("sentinel s", 1, 1.0)]);
        assert_eq!(item.consensus(), Some(4));
        item.predictions.truncate(1);
        assert_eq!(item.consensus(), None);
    }
}
