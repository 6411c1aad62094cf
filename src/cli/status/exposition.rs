//! Reading what Prometheus would scrape.

use std::collections::BTreeMap;

/// One sample: its metric's name, its labels and its value.
#[derive(Debug, Clone, PartialEq)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// All samples of a scrape.
#[derive(Debug, Default)]
pub struct Exposition(Vec<Sample>);

impl Exposition {
    /// Reads Prometheus' text format; what is no sample is left out.
    pub fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(sample).collect())
    }

    /// The sum of all samples of `name` with these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).map(|sample| sample.value).sum()
    }

    /// The only or first sample of `name` with these labels.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.matching(name, labels).map(|sample| sample.value).next()
    }

    /// What the label `label` of the metric `name` is, in order.
    pub fn values_of(&self, name: &str, label: &str) -> Vec<String> {
        let mut values: Vec<String> =
            self.matching(name, &[]).filter_map(|sample| sample.labels.get(label).cloned()).collect();
        values.sort();
        values.dedup();
        values
    }

    /// The quantile `share` of the histogram `name`, interpolated as Prometheus does it; nothing where nothing was
    /// observed, and the last bound where it lies beyond.
    pub fn quantile(&self, name: &str, labels: &[(&str, &str)], share: f64) -> Option<f64> {
        let mut buckets: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
        for sample in self.matching(&format!("{name}_bucket"), labels) {
            let bound = sample.labels.get("le").and_then(|bound| bound.parse::<f64>().ok())?;
            // Bounds are not negative: their bits are in their order.
            buckets.entry(bound.to_bits()).or_insert((bound, 0.0)).1 += sample.value;
        }
        let all = buckets.values().next_back().map(|(_, count)| *count).filter(|count| *count > 0.0)?;
        let (mut below, mut lower) = (0.0, 0.0);
        for (bound, count) in buckets.into_values() {
            if count >= share * all {
                let part = (share * all - below) / (count - below);
                return Some(if bound.is_finite() { lower + (bound - lower) * part } else { lower });
            }
            (below, lower) = (count, bound);
        }
        None
    }

    fn matching<'a>(&'a self, name: &'a str, labels: &'a [(&str, &str)]) -> impl Iterator<Item = &'a Sample> {
        let fits = |sample: &&Sample| {
            labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|other| other == value))
        };
        self.0.iter().filter(move |sample| sample.name == name).filter(fits)
    }
}

fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))?;
    let value = value.parse().ok()?;
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, self::labels(labels.strip_suffix('}')?)?),
        None => (series, BTreeMap::new()),
    };
    Some(Sample { name: name.to_owned(), labels, value })
}

/// `a="b",c="d"`, with `\"`, `\\` and `\n` in values.
fn labels(mut text: &str) -> Option<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    while let Some((name, rest)) = text.split_once("=\"") {
        let mut value = String::new();
        let mut characters = rest.char_indices();
        let end = loop {
            match characters.next()? {
                (_, '\\') => value.push(match characters.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (at, '"') => break at,
                (_, other) => value.push(other),
            }
        };
        labels.insert(name.trim_start_matches(',').to_owned(), value);
        text = &rest[end + 1..];
    }
    Some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRAPE: &str = "# TYPE seconds histogram\nseconds_bucket{model=\"a\",le=\"0.1\"} 50\n\
                          seconds_bucket{model=\"a\",le=\"0.5\"} 90\nseconds_bucket{model=\"a\",le=\"+Inf\"} 100\n\
                          total{model=\"a, {b}\",why=\"says \\\"no\\\"\"} 3\ntotal{model=\"c\"} 4\nup 1\nnonsense\n";

    #[test]
    fn samples_are_read_with_their_labels_whatever_these_hold() {
        let scrape = Exposition::parse(SCRAPE);
        assert_eq!(scrape.sum("total", &[]), 7.0);
        assert_eq!(scrape.sum("total", &[("why", "says \"no\"")]), 3.0);
        assert_eq!(scrape.values_of("total", "model"), ["a, {b}", "c"]);
        assert_eq!((scrape.value("up", &[]), scrape.value("down", &[])), (Some(1.0), None));
    }

    #[test]
    fn quantiles_are_interpolated_and_stay_below_the_last_bound() {
        let scrape = Exposition::parse(SCRAPE);
        let quantile = |share| scrape.quantile("seconds", &[("model", "a")], share);
        assert_eq!(quantile(0.5), Some(0.1));
        assert!((quantile(0.7).unwrap() - 0.3).abs() < 1e-9);
        assert_eq!(quantile(0.99), Some(0.5));
        assert_eq!(scrape.quantile("seconds", &[("model", "b")], 0.5), None);
    }
}
