//! What all drawings share: colours, type and the parts that every plot has.

use std::io;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Height of the title and the legend.
pub(super) const HEADING: i32 = 64;
/// Height of the label above a dashed line.
pub(super) const LABEL: i32 = 18;
/// Where the first line of a legend stands.
const LEGEND: i32 = 42;
/// Left and right margin.
pub(super) const MARGIN: i32 = 20;

pub(super) const TEXT: RGBColor = RGBColor(38, 50, 56);
pub(super) const FAINT: RGBColor = RGBColor(144, 158, 166);
pub(super) const GRID: RGBColor = RGBColor(232, 236, 239);
pub(super) const BENIGN: RGBColor = RGBColor(31, 119, 180);
pub(super) const ADVERSARIAL: RGBColor = RGBColor(214, 84, 40);
/// Colours of lines, in the order in which their names first come up.
pub(super) const COLOURS: [RGBColor; 5] =
    [BENIGN, ADVERSARIAL, RGBColor(46, 139, 87), RGBColor(126, 87, 194), RGBColor(109, 76, 65)];

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// There is nothing to draw.
    #[error("there are no finite scores to draw")]
    NoScores,
    /// There is nothing to draw curves through.
    #[error("there are no finite points to draw")]
    NoPoints,
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

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<io::Error>>;

/// What `draw` draws on a white area of `size`, as SVG.
pub(super) fn svg(size: (u32, u32), draw: impl for<'a> FnOnce(&Area<'a>) -> Drawn) -> Result<String, ReportError> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let drawn = root.fill(&WHITE).and_then(|()| draw(&root)).and_then(|()| root.present());
        drawn.map_err(|error| ReportError::Draw(error.to_string()))?;
    }
    Ok(svg)
}

pub(super) fn text_style(size: u32) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", size)).color(&TEXT)
}

pub(super) fn bold_style(size: u32) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", size, FontStyle::Bold)).color(&TEXT)
}

/// The plot's title, at the top.
pub(super) fn title(root: &Area<'_>, text: &str) -> Drawn {
    root.draw(&Text::new(text.to_owned(), (MARGIN, 12), bold_style(19)))
}

/// What each colour means, from `left` on, at the foot of a heading; in more lines below it where one is too short.
pub(super) fn legend(area: &Area<'_>, left: i32, entries: impl IntoIterator<Item = (String, RGBAColor)>) -> Drawn {
    let entries: Vec<(String, RGBAColor)> = entries.into_iter().collect();
    let places = legend_places(left, area.dim_in_pixel().0 as i32, entries.iter().map(|(text, _)| text.as_str()));
    for ((text, colour), (left, top)) in entries.into_iter().zip(places) {
        area.draw(&Rectangle::new([(left, top + 1), (left + 12, top + 13)], colour.filled()))?;
        area.draw(&Text::new(text, (left + 18, top), text_style(14)))?;
    }
    Ok(())
}

/// How far a legend on an area of this width reaches below a heading.
pub(super) fn legend_overhang<'a>(left: i32, width: i32, texts: impl Iterator<Item = &'a str>) -> i32 {
    legend_places(left, width, texts).last().map_or(0, |&(_, top)| top - LEGEND)
}

fn legend_places<'a>(left: i32, width: i32, texts: impl Iterator<Item = &'a str>) -> Vec<(i32, i32)> {
    let (mut x, mut top) = (left, LEGEND);
    let place = |text: &str| {
        let needed = 18 + text_width(text) + 16;
        if x > left && x + needed > width {
            (x, top) = (left, top + LABEL);
        }
        let place = (x, top);
        x += needed;
        place
    };
    texts.map(place).collect()
}

/// A dashed line from its foot up to its label at `top`, which stands on the side with room. The foot is where the
/// backend has it, `top` is relative to the area.
pub(super) fn upright(area: &Area<'_>, label: String, foot: (i32, i32), top: i32) -> Drawn {
    let base = area.get_base_pixel();
    let (x, foot) = (foot.0 - base.0, foot.1 - base.1);
    let mut y = top;
    while y < foot {
        area.draw(&PathElement::new(vec![(x, y), (x, (y + 5).min(foot))], TEXT.stroke_width(1)))?;
        y += 9;
    }
    let fits = x + text_width(&label) <= area.dim_in_pixel().0 as i32;
    let (x, side) = if fits { (x + 6, HPos::Left) } else { (x - 6, HPos::Right) };
    area.draw(&Text::new(label, (x, top), text_style(13).pos(Pos::new(side, VPos::Top))))
}

/// Room enough for a text of 14 pixels.
fn text_width(text: &str) -> i32 {
    15 * text.chars().count() as i32 / 2
}
