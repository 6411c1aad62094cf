//! Drawing: histograms as SVG, SVG as PNG.

use std::sync::{Arc, LazyLock};

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

use super::histogram::{Bins, number, percent, tick};

/// Width and height of a plot in pixels.
const SIZE: (u32, u32) = (840, 440);
/// Height of the title and the legend.
const HEADING: i32 = 64;
/// Height of a threshold's label.
const LABEL: i32 = 18;
/// Left and right margin.
const MARGIN: i32 = 20;
/// PNG pixels for a pixel of the SVG.
pub(super) const PNG_SCALE: f32 = 2.0;

pub(super) const TEXT: RGBColor = RGBColor(38, 50, 56);
pub(super) const FAINT: RGBColor = RGBColor(144, 158, 166);
pub(super) const GRID: RGBColor = RGBColor(232, 236, 239);
pub(super) const BENIGN: RGBColor = RGBColor(31, 119, 180);
pub(super) const ADVERSARIAL: RGBColor = RGBColor(214, 84, 40);

/// Fonts to draw text with, the first that is installed.
const FONTS: [&str; 7] =
    ["Inter", "Helvetica Neue", "Liberation Sans", "Noto Sans", "DejaVu Sans", "Arial", "Helvetica"];

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// There is nothing to draw.
    #[error("there are no finite scores to draw")]
    NoScores,
    /// The plot could not be drawn.
    #[error("cannot draw the plot: {0}")]
    Draw(String),
    /// The SVG could not be turned into a PNG.
    #[error("cannot turn the SVG into a PNG: {0}")]
    Png(String),
    /// The text of a PNG would be missing.
    #[error("no font is installed to write a PNG's text with; install one (such as DejaVu Sans) or use the SVG")]
    NoFont,
}

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws benign and adversarial shares over the same scores, thresholds above and through them.
pub(super) fn histogram(
    title: &str,
    (low, high): (f64, f64),
    benign: &Bins,
    adversarial: &Bins,
    thresholds: &[(String, f64)],
) -> Result<String, ReportError> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let draw = || -> Result<(), DrawingAreaErrorKind<_>> {
            root.fill(&WHITE)?;
            heading(&root, title, benign, adversarial)?;
            let labels = LABEL * thresholds.len() as i32;
            let top = 1.05 * benign.largest().max(adversarial.largest()).sqrt();
            let mut chart = ChartBuilder::on(&root)
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
                threshold(&root, &format!("{label} {}", number(*value)), foot, HEADING + LABEL * row as i32)?;
            }
            root.present()
        };
        draw().map_err(|error| ReportError::Draw(error.to_string()))?;
    }
    Ok(svg)
}

pub(super) type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

pub(super) fn text_style(size: u32) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", size)).color(&TEXT)
}

fn heading<'a>(root: &Area<'a>, title: &str, benign: &Bins, adversarial: &Bins) -> Drawn<'a> {
    let style = TextStyle::from(("sans-serif", 19, FontStyle::Bold)).color(&TEXT);
    root.draw(&Text::new(title.to_owned(), (MARGIN, 12), style))?;
    let mut left = MARGIN;
    for (name, bins, colour) in [("benign", benign, BENIGN), ("adversarial", adversarial, ADVERSARIAL)] {
        if bins.count == 0 {
            continue;
        }
        root.draw(&Rectangle::new([(left, 43), (left + 12, 55)], colour.mix(0.6).filled()))?;
        let text = format!("{name} (n = {})", bins.count);
        let width = 8 * text.len() as i32;
        root.draw(&Text::new(text, (left + 18, 42), text_style(14)))?;
        left += 18 + width + 16;
    }
    Ok(())
}

fn axes<'b>(chart: &mut Chart<'_, 'b>) -> Drawn<'b> {
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

fn bars<'b>(chart: &mut Chart<'_, 'b>, bins: &Bins, colour: RGBColor) -> Drawn<'b> {
    let (low, high) = (chart.x_range().start, chart.x_range().end);
    let width = (high - low) / bins.shares.len() as f64;
    let bars = bins.shares.iter().enumerate().filter(|(_, share)| **share > 0.0).map(|(index, share)| {
        let left = low + width * index as f64;
        Rectangle::new([(left, share.sqrt()), (left + width, 0.0)], colour.mix(0.55).filled())
    });
    chart.draw_series(bars).map(|_| ())
}

/// A dashed line from the foot at the axis up to its label, which stands on the side with room.
fn threshold<'a>(root: &Area<'a>, label: &str, (x, foot): (i32, i32), top: i32) -> Drawn<'a> {
    let mut y = top;
    while y < foot {
        root.draw(&PathElement::new(vec![(x, y), (x, (y + 5).min(foot))], TEXT.stroke_width(1)))?;
        y += 9;
    }
    let fits = x + 8 * label.len() as i32 <= SIZE.0 as i32;
    let (x, side) = if fits { (x + 6, HPos::Left) } else { (x - 6, HPos::Right) };
    let style = text_style(13).pos(Pos::new(side, VPos::Top));
    root.draw(&Text::new(label.to_owned(), (x, top), style))
}

/// The system's fonts, looked up once.
static INSTALLED: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_system_fonts();
    let families = |name: &str| fonts.faces().any(|face| face.families.iter().any(|(family, _)| family == name));
    let any = fonts.faces().next().and_then(|face| face.families.first()).map(|(family, _)| family.clone());
    let chosen = FONTS.into_iter().find(|name| families(name)).map(str::to_owned).or(any);
    if let Some(family) = chosen {
        fonts.set_sans_serif_family(family);
    }
    Arc::new(fonts)
});

/// Draws an SVG as a PNG, two pixels for each of its own.
///
/// # Errors
/// When the SVG is broken, too large, or when no font is installed.
pub fn svg_to_png(svg: &str) -> Result<Vec<u8>, ReportError> {
    encode(&rasterise(svg)?)
}

/// As [`svg_to_png`], not yet encoded.
pub(super) fn rasterise(svg: &str) -> Result<Pixmap, ReportError> {
    if INSTALLED.is_empty() {
        return Err(ReportError::NoFont);
    }
    let options = Options { fontdb: Arc::clone(&INSTALLED), ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(|error| ReportError::Png(error.to_string()))?;
    let size = tree.size().to_int_size().scale_by(PNG_SCALE);
    let mut pixels = size
        .and_then(|size| Pixmap::new(size.width(), size.height()))
        .ok_or_else(|| ReportError::Png("it is empty or too large".to_owned()))?;
    resvg::render(&tree, Transform::from_scale(PNG_SCALE, PNG_SCALE), &mut pixels.as_mut());
    Ok(pixels)
}

pub(super) fn encode(pixels: &Pixmap) -> Result<Vec<u8>, ReportError> {
    pixels.encode_png().map_err(|error| ReportError::Png(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_is_twice_as_large_as_its_svg() {
        let svg = "<svg xmlns='http://www.w3.org/2000/svg' width='30' height='20'><text y='15'>x</text></svg>";
        match svg_to_png(svg) {
            Ok(png) => {
                let picture = image::load_from_memory(&png).unwrap();
                assert_eq!((picture.width(), picture.height()), (60, 40));
            }
            Err(error) => assert!(matches!(error, ReportError::NoFont), "{error}"),
        }
    }

    #[test]
    fn what_is_no_svg_is_an_error() {
        assert!(svg_to_png("no picture").is_err());
    }
}
