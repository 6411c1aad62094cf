//! An assessment as one page that needs nothing else.

use std::time::{Duration, Instant};

use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use plotters::style::RGBColor;

use super::tables::{auc, distortion, percent, rate_name, with_interval};
use super::{Assessment, FEWEST_SUCCESSES, Finding, TextExhibit, Trial};
use crate::data::write_png;
use crate::difference::{self, Marks, Sign, signs};
use crate::report::lines::{Axis, Line, draw};
use crate::report::plot::{COLOURS, FAINT};
use crate::report::scale::Scale;
use crate::report::{Exhibit, Histogram, ReportError};
use crate::tensor::Picture;

/// Attacks whose lines have a colour and a name: the worst.
const NAMED: usize = COLOURS.len();
/// Pictures that are shown, and of each attack.
const SHOWN: usize = 12;
const SHOWN_A_TRIAL: usize = 3;
/// How long the difference of two texts may be looked for; what is not found then counts as replaced.
const PATIENCE: Duration = Duration::from_millis(200);
/// Share of distances that the axis leaves out at its end: those of a few pictures far off.
const FAR_OFF: f64 = 0.02;

#[derive(Template)]
#[template(path = "report/assessment/page.html")]
struct Page<'a> {
    assessment: &'a Assessment,
    made: &'a str,
    style: [&'static str; 2],
    charts: Vec<String>,
    rates: Vec<String>,
    has_queries: bool,
    rows: Vec<Row<'a>>,
    shown: Vec<Shown<'a>>,
    texts: Vec<ShownText<'a>>,
    tables: Vec<(&'static str, String, Grid)>,
}

/// An attack as the page's table has it.
struct Row<'a> {
    finding: &'a Finding,
    fooled: String,
    auc: String,
    flagged: Vec<String>,
    through: Vec<(String, f64)>,
    distortion: [String; 3],
    queries: String,
}

/// A picture that gets through.
struct Shown<'a> {
    exhibit: &'a Exhibit,
    pictures: [String; 3],
    sure: String,
}

/// A text that gets through, beside the message that it was made of.
struct ShownText<'a> {
    exhibit: &'a TextExhibit,
    attack: String,
    marks: Marks,
    signs: Vec<Sign>,
    sure: String,
}

/// A plain table.
struct Grid {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Assessment {
    /// The page, in HTML; `made` says when and with what.
    ///
    /// # Errors
    /// When a plot can't be drawn.
    pub fn to_html(&self, made: &str) -> Result<String, ReportError> {
        let page = Page {
            assessment: self,
            made,
            style: [include_str!("page.css"), difference::STYLE],
            charts: self.charts()?,
            rates: self.rates.iter().map(|rate| rate_name(rate.target)).collect(),
            has_queries: self.has_queries(),
            rows: self.findings.iter().map(Row::new).collect(),
            shown: self.shown()?,
            texts: self.texts(),
            tables: self.tables(),
        };
        page.render().map_err(|error| ReportError::Draw(error.to_string()))
    }

    fn charts(&self) -> Result<Vec<String>, ReportError> {
        if self.findings.is_empty() {
            return Ok(Vec::new());
        }
        let mut charts = vec![self.roc()?];
        charts.extend(self.reach()?);
        charts.extend(self.histograms()?);
        Ok(charts)
    }

    /// The share of each attack's successes that is flagged, by the share of benign inputs that is.
    fn roc(&self) -> Result<String, ReportError> {
        let benign = self.drawn.columns.last().map_or(&[][..], |combined| &combined.benign);
        let least = 1.0 / (benign.len() + 1) as f64;
        let successes = |trial: &&Trial| trial.outcomes.iter().filter(|outcome| outcome.fooled).count() as u64;
        let with_success = self.drawn.trials.iter().filter(|trial| successes(trial) >= FEWEST_SUCCESSES);
        let lines = with_success.enumerate().map(|(rank, trial)| {
            let (name, colour) = named(rank, trial);
            Line { name, colour, points: roc_points(benign, trial, least) }
        });
        let lines: Vec<Line> = lines.collect();
        let x = Axis { name: "false-positive rate", scale: Scale::Logarithmic(least..1.0), is_share: true };
        let y = Axis { name: "flagged of what fools", scale: Scale::Even(0.0..1.0), is_share: true };
        draw("ROC: the attacks that get through most", x, y, &lines)
    }

