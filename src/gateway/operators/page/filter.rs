//! What of all that is there one wants to see.

use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::history::{Histories, Span};
use super::words::moment;
use crate::detect::Decision;
use crate::evidence::{Detection, Item};

/// The filters as an address has them.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Query {
    model: Option<String>,
    decision: Option<String>,
    detector: Option<String>,
    span: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

/// What detections have to be like. What makes no sense in an address filters nothing.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) model: Option<String>,
    pub(super) decision: Option<Decision>,
    /// A detector that alone found an item suspicious.
    pub(super) detector: Option<String>,
    pub(super) span: Span,
    /// Seconds of the Unix epoch, instead of the span's.
    pub(super) between: Option<(u64, u64)>,
}

impl From<Query> for Filter {
    fn from(query: Query) -> Self {
        let chosen = |value: Option<String>| value.filter(|value| !value.is_empty());
        let second = |value: Option<String>| value.and_then(|value| value.parse::<u64>().ok());
        let decision = query.decision.as_deref().and_then(|name| {
            [Decision::Suspicious, Decision::Undecided].into_iter().find(|decision| decision.name() == name)
        });
        let span = query.span.as_deref().and_then(|name| Span::ALL.into_iter().find(|span| span.name() == name));
        Self {
            model: chosen(query.model),
            decision,
            detector: chosen(query.detector),
            span: span.unwrap_or(Span::Hour),
            between: second(query.from).zip(second(query.to)).filter(|(from, to)| from <= to),
        }
    }
}

impl Filter {
    /// Whether a model is wanted.
    pub(super) fn wants(&self, model: &str) -> bool {
        self.model.as_deref().is_none_or(|wanted| wanted == model)
    }

    /// Whether a detection is wanted, at the second `now`.
    pub(super) fn shows(&self, detection: &Detection, histories: &Histories, now: u64) -> bool {
        let (from, to) = match self.between {
            Some((from, to)) => (from, to.saturating_add(1)),
            None => (self.span.start(now), u64::MAX),
        };
        let at = seconds(detection.time);
        let spoke =
            |detector: &String| detection.items.iter().any(|item| has_spoken(item, detector, detection, histories));
        self.wants(&detection.model)
            && self.decision.is_none_or(|decision| decision == detection.decision)
            && (from..to).contains(&at)
            && self.detector.as_ref().is_none_or(spoke)
    }

    /// Whether it leaves anything out beyond the time.
    pub(super) fn is_set(&self) -> bool {
        self.model.is_some() || self.decision.is_some() || self.detector.is_some() || self.between.is_some()
    }

    /// The address of the same without the times between which.
    pub(super) fn without_between(&self) -> String {
        let decision = self.decision.map(Decision::name);
        let pairs = [
            ("model", self.model.as_deref()),
            ("decision", decision),
            ("detector", self.detector.as_deref()),
            ("span", Some(self.span.name())),
        ];
        let pairs = pairs.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", encoded(value?))));
        format!("/?{}", pairs.collect::<Vec<_>>().join("&"))
    }
}

fn encoded(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Whether a detector alone found an item suspicious.
fn has_spoken(item: &Item, detector: &str, detection: &Detection, histories: &Histories) -> bool {
    let threshold = histories.find(&detection.model).and_then(|history| history.scale(detector)?.threshold());
    let evidence = item.verdict.iter().flat_map(|verdict| &verdict.evidence);
    evidence
        .filter(|evidence| evidence.detector == detector)
        .any(|evidence| threshold.is_some_and(|threshold| evidence.score > threshold))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(moment(0)).unwrap_or(Duration::ZERO).as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_filters_nothing() {
        let query = Query {
            decision: Some("clean<script>".into()),
            span: Some("year".into()),
            from: Some("-1".into()),
            to: Some("9".into()),
            model: Some(String::new()),
            ..Query::default()
        };
        let filter = Filter::from(query);
        assert_eq!((filter.decision, filter.span, filter.between, filter.is_set()), (None, Span::Hour, None, false));
    }

    #[test]
    fn the_address_without_times_keeps_the_rest_and_escapes_it() {
        let query = Query {
            detector: Some("a&b=\"c\"".into()),
            from: Some("1".into()),
            to: Some("2".into()),
            ..Query::default()
        };
        let filter = Filter::from(query);
        assert_eq!(filter.between, Some((1, 2)));
        assert_eq!(filter.without_between(), "/?detector=a%26b%3D%22c%22&span=hour");
    }
}
