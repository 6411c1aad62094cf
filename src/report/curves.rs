//! Learning curves: how a training run went, epoch by epoch.

use std::ops::Range;

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::number::{extent, tick};
use super::plot::{
    Area, COLOURS, Drawn, FAINT, GRID, HEADING, LABEL, MARGIN, ReportError, legend, svg, text_style, title, upright,
};
use super::scale::Scale;

/// Width and height of a panel in pixels.
const PANEL: (u32, u32) = (480, 400);
/// Width of the labels left of a panel.
const GUTTER: i32 = 60;
/// Points that stand so close that dots would hide the line.
const CROWDED: usize = 40;

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Scale, RangedCoordf64>>;

/// One line of a panel.
#[derive(Debug, Clone, Copy)]
pub struct Curve<'a> {
    /// What was measured, or on which data; curves of one name have one colour in all panels.
    pub name: &'a str,
    /// Epochs and values, by epoch; points that are not finite are left out.
    pub points: &'a [(f64, f64)],
}

/// Curves over one axis.
#[derive(Debug, Clone, Copy)]
pub struct Panel<'a> {
    /// What the values are.
    pub y: &'a str,
    /// Whether they are shares in [0, 1]: the axis runs from 0 to 100%, and what lies beyond is drawn at its end.
    pub percent: bool,
    /// Its lines.
    pub curves: &'a [Curve<'a>],
}

/// Learning curves: panels side by side over the same epochs.
#[derive(Debug, Clone, Copy)]
pub struct LearningCurves<'a> {
    /// What was trained.
    pub title: &'a str,
    /// The panels, from left to right.
    pub panels: &'a [Panel<'a>],
    /// The epoch whose result was kept.
    pub best: Option<f64>,
}

impl Curve<'_> {
    fn finite(&self) -> impl Iterator<Item = (f64, f64)> {
        self.points.iter().copied().filter(|(epoch, value)| epoch.is_finite() && value.is_finite())
    }
}

impl Panel<'_> {
    fn finite(&self) -> impl Iterator<Item = (f64, f64)> {
        self.curves.iter().flat_map(Curve::finite)
    }

    /// The ends of its axis, zero among them.
    fn range(&self) -> (f64, f64) {
        if self.percent {
            return (0.0, 1.0);
        }
        let values = self.finite().map(|(_, value)| value);
        let (low, high) = extent(values.chain([0.0])).unwrap_or((0.0, 1.0));
        let margin = 0.05 * (high - low);
        (if low < 0.0 { low - margin } else { low }, high + margin)
    }
}

impl LearningCurves<'_> {
    /// The curves as an SVG picture of 480x400 pixels for each panel.
    ///
    /// # Errors
    /// When there are no finite points or they cannot be drawn.
    pub fn to_svg(&self) -> Result<String, ReportError> {
        let epochs = self.panels.iter().flat_map(Panel::finite).map(|(epoch, _)| epoch);
        let epochs = extent(epochs).ok_or(ReportError::NoPoints)?;
        svg((PANEL.0 * self.panels.len() as u32, PANEL.1), |root| {
            title(root, self.title)?;
            for (area, panel) in root.split_evenly((1, self.panels.len())).iter().zip(self.panels) {
                self.panel(area, panel, epochs)?;
            }
            Ok(())
        })
    }

    fn panel(&self, area: &Area<'_>, panel: &Panel<'_>, (first, last): (f64, f64)) -> Drawn {
        let colour = |curve: &Curve<'_>| self.colour(curve.name);
        legend(area, MARGIN, panel.curves.iter().map(|curve| (curve.name.to_owned(), colour(curve).to_rgba())))?;
        let (low, high) = panel.range();
        let mut chart = ChartBuilder::on(area)
            .margin_top(HEADING + LABEL)
            .margin_right(MARGIN)
            .margin_left(MARGIN)
            .x_label_area_size(48)
            .y_label_area_size(GUTTER)
            .build_cartesian_2d(Scale::Whole(first..last), low..high)?;
        axes(&mut chart, panel)?;
        for curve in panel.curves {
            line(&mut chart, curve, colour(curve))?;
        }
        match self.best.filter(|best| (first..=last).contains(best)) {
            Some(best) => {
                let foot = chart.backend_coord(&(best, low));
                upright(area, format!("best: epoch {}", tick(best)), foot, HEADING)
            }
            None => Ok(()),
        }
    }

    fn colour(&self, name: &str) -> RGBColor {
        let mut names: Vec<&str> = Vec::new();
        for curve in self.panels.iter().flat_map(|panel| panel.curves) {
            if !names.contains(&curve.name) {
                names.push(curve.name);
            }
        }
        let position = names.iter().position(|known| *known == name).unwrap_or(0);
        COLOURS[position % COLOURS.len()]
    }
}

