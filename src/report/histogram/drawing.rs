//! A histogram as SVG.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::Bins;
use crate::report::number::{number, percent, tick};
use crate::report::plot::{
    ADVERSARIAL, BENIGN, Drawn, FAINT, GRID, HEADING, LABEL, MARGIN, ReportError, legend, svg, text_style, title,
    upright,
};

/// Width and height in pixels.
const SIZE: (u32, u32) = (840, 440);

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws benign and adversarial shares over the same scores, thresholds above and through them.
pub(super) fn draw(
    heading: &str,
    (low, high): (f64, f64),
    benign: &Bins,
    adversarial: &Bins,
    thresholds: &[(String, f64)],
) -> Result<String, ReportError> {
    svg(SIZE, |root| {
        title(root, heading)?;
        let kinds = [("benign", benign, BENIGN), ("adversarial", adversarial, ADVERSARIAL)];
        let shown = kinds.into_iter().filter(|(_, bins, _)| bins.count > 0);
        legend(
            root,
            MARGIN,
            shown.map(|(name, bins, colour)| (format!("{name} (n = {})", bins.count), colour.mix(0.6))),
        )?;
        let labels = LABEL * thresholds.len() as i32;
        let top = 1.05 * benign.largest().max(adversarial.largest()).sqrt();
        let mut chart = ChartBuilder::on(root)
            .margin_top(HEADING + labels)
            .margin_right(MARGIN)
            .margin_left(MARGIN)
            .x_label_area_size(48)
            .y_label_area_size(56)
            .build_cartesian_2d(low..high, 0.0..top)?;
        axes(&mut chart)?;
        bars(&mut chart, benign, BENIGN)?;
        bars(&mut chart, adversarial, ADVERSARIAL)?;
        for (row, (label, value)) in thresholds.iter().enumerate() {
            let foot = chart.backend_coord(&(*value, 0.0));
            upright(root, format!("{label} {}", number(*value)), foot, HEADING + LABEL * row as i32)?;
        }
        Ok(())
    })
}

fn axes(chart: &mut Chart<'_, '_>) -> Drawn {
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(FAINT)
        .label_style(text_style(13))
        .axis_desc_style(text_style(14))
        .x_desc("score")
        .y_desc("share of inputs (square-root scale)")
        .x_labels(8)
        .y_labels(6)
        .x_label_formatter(&|value| tick(*value))
        .y_label_formatter(&|height| percent(height * height))
        .draw()
}

fn bars(chart: &mut Chart<'_, '_>, bins: &Bins, colour: RGBColor) -> Drawn {
    let (low, high) = (chart.x_range().start, chart.x_range().end);
    let width = (high - low) / bins.shares.len() as f64;
    let bars = bins.shares.iter().enumerate().filter(|(_, share)| **share > 0.0).map(|(index, share)| {
        let left = low + width * index as f64;
        Rectangle::new([(left, share.sqrt()), (left + width, 0.0)], colour.mix(0.55).filled())
    });
    chart.draw_series(bars).map(|_| ())
}
