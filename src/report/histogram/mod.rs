//! Histograms of scores with thresholds, for the terminal and as SVG.

mod drawing;

use super::number::{extent, number, percent, tick};
use super::plot::ReportError;

/// Rows of a panel in the terminal.
const ROWS: usize = 8;
/// Columns left of a panel: the label of the axis.
const GUTTER: usize = 8;
/// Columns of a bar.
const BAR: usize = 2;
/// A cell filled from below, in eighths.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Bars of a drawn histogram.
const DRAWN_BINS: usize = 72;

/// Scores of benign and, where there are any, of adversarial inputs, with the thresholds between them.
///
/// Heights are shares of the inputs on a square-root scale: most benign scores crowd together at the low end, and the
/// tail, where the thresholds lie, would vanish on a linear one.
#[derive(Debug, Clone, Copy)]
pub struct Histogram<'a> {
    /// What is shown.
    pub title: &'a str,
    /// Scores of benign inputs; values that are not finite are left out.
    pub scores: &'a [f64],
    /// Scores of adversarial inputs; may be empty.
    pub adversarial: &'a [f64],
    /// Labels and thresholds: inputs with larger scores are suspicious.
    pub thresholds: &'a [(String, f64)],
}

/// Shares of the scores that fall into equal bins.
struct Bins {
    /// Share in each bin; they add up to one.
    shares: Vec<f64>,
    /// How many scores were finite.
    count: usize,
}

impl Bins {
    fn new(scores: &[f64], (low, high): (f64, f64), bins: usize) -> Self {
        let mut counts = vec![0_usize; bins];
        for score in scores.iter().filter(|score| score.is_finite()) {
            let position = (score - low) / (high - low) * bins as f64;
            counts[(position.max(0.0) as usize).min(bins - 1)] += 1;
        }
        let count: usize = counts.iter().sum();
        Self { shares: counts.iter().map(|&n| n as f64 / count.max(1) as f64).collect(), count }
    }

    fn largest(&self) -> f64 {
        self.shares.iter().copied().fold(0.0, f64::max)
    }
}

impl Histogram<'_> {
    /// The smallest and the largest of all scores and thresholds, a little apart at least.
    fn range(&self) -> Option<(f64, f64)> {
        let thresholds = self.thresholds.iter().map(|(_, threshold)| threshold);
        let values = self.scores.iter().chain(self.adversarial).chain(thresholds).copied().filter(|v| v.is_finite());
        extent(values)
    }

    /// The histogram in Unicode blocks, `width` columns wide (52 at least), without a newline at its end.
    pub fn to_terminal(&self, width: usize) -> String {
        let Some(range) = self.range() else {
            return format!("{}\n(no scores)", self.title);
        };
        let columns = (width.max(52) - GUTTER) / BAR * BAR;
        let marks: Vec<_> = self.thresholds.iter().map(|(_, value)| column(*value, range, columns)).collect();
        let mut lines = vec![self.title.to_owned()];
        for (name, scores) in [("benign", self.scores), ("adversarial", self.adversarial)] {
            let bins = Bins::new(scores, range, columns / BAR);
            if bins.count > 0 {
                lines.push(String::new());
                lines.push(format!("{:GUTTER$}{name} (n = {}), square-root scale", "", bins.count));
                lines.extend(panel(&bins, &marks));
            }
        }
        lines.push(scale(range, columns));
        lines.extend(
            self.thresholds.iter().zip(&marks).map(|((label, value), &mark)| pointer(label, *value, mark, columns)),
        );
        lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
    }

    /// The histogram as an SVG picture of 840x440 pixels.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn to_svg(&self) -> Result<String, ReportError> {
        let range = self.range().ok_or(ReportError::NoScores)?;
        let benign = Bins::new(self.scores, range, DRAWN_BINS);
        let adversarial = Bins::new(self.adversarial, range, DRAWN_BINS);
        drawing::draw(self.title, range, &benign, &adversarial, self.thresholds)
    }
}

/// The column of a value.
fn column(value: f64, (low, high): (f64, f64), columns: usize) -> usize {
    (((value - low) / (high - low) * columns as f64).max(0.0) as usize).min(columns - 1)
}

/// The bars of one set of scores, thresholds drawn where there is no bar, and the axis below them.
fn panel(bins: &Bins, marks: &[usize]) -> Vec<String> {
    let top = bins.largest().sqrt();
    let height = |share: f64| match share.sqrt() / top * (8 * ROWS) as f64 {
        0.0 => 0,
        height => (height.round() as usize).max(1),
    };
    let mut lines: Vec<String> = (0..ROWS)
        .map(|row| {
            let below = 8 * (ROWS - 1 - row);
            let shares = bins.shares.iter().flat_map(|share| [share; BAR]).enumerate();
            let cells = shares.map(|(column, &share)| match height(share).saturating_sub(below).min(8) {
                0 if marks.contains(&column) => '┊',
                eighths => BLOCKS[eighths],
            });
            let label = match row {
                0 => percent(bins.largest()),
                row if row == ROWS / 2 => percent(bins.largest() / 4.0),
                _ => String::new(),
            };
            let axis = if label.is_empty() { '│' } else { '┤' };
            format!("{label:>6} {axis}{}", cells.collect::<String>())
        })
        .collect();
    let axis = (0..BAR * bins.shares.len()).map(|column| if marks.contains(&column) { '┴' } else { '─' });
    lines.push(format!("{:>6} └{}", percent(0.0), axis.collect::<String>()));
    lines
}