    /// The share of seeds that get through within a distortion, by whatever attack goes least far.
    fn reach(&self) -> Result<Vec<String>, ReportError> {
        let mut charts = Vec::new();
        for (norm, distances) in self.drawn.reach.by_norm() {
            let names = std::iter::once("no gateway".to_owned())
                .chain(self.rates.iter().map(|rate| format!("guarded at {}", rate_name(rate.target))));
            let lines = names.zip(distances).zip(COLOURS.into_iter().cycle()).map(|((name, distances), colour)| Line {
                name: Some(name),
                colour,
                points: distances.steps(),
            });
            let mut lines: Vec<Line> = lines.collect();
            let Some((low, high)) = ends(&lines) else { continue };
            lines.iter_mut().for_each(|line| line.run_to(high));
            let x = Axis { name: norm, scale: Scale::Logarithmic(low..high), is_share: false };
            let y = Axis { name: "seeds that get through", scale: Scale::Even(0.0..1.0), is_share: true };
            charts.push(draw(&format!("How far an attacker has to go, in {norm}"), x, y, &lines)?);
        }
        Ok(charts)
    }

    /// Benign scores beside those of what fools the classifier, for each level.
    fn histograms(&self) -> Result<Vec<String>, ReportError> {
        let benign = self.drawn.columns.last().map_or(&[][..], |combined| &combined.benign);
        let thresholds: Vec<(String, f64)> =
            self.rates.iter().map(|rate| (rate_name(rate.target), rate.threshold)).collect();
        let mut levels: Vec<&str> = Vec::new();
        for trial in &self.drawn.trials {
            if !levels.contains(&trial.level.as_str()) {
                levels.push(&trial.level);
            }
        }
        let draw = |level: &&str| {
            let of_level = self.drawn.trials.iter().filter(|trial| trial.level == **level);
            let fooled = of_level.flat_map(|trial| trial.outcomes.iter().filter(|outcome| outcome.fooled));
            let adversarial: Vec<f64> = fooled.filter_map(super::Outcome::score).collect();
            let title = format!("Combined score: benign, and what fools the classifier {level}").replace("  ", " ");
            let title = title.trim_end().to_owned();
            Histogram { title: &title, scores: benign, adversarial: &adversarial, thresholds: &thresholds }.to_svg()
        };
        levels.iter().map(draw).collect()
    }

    /// The strongest pictures that get through, the worst attacks first, a few of each.
    fn shown(&self) -> Result<Vec<Shown<'_>>, ReportError> {
        let exhibits = self.drawn.trials.iter().flat_map(|trial| trial.exhibits.iter().take(SHOWN_A_TRIAL));
        exhibits.take(SHOWN).map(Shown::new).collect()
    }

    /// The strongest texts that get through, likewise.
    fn texts(&self) -> Vec<ShownText<'_>> {
        let trials = self.drawn.trials.iter();
        let texts =
            trials.flat_map(|trial| trial.texts.iter().take(SHOWN_A_TRIAL).map(|text| ShownText::new(trial, text)));
        texts.take(SHOWN).collect()
    }

    fn tables(&self) -> Vec<(&'static str, String, Grid)> {
        let grid = |table: crate::report::Table| {
            let (head, rows) = table.into_cells();
            Grid { head, rows }
        };
        let restored = self.by_restoration().map(|table| {
            (
                "If it were restored",
                "What the policy \"restore\" would have answered: of the adversarial inputs that are flagged, the share whose \
                 right class squeezed copies and students together read; of the benign ones, the share that they read as \
                 the classifier does."
                    .to_owned(),
                grid(table),
            )
        });
        let tables = [
            (
                "Each detector alone",
                "Share of what fools the classifier that is flagged: by the worst attack, and on average over attacks. \
                 Attacks with fewer than ten successes are left out."
                    .to_owned(),
                grid(self.by_detector()),
            ),
            (
                "What it costs an attacker",
                "The distortion with which half of the seeds get through, each by whatever attack goes least far on it; \
                 pixel values run from 0 to 1."
                    .to_owned(),
                grid(self.by_cost()),
            ),
            (
                "False positives",
                format!(
                    "On benign inputs that were neither calibrated on nor attacked. Extra predictions for one: {}.",
                    self.effort
                ),
                grid(self.false_positives()),
            ),
        ];
        tables.into_iter().chain(restored).collect()
    }
}

