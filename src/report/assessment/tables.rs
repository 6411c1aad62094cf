//! An assessment as tables of text.

use super::{Assessment, Cost, Finding, Restoration};
use crate::profile::Proportion;
use crate::report::number::tick;
use crate::report::{Column, Table};

/// What stands where there is nothing to say.
const NOTHING: &str = "-";

impl Assessment {
    /// One sentence on what gets through most; nothing without an attack.
    pub fn worst(&self) -> Option<String> {
        let (worst, rate) = (self.findings.first()?, self.rates.first()?);
        let joint = worst.joint.first()?;
        Some(format!(
            "The worst is {}: {} of {} seeds ({} to {}) fool the classifier and are not flagged, at a false-positive rate of {}.",
            worst.name(),
            joint.flagged,
            joint.total,
            percent(joint.interval[0]),
            percent(joint.interval[1]),
            rate_name(rate.target),
        ))
    }

    /// The attacks, a row each.
    pub fn by_attack(&self) -> Table {
        let rates = || self.rates.iter().map(|rate| rate_name(rate.target));
        let flagged = rates().map(|rate| format!("flagged at {rate}"));
        let through = rates().map(|rate| format!("through at {rate}"));
        let has_queries = self.has_queries();
        let head = ["fooled", "AUC"].map(str::to_owned);
        let tail = ["L0", "L2", "Linf"].into_iter().chain(has_queries.then_some("queries")).map(str::to_owned);
        let mut table = Table::with_numbers("attack", head.into_iter().chain(flagged).chain(through).chain(tail));
        for finding in &self.findings {
            let cells = [finding.name(), percent(finding.success.rate), auc(finding)];
            let flagged = finding.combined.detected.iter().map(with_interval);
            let through = finding.joint.iter().map(|joint| percent(joint.rate));
            let queries = finding.median_queries.map_or(NOTHING.to_owned(), |queries| format!("{queries:.0}"));
            let tail = distortion(finding).into_iter().chain(has_queries.then_some(queries));
            table.row(cells.into_iter().chain(flagged).chain(through).chain(tail));
        }
        table
    }

    /// Whether an attack lived on answers.
    pub(super) fn has_queries(&self) -> bool {
        self.findings.iter().any(|finding| finding.median_queries.is_some())
    }

    /// The worst and the mean attack for the combination and for each detector alone.
    pub fn by_detector(&self) -> Table {
        let rates = self.rates.iter().map(|rate| rate_name(rate.target));
        let heads = rates.flat_map(|rate| {
            [
                Column::number(format!("worst at {rate}")),
                Column::number(format!("mean at {rate}")),
                Column::text("worst attack"),
            ]
        });
        let mut table = Table::new(std::iter::once(Column::text("detector")).chain(heads));
        for summary in &self.summary {
            let cells =
                summary.rates.iter().flat_map(|at| [percent(at.worst), percent(at.mean), at.worst_attack.clone()]);
            table.row(std::iter::once(summary.detector.clone()).chain(cells));
        }
        table
    }

    /// What was asked for, and what fresh benign inputs show.
    pub fn false_positives(&self) -> Table {
        let mut table = Table::with_numbers("asked FPR", ["measured", "95% interval", "flagged", "of"]);
        for rate in &self.rates {
            let Proportion { flagged, total, rate: share, interval: [low, high] } = rate.measured;
            table.row([
                rate_name(rate.target),
                format!("{:.2}%", share * 100.0),
                format!("{:.2}% to {:.2}%", low * 100.0, high * 100.0),
                flagged.to_string(),
                total.to_string(),
            ]);
        }
        table
    }

    /// What the policy `restore` would have answered; nothing where there is nobody to answer.
    pub fn by_restoration(&self) -> Option<Table> {
        let numbers = |heading: &str| Column::number(heading);
        let heads = [numbers("flagged, right: worst"), numbers("mean"), Column::text("worst attack")];
        let mut table = Table::new(
            std::iter::once(Column::text("restored at")).chain(heads).chain([numbers("benign, as classified")]),
        );
        for Restoration { target, adversarial, benign } in &self.restorations {
            let attacks = adversarial.as_ref().map_or([NOTHING; 3].map(str::to_owned), |attacks| {
                [percent(attacks.worst), percent(attacks.mean), attacks.worst_attack.clone()]
            });
            table.row(std::iter::once(rate_name(*target)).chain(attacks).chain([with_interval(benign)]));
        }
        (!self.restorations.is_empty()).then_some(table)
    }

    /// How far an attacker has to go for half of the seeds, and how many times as far as without detectors.
    pub fn by_cost(&self) -> Table {
        let rates = self.rates.iter().map(|rate| format!("guarded at {}", rate_name(rate.target)));
        let heads = std::iter::once("bare".to_owned()).chain(rates);
        let mut table = Table::with_numbers("for half of the seeds", heads);
        for Cost { norm, bare, guarded } in &self.costs {
            let bare_cell = bare.map_or("out of reach".to_owned(), tick);
            let guarded = guarded.iter().map(|far| match (far, bare) {
                (Some(far), Some(bare)) if *bare > 0.0 => format!("{} ({:.1}x)", tick(*far), far / bare),
                (Some(far), _) => tick(*far),
                (None, _) => "out of reach".to_owned(),
            });
            table.row([(*norm).to_owned(), bare_cell].into_iter().chain(guarded));
        }
        table
    }
}

/// Median L0, L2 and Linf.
pub(super) fn distortion(finding: &Finding) -> [String; 3] {
    let known = |[l0, l2, linf]: [f64; 3]| [format!("{l0:.0}"), format!("{l2:.2}"), format!("{linf:.3}")];
    finding.median_distortion.map_or([NOTHING; 3].map(str::to_owned), known)
}

pub(super) fn auc(finding: &Finding) -> String {
    if finding.success.flagged > 0 { format!("{:.3}", finding.combined.auc) } else { NOTHING.to_owned() }
}

pub(super) fn with_interval(share: &Proportion) -> String {
    let [low, high] = share.interval.map(|bound| format!("{:.0}", bound * 100.0));
    if share.total == 0 { NOTHING.to_owned() } else { format!("{} [{low}, {high}]", percent(share.rate)) }
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

pub(super) fn rate_name(rate: f64) -> String {
    format!("{}%", tick(rate * 100.0))
}
