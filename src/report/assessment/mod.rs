//! What attacks did to a guarded model: counted, as tables, and as a page.

mod columns;
mod cost;
mod effort;
mod finding;
mod page;
mod restoration;
mod tables;
mod trial;

pub use cost::Cost;
pub use effort::Effort;
pub use finding::{Detection, Finding};
pub use restoration::Restoration;
pub use trial::{BenignOutcome, Distortion, Outcome, TextExhibit, Trial};

use serde::Serialize;

use self::columns::Column;
use self::cost::Reach;
use crate::profile::{Profile, Proportion};

/// Attacks with fewer successes tell nothing of how well successes are detected.
const FEWEST_SUCCESSES: u64 = 10;

/// The worst and the mean detection over the attacks, at one rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorstAndMean {
    /// The rate.
    pub target: f64,
    /// Of the attack that is detected least, among those with ten successes or more.
    pub worst: f64,
    /// The name of that attack.
    pub worst_attack: String,
    /// Over all attacks with ten successes or more, each counting the same.
    pub mean: f64,
}

/// A detector over all attacks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Its name; `combined` for the combination.
    pub detector: String,
    /// One a rate; none where no attack has ten successes.
    pub rates: Vec<WorstAndMean>,
}

/// A false-positive rate: what was asked for, and what fresh benign inputs show.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeasuredRate {
    /// The rate that the profile was calibrated for.
    pub target: f64,
    /// The combined score's threshold.
    pub threshold: f64,
    /// The share of benign inputs that is flagged.
    pub measured: Proportion,
}

/// What a guarded model stands up to.
#[derive(Debug, Clone, Serialize)]
pub struct Assessment {
    /// The model's name.
    pub model: String,
    /// Benign inputs that the scores are held against: neither calibrated on nor attacked.
    pub benign: usize,
    /// Extra predictions for a benign input, on average.
    pub effort: Effort,
    /// The profile's rates, the highest first.
    pub rates: Vec<MeasuredRate>,
    /// The attacks, the one that gets through most first; those that get through alike by how little is detected.
    pub findings: Vec<Finding>,
    /// The combination first, then each detector.
    pub summary: Vec<Summary>,
    /// How far an attacker has to go for half of the seeds.
    pub costs: Vec<Cost>,
    /// What the policy `restore` would have answered.
    pub restorations: Vec<Restoration>,
    /// Attacks that could not be made, with the reason.
    pub not_made: Vec<(String, String)>,
    #[serde(skip)]
    drawn: Drawn,
}

/// What only the page shows.
#[derive(Debug, Clone)]
struct Drawn {
    columns: Vec<Column>,
    /// In the findings' order.
    trials: Vec<Trial>,
    reach: Reach,
}

impl Assessment {
    /// Holds `trials` against `profile` and fresh benign inputs.
    pub fn new(
        profile: &Profile,
        benign: &[BenignOutcome],
        trials: Vec<Trial>,
        not_made: Vec<(String, String)>,
    ) -> Self {
        let columns = Column::all(profile, benign);
        let mut found: Vec<(Finding, Trial)> =
            trials.into_iter().map(|trial| (Finding::new(&trial, &columns), trial)).collect();
        found.sort_by(|(a, _), (b, _)| b.severity().partial_cmp(&a.severity()).unwrap_or(std::cmp::Ordering::Equal));
        let (findings, trials): (Vec<Finding>, Vec<Trial>) = found.into_iter().unzip();
        let measured = |rate: &crate::detect::Rate| MeasuredRate {
            target: rate.target,
            threshold: rate.threshold,
            measured: Proportion::above(columns.last().map_or(&[], |combined| &combined.benign), rate.threshold),
        };
        let rates: Vec<MeasuredRate> = profile.rates.iter().map(measured).collect();
        let reach = Reach::new(&trials, &rates);
        Self {
            model: profile.model.name.clone(),
            benign: benign.len(),
            effort: Effort::mean(benign.iter().map(|outcome| outcome.effort)),
            summary: summarise(&rates, &columns, &findings),
            costs: reach.costs(&rates),
            restorations: Restoration::all(&rates, benign, &findings),
            rates,
            findings,
            not_made,
            drawn: Drawn { columns, trials, reach },
        }
    }
}

/// Over the shares that were measured of some attacks; nothing without any.
fn worst_and_mean(target: f64, shares: Vec<(f64, &Finding)>) -> Option<WorstAndMean> {
    let (worst, finding) = shares.iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
    let mean = shares.iter().map(|(share, _)| share).sum::<f64>() / shares.len() as f64;
    Some(WorstAndMean { target, worst: *worst, worst_attack: finding.name(), mean })
}

/// The combination first, then each detector.
fn summarise(rates: &[MeasuredRate], columns: &[Column], findings: &[Finding]) -> Vec<Summary> {
    let counted: Vec<&Finding> =
        findings.iter().filter(|finding| finding.success.flagged >= FEWEST_SUCCESSES).collect();
    let summary = |detector: &str, pick: &dyn Fn(&Finding) -> Option<Detection>| {
        let over_attacks = |(at, rate): (usize, &MeasuredRate)| {
            let shares = counted.iter().filter_map(|finding| Some((pick(finding)?.detected.get(at)?.rate, *finding)));
            worst_and_mean(rate.target, shares.collect())
        };
        Summary { detector: detector.to_owned(), rates: rates.iter().enumerate().filter_map(over_attacks).collect() }
    };
    let Some((combined, detectors)) = columns.split_last() else { return Vec::new() };
    let alone = detectors
        .iter()
        .enumerate()
        .map(|(at, column)| summary(&column.name, &|finding| finding.detectors.get(at).cloned()));
    std::iter::once(summary(&combined.name, &|finding| Some(finding.combined.clone()))).chain(alone).collect()
}