fn axes(chart: &mut Chart<'_, '_>, panel: &Panel<'_>) -> Drawn {
    let label = |value: &f64| if panel.percent { format!("{:.0}%", 100.0 * value) } else { tick(*value) };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(FAINT)
        .label_style(text_style(13))
        .axis_desc_style(text_style(14))
        .x_desc("epoch")
        .y_desc(panel.y)
        .y_labels(6)
        .x_label_formatter(&|epoch| tick(*epoch))
        .y_label_formatter(&label)
        .draw()
}

/// A line through a curve's points, with dots on those if there is room.
fn line(chart: &mut Chart<'_, '_>, curve: &Curve<'_>, colour: RGBColor) -> Drawn {
    let Range { start, end } = chart.y_range();
    let points: Vec<_> = curve.finite().map(|(epoch, value)| (epoch, value.clamp(start, end))).collect();
    if points.len() < CROWDED {
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
    }
    chart.draw_series(LineSeries::new(points, colour.stroke_width(2))).map(|_| ())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Two panels in which the second curve of the first and the first of the second have one name.
    fn draw(points: &[(f64, f64)], best: Option<f64>) -> Result<String, ReportError> {
        let [training, validation, perturbed] =
            ["training", "validation", "validation, perturbed"].map(|name| Curve { name, points });
        let panels = [
            Panel { y: "loss", percent: false, curves: &[training, validation] },
            Panel { y: "agreement with the teacher", percent: true, curves: &[validation, perturbed] },
        ];
        LearningCurves { title: "a < b", panels: &panels, best }.to_svg()
    }

    fn points(count: u32) -> Vec<(f64, f64)> {
        (1..=count).map(|epoch| (f64::from(epoch), 1.0 / f64::from(epoch))).collect()
    }

    #[test]
    fn an_svg_names_the_title_every_axis_every_curve_and_the_best_epoch() {
        let svg = draw(&points(20), Some(17.0)).unwrap();
        let axes = ["loss", "agreement with the teacher", "epoch", "100%"];
        let curves = ["training", "validation", "validation, perturbed"];
        for part in axes.iter().chain(&curves).chain(&["a &lt; b", "best: epoch 17"]) {
            assert!(svg.contains(part), "no '{part}'");
        }
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn a_name_has_one_colour_in_all_panels() {
        let svg = draw(&points(200), None).unwrap();
        let lines = svg.lines().filter(|line| line.starts_with("<polyline") && line.contains("stroke-width=\"2\""));
        let colour = |line: &str| line.split("stroke=\"").nth(1).and_then(|rest| rest.get(..7)).map(str::to_owned);
        let colours: Vec<_> = lines.map(|line| colour(line).unwrap()).collect();
        let [training, validation, again, perturbed] = colours.as_slice() else { panic!("{colours:?}") };
        assert_eq!(validation, again);
        assert!(training != validation && perturbed != validation && training != perturbed);
    }

    #[test]
    fn one_epoch_is_drawn_as_a_dot_for_each_curve() {
        let svg = draw(&points(1), Some(1.0)).unwrap();
        assert_eq!(svg.matches("<circle").count(), 4);
    }

    #[test]
    fn points_that_are_not_finite_are_left_out() {
        let mut broken = points(3);
        broken.extend([(4.0, f64::NAN), (f64::INFINITY, 0.5), (5.0, f64::NEG_INFINITY)]);
        assert_eq!(draw(&broken, None).unwrap(), draw(&points(3), None).unwrap());
    }

    #[test]
    fn no_finite_points_are_an_error() {
        for nothing in [&[][..], &[(1.0, f64::NAN)]] {
            assert!(matches!(draw(nothing, None), Err(ReportError::NoPoints)));
        }
        assert!(matches!(LearningCurves { title: "", panels: &[], best: None }.to_svg(), Err(ReportError::NoPoints)));
    }

    #[test]
    fn a_best_epoch_outside_the_run_is_not_marked() {
        for best in [0.0, 21.0, f64::NAN] {
            assert!(!draw(&points(20), Some(best)).unwrap().contains("best"));
        }
    }

    proptest! {
        #[test]
        fn any_values_are_drawn(values in prop::collection::vec(any::<f32>(), 1..20)) {
            let points: Vec<_> = (1..).zip(&values).map(|(epoch, &value)| (f64::from(epoch), f64::from(value))).collect();
            let drawn = draw(&points, Some(1.0)).is_ok();
            prop_assert_eq!(drawn, values.iter().any(|value| value.is_finite()));
        }
    }
}
