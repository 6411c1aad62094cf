//! Prometheus' text format, as far as it takes to look values up.

use std::collections::BTreeMap;

/// One series: its name, labels and value.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// One scrape.
#[derive(Debug, Clone)]
pub struct Metrics(pub Vec<Series>);

impl Metrics {
    /// Reads an exposition. A line that is none fails the test.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(lines.map(|line| series(line).unwrap_or_else(|| panic!("not a sample: {line}"))).collect())
    }

    /// The sum over all series of this name that carry these labels; 0 where there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).map(|series| series.value).sum()
    }

    /// Every series of this name that carries these labels.
    pub fn matching<'a>(&'a self, name: &'a str, labels: &'a [(&str, &str)]) -> impl Iterator<Item = &'a Series> {
        let carries = |series: &&Series| {
            labels.iter().all(|(key, value)| series.labels.get(*key).is_some_and(|actual| actual == value))
        };
        self.0.iter().filter(move |series| series.name == name).filter(carries)
    }

    /// How many requests of `model` ended up as `decision`.
    pub fn decisions(&self, model: &str, decision: &str) -> f64 {
        self.sum("portcullis_decisions_total", &[("model", model), ("decision", decision)])
    }
}

fn series(line: &str) -> Option<Series> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}')?),
        None => (series, ""),
    };
    // No label of ours holds a comma or a quotation mark but detectors' names, whose commas stand inside brackets.
    let labels = labels.split("\",").filter(|label| !label.is_empty()).map(|label| {
        let (key, value) = label.split_once("=\"")?;
        Some((key.to_owned(), value.trim_end_matches('"').to_owned()))
    });
    Some(Series { name: name.to_owned(), labels: labels.collect::<Option<_>>()?, value: value.parse().ok()? })
}