impl<'a> Row<'a> {
    fn new(finding: &'a Finding) -> Self {
        Self {
            finding,
            fooled: percent(finding.success.rate),
            auc: auc(finding),
            flagged: finding.combined.detected.iter().map(with_interval).collect(),
            through: finding.joint.iter().map(|joint| (percent(joint.rate), 100.0 * joint.rate)).collect(),
            distortion: distortion(finding),
            queries: finding.median_queries.map_or_else(String::new, |queries| format!("{queries:.0}")),
        }
    }
}

impl<'a> Shown<'a> {
    fn new(exhibit: &'a Exhibit) -> Result<Self, ReportError> {
        let pictures = [&exhibit.original, &exhibit.perturbation(), &exhibit.adversarial];
        let [original, change, adversarial] = pictures.map(data_uri);
        Ok(Self { exhibit, pictures: [original?, change?, adversarial?], sure: percent(exhibit.confidence) })
    }
}

impl<'a> ShownText<'a> {
    fn new(trial: &Trial, exhibit: &'a TextExhibit) -> Self {
        Self {
            exhibit,
            attack: trial.name(),
            marks: Marks::between(&exhibit.seed, &exhibit.text, Instant::now() + PATIENCE),
            signs: signs(&exhibit.text),
            sure: percent(exhibit.confidence),
        }
    }
}

impl Line {
    /// Goes on level to the end of the axis.
    fn run_to(&mut self, end: f64) {
        self.points.retain(|&(x, _)| x <= end);
        if let Some(&(_, y)) = self.points.last() {
            self.points.push((end, y));
        }
    }
}

fn named(rank: usize, trial: &Trial) -> (Option<String>, RGBColor) {
    match COLOURS.get(rank).filter(|_| rank < NAMED) {
        Some(&colour) => (Some(trial.name()), colour),
        None => (None, FAINT),
    }
}

/// From the rate of one benign input on; what has no score is never flagged.
fn roc_points(benign: &[f64], trial: &Trial, least: f64) -> Vec<(f64, f64)> {
    let fooled: Vec<Option<f64>> =
        trial.outcomes.iter().filter(|outcome| outcome.fooled).map(super::Outcome::score).collect();
    let above = |threshold: f64| fooled.iter().flatten().filter(|&&score| score > threshold).count();
    let share = |count: usize| count as f64 / fooled.len().max(1) as f64;
    let mut sorted = benign.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let cuts = sorted.iter().enumerate();
    let points =
        cuts.map(|(index, &threshold)| ((index as f64 / benign.len() as f64).max(least), share(above(threshold))));
    points.chain([(1.0, share(fooled.iter().flatten().count()))]).collect()
}

/// The shortest and nearly the longest of the distances.
fn ends(lines: &[Line]) -> Option<(f64, f64)> {
    let mut all: Vec<f64> = lines.iter().flat_map(|line| &line.points).map(|point| point.0).collect();
    all.retain(|distance| *distance > 0.0);
    all.sort_by(f64::total_cmp);
    let last = ((all.len() as f64 * (1.0 - FAR_OFF)) as usize).min(all.len().checked_sub(1)?);
    let (low, high) = (all[0], all[last]);
    Some(if high > low { (low, high) } else { (low / 2.0, high * 2.0) })
}

fn data_uri(picture: &Picture) -> Result<String, ReportError> {
    let mut png = Vec::new();
    write_png(&mut png, picture).map_err(|error| ReportError::Png(error.to_string()))?;
    Ok(format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png)))
}
