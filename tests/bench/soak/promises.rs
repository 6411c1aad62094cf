//! What was promised, and whether it was kept.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use portcullis::report::Table;
use serde_json::json;

use crate::clients::Tally;
use crate::support::Metrics;
use crate::{LAST, WARM_UP, median};

/// How much larger or smaller resident memory may be at the end than after the warm-up, as a share of the latter.
const MEMORY_MARGIN: f64 = 0.1;

/// What the soak has shown.
pub struct Findings {
    pub length: Duration,
    pub tally: Tally,
    pub injected: BTreeMap<&'static str, usize>,
    /// Whether a call was answered once nothing was wrong any more.
    pub recovered: bool,
    pub metrics: Metrics,
    /// Resident memory at parts of the time, in bytes.
    pub memory: Vec<(f64, usize)>,
}

impl Findings {
    fn resident(&self) -> [usize; 2] {
        [median(&self.memory, WARM_UP, WARM_UP + LAST), median(&self.memory, 1.0 - LAST, f64::MAX)]
    }

    fn decided(&self) -> f64 {
        self.metrics.sum("portcullis_decisions_total", &[])
    }

    fn left(&self) -> f64 {
        ["portcullis_inflight_requests", "portcullis_inflight_bytes"]
            .map(|name| self.metrics.sum(name, &[]))
            .iter()
            .sum()
    }

    /// Each promise, what was found, and whether it was kept.
    fn promises(&self) -> Vec<(&'static str, String, bool)> {
        let tally = &self.tally;
        let none = |what, count: usize| (what, count.to_string(), count == 0);
        let [warm, last] = self.resident();
        let grown = last as f64 / warm as f64 - 1.0;
        let mebibytes = |bytes: usize| bytes as f64 / f64::from(1 << 20);
        vec![
            none("suspicious inputs that got a prediction", tally.wrong_passes),
            none("calls without an answer", tally.lost),
            none("answers to another call", tally.mixed_up),
            none("calls that reached the upstream twice", tally.doubled),
            (
                "requests sent, and counted by a decision",
                format!("{}, {}", tally.sent, self.decided()),
                self.decided() == tally.sent as f64,
            ),
            ("calls and bytes left behind", self.left().to_string(), self.left() == 0.0),
            ("a call is answered when all is over", if self.recovered { "yes" } else { "no" }.into(), self.recovered),
            (
                "resident MiB after warm-up and at the end",
                format!("{:.1}, {:.1} ({:+.1}%)", mebibytes(warm), mebibytes(last), 100.0 * grown),
                grown.abs() <= MEMORY_MARGIN,
            ),
        ]
    }

    pub fn all_kept(&self) -> bool {
        self.promises().iter().all(|(.., kept)| *kept)
    }

    /// All of it, for programs.
    pub fn json(&self) -> serde_json::Value {
        let promises =
            self.promises().into_iter().map(|(what, found, kept)| json!({"what": what, "found": found, "kept": kept}));
        let outcomes = self.tally.outcomes.iter().map(|((is_suspicious, outcome), count)| {
            json!({"input": kind(*is_suspicious), "outcome": outcome, "calls": count})
        });
        json!({
            "seconds": self.length.as_secs_f64(),
            "promises": promises.collect::<Vec<_>>(),
            "outcomes": outcomes.collect::<Vec<_>>(),
            "faults": self.injected,
            "decisions": self.decisions(),
        })
    }

    /// The decision counters, by decision and reason.
    fn decisions(&self) -> BTreeMap<String, f64> {
        let mut decisions = BTreeMap::new();
        for series in self.metrics.matching("portcullis_decisions_total", &[]).filter(|series| series.value > 0.0) {
            let label = |name: &str| series.labels.get(name).map(String::as_str).unwrap_or_default();
            let name = format!("{} {}", label("decision"), label("reason")).trim_end().to_owned();
            *decisions.entry(name).or_default() += series.value;
        }
        decisions
    }
}

fn kind(is_suspicious: bool) -> &'static str {
    if is_suspicious { "suspicious" } else { "benign" }
}

impl fmt::Display for Findings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut outcomes = Table::with_numbers("input, outcome", ["calls"]);
        for ((is_suspicious, outcome), count) in &self.tally.outcomes {
            outcomes.row([format!("{}, {outcome}", kind(*is_suspicious)), count.to_string()]);
        }
        let mut faults = Table::with_numbers("fault", ["times"]);
        for (fault, times) in &self.injected {
            faults.row([(*fault).to_owned(), times.to_string()]);
        }
        let mut decisions = Table::with_numbers("decision", ["requests"]);
        for (decision, count) in self.decisions() {
            decisions.row([decision, count.to_string()]);
        }
        let mut promises = Table::with_numbers("promise", ["found", "kept"]);
        for (what, found, kept) in self.promises() {
            promises.row([what.to_owned(), found, if kept { "yes" } else { "NO" }.to_owned()]);
        }
        let seconds = self.length.as_secs_f64();
        let rate = self.tally.sent as f64 / seconds;
        writeln!(formatter, "{outcomes}\n\n{faults}\n\n{decisions}\n\n{promises}\n")?;
        write!(formatter, "{seconds:.0} seconds, {rate:.0} requests a second")
    }
}