/// The scores at both ends and in the middle of the axis.
fn scale((low, high): (f64, f64), columns: usize) -> String {
    let [left, middle, right] = [low, f64::midpoint(low, high), high].map(tick);
    let half = columns / 2 - middle.chars().count() / 2;
    let rest = columns - half - middle.chars().count();
    format!("{:GUTTER$}{left:<half$}{middle}{right:>rest$}", "")
}

/// A line that points up at a threshold.
fn pointer(label: &str, value: f64, mark: usize, columns: usize) -> String {
    let text = format!("{label} {}", number(value));
    let length = text.chars().count() + 1;
    if mark + 1 + length <= columns || mark < length {
        return format!("{:indent$}▲ {text}", "", indent = GUTTER + mark);
    }
    format!("{:indent$}{text} ▲", "", indent = GUTTER + mark - length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scores(count: usize, scale: f64, shift: f64) -> Vec<f64> {
        let uniform = |index: usize| (index as f64 + 0.5) / count as f64;
        (0..count).map(|index| (shift - scale * uniform(index).ln()).min(2.0)).collect()
    }

    fn thresholds() -> Vec<(String, f64)> {
        vec![("5% of benign inputs above".to_owned(), 0.45), ("1% of benign inputs above".to_owned(), 0.69)]
    }

    #[test]
    fn the_terminal_shows_both_panels_and_the_thresholds() {
        let (benign, adversarial, thresholds) = (scores(400, 0.15, 0.0), scores(200, 0.5, 0.4), thresholds());
        let histogram = Histogram {
            title: "median(2,2): L1 distance of the predictions",
            scores: &benign,
            adversarial: &adversarial,
            thresholds: &thresholds,
        };
        insta::assert_snapshot!(histogram.to_terminal(72), @r"
        median(2,2): L1 distance of the predictions

                benign (n = 400), square-root scale
           34% ┤██            ┊       ┊
               │██▄▄          ┊       ┊
               │████▂▂        ┊       ┊
               │██████▂▂      ┊       ┊
          8.6% ┤████████▃▃    ┊       ┊
               │██████████▇▇▂▂┊       ┊
               │██████████████▇▇▄▄▁▁  ┊
               │██████████████████████▅▅▅▅▅▅    ▅▅
            0% └──────────────┴───────┴─────────────────────────────────────────

                adversarial (n = 200), square-root scale
           10% ┤              ██▆▆▂▂  ┊
               │            ▆▆██████▄▄▄▄
               │            ████████████▆▆▆▆▂▂                                ▂▂
               │            ████████████████████▅▅▂▂▂▂                        ██
          2.6% ┤            ██████████████████████████▄▄▇▇▄▄                  ██
               │            ████████████████████████████████████▄▄██▄▄▄▄  ▄▄  ██
               │            ████████████████████████████████████████████▆▆██▆▆██
               │            ████████████████████████████████████████████████████
            0% └──────────────┴───────┴─────────────────────────────────────────
                1.88e-4                         1                              2
                              ▲ 5% of benign inputs above 0.450
                                      ▲ 1% of benign inputs above 0.690
        ");
    }

    #[test]
    fn an_svg_holds_the_title_the_thresholds_and_both_counts() {
        let (benign, adversarial, thresholds) = (scores(400, 0.15, 0.0), scores(200, 0.5, 0.4), thresholds());
        let histogram =
            Histogram { title: "a < b", scores: &benign, adversarial: &adversarial, thresholds: &thresholds };
        let svg = histogram.to_svg().unwrap();
        for part in ["a &lt; b", "5% of benign inputs above", "benign (n = 400)", "adversarial (n = 200)"] {
            assert!(svg.contains(part), "no '{part}'");
        }
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn no_scores_are_no_panic() {
        let histogram = Histogram { title: "empty", scores: &[f64::NAN], adversarial: &[], thresholds: &[] };
        assert_eq!(histogram.to_terminal(60), "empty\n(no scores)");
        assert!(matches!(histogram.to_svg(), Err(ReportError::NoScores)));
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_asked(
            scores in proptest::collection::vec(-1e6_f64..1e6, 1..50),
            threshold in -1e6_f64..1e6,
            width in 52_usize..100,
        ) {
            let thresholds = [("5%".to_owned(), threshold)];
            let histogram = Histogram { title: "t", scores: &scores, adversarial: &scores, thresholds: &thresholds };
            for line in histogram.to_terminal(width).lines() {
                prop_assert!(line.chars().count() <= width, "{line}");
            }
        }

        #[test]
        fn shares_add_up_to_one(scores in proptest::collection::vec(any::<f64>(), 1..50)) {
            let bins = Bins::new(&scores, (-1.0, 1.0), 7);
            let sum: f64 = bins.shares.iter().sum();
            prop_assert!(bins.count == 0 || (sum - 1.0).abs() < 1e-9);
        }
    }
}
