//! Lines over two axes: how one thing changes with another.

use plotters::prelude::*;

use super::number::{percent, tick};
use super::plot::{FAINT, GRID, HEADING, MARGIN, ReportError, legend, legend_overhang, svg, text_style, title};
use super::scale::Scale;

/// Width and height in pixels.
const SIZE: (u32, u32) = (640, 440);

/// A line through points.
pub(super) struct Line {
    /// What it shows; nothing for one that is there for comparison only.
    pub name: Option<String>,
    pub colour: RGBColor,
    pub points: Vec<(f64, f64)>,
}

/// An axis, its values being shares or plain numbers.
pub(super) struct Axis {
    pub name: &'static str,
    pub scale: Scale,
    pub is_share: bool,
}

impl Axis {
    fn label(&self) -> fn(&f64) -> String {
        if self.is_share { |value| percent(*value) } else { |value| tick(*value) }
    }
}

/// The lines as an SVG picture of 640x440 pixels, those without a name in the background. What lies beyond the vertical
/// axis's ends is drawn at its end.
pub(super) fn draw(heading: &str, x: Axis, y: Axis, lines: &[Line]) -> Result<String, ReportError> {
    let (low, high) = (y.scale.range().start, y.scale.range().end);
    svg(SIZE, |root| {
        title(root, heading)?;
        let named = lines.iter().filter_map(|line| Some((line.name.clone()?, line.colour.to_rgba())));
        legend(root, MARGIN, named)?;
        let names = lines.iter().filter_map(|line| line.name.as_deref());
        let overhang = legend_overhang(MARGIN, SIZE.0 as i32, names);
        let (label_x, label_y) = (x.label(), y.label());
        let mut chart = ChartBuilder::on(root)
            .margin_top(HEADING + overhang)
            .margin_right(MARGIN)
            .margin_left(MARGIN)
            .x_label_area_size(48)
            .y_label_area_size(56)
            .build_cartesian_2d(x.scale, y.scale)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(FAINT)
            .label_style(text_style(13))
            .axis_desc_style(text_style(14))
            .x_desc(x.name)
            .y_desc(y.name)
            .x_label_formatter(&label_x)
            .y_label_formatter(&label_y)
            .draw()?;
        let background = lines.iter().filter(|line| line.name.is_none());
        for line in background.chain(lines.iter().filter(|line| line.name.is_some())) {
            let width = if line.name.is_some() { 2 } else { 1 };
            let points = line.points.iter().map(|&(x, y)| (x, y.clamp(low, high)));
            chart.draw_series(LineSeries::new(points, line.colour.stroke_width(width)))?;
        }
        Ok(())
    })
}
