//! A contact sheet of adversarial pictures: what was changed, what the classifier reads, what the gateway does.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use resvg::tiny_skia::Pixmap;

use super::plot::{ADVERSARIAL, Area, BENIGN, Drawn, FAINT, GRID, ReportError, bold_style, svg, text_style};
use super::raster::{PNG_SCALE, encode, rasterise};
use crate::tensor::{Picture, rgb, shown, shown_change};

/// Side of a picture in pixels of the SVG.
const SIDE: i32 = 96;
/// Height of a row.
const ROW: i32 = 132;
/// Height of the title and of the columns' headings.
const HEADING: i32 = 92;
/// Height of a line under the rows.
const LINE: i32 = 20;
const WIDTH: i32 = 800;
/// Where the columns begin: original, perturbation, adversarial, classifier, gateway.
const COLUMNS: [i32; 5] = [24, 144, 264, 392, 624];
const HEADINGS: [&str; 5] = ["original", "change", "adversarial", "the classifier reads", "the gateway"];
/// Share of full contrast to which the largest change is amplified.
const CONTRAST: f32 = 0.5;

/// One adversarial picture and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Exhibit {
    /// The benign picture.
    pub original: Picture,
    /// What the attack made of it, in the same shape.
    pub adversarial: Picture,
    /// Name of the attack.
    pub attack: String,
    /// What is on the picture, and what the classifier reads in the original.
    pub truth: String,
    /// What the classifier reads in the adversarial picture.
    pub reading: String,
    /// The probability that it gives to that, in [0, 1].
    pub confidence: f64,
    /// Whether the gateway refused the picture.
    pub refused: bool,
}

impl Exhibit {
    /// The largest change of a pixel, in 8-bit steps.
    pub fn largest_change(&self) -> u32 {
        (255.0 * self.change().fold(0.0_f32, |largest, change| largest.max(change.abs()))).round() as u32
    }

    fn change(&self) -> impl Iterator<Item = f32> {
        self.adversarial.pixels().iter().zip(self.original.pixels()).map(|(after, before)| after - before)
    }

    /// How often the change is amplified to be seen.
    fn amplification(&self) -> f32 {
        (CONTRAST * 255.0 / self.largest_change().max(1) as f32).floor().max(1.0)
    }

    /// The change on grey, amplified, as it is shown.
    pub(super) fn perturbation(&self) -> Picture {
        let factor = self.amplification();
        let pixels = self.change().map(|change| (0.5 + factor * change).clamp(0.0, 1.0)).collect();
        shown_change(&self.original.with_pixels(pixels)).into_owned()
    }
}

/// Exhibits under a title and over lines that say how they were chosen.
#[derive(Debug, Clone, Copy)]
pub struct ContactSheet<'a> {
    /// What is shown.
    pub title: &'a str,
    /// What there is to say about their choice, line by line.
    pub notes: &'a [String],
    /// The rows.
    pub exhibits: &'a [Exhibit],
}

impl ContactSheet<'_> {
    /// The sheet as a PNG, two pixels for each of its own. Pictures are shown pixel by pixel, not smoothed.
    ///
    /// # Errors
    /// When no font is installed or the sheet is too large.
    pub fn to_png(&self) -> Result<Vec<u8>, ReportError> {
        let mut sheet = rasterise(&self.captions()?)?;
        for (row, exhibit) in self.exhibits.iter().enumerate() {
            let pictures = [exhibit.original.clone(), exhibit.perturbation(), exhibit.adversarial.clone()];
            for (picture, left) in pictures.iter().zip(COLUMNS) {
                place(&mut sheet, &rgb(&shown(picture)), left, top(row));
            }
        }
        encode(&sheet)
    }

    /// Everything but the pictures, as SVG.
    fn captions(&self) -> Result<String, ReportError> {
        let size = (WIDTH as u32, (top(self.exhibits.len()) + LINE * (self.notes.len() as i32 + 1)) as u32);
        svg(size, |root| {
            root.draw(&Text::new(self.title.to_owned(), (COLUMNS[0], 20), bold_style(20)))?;
            for (heading, left) in HEADINGS.into_iter().zip(COLUMNS) {
                root.draw(&Text::new(heading, (left, HEADING - 26), text_style(14).color(&FAINT)))?;
            }
            for (row, exhibit) in self.exhibits.iter().enumerate() {
                caption(root, exhibit, top(row))?;
            }
            let foot = top(self.exhibits.len());
            for (line, note) in self.notes.iter().enumerate() {
                let at = (COLUMNS[0], foot + LINE * line as i32);
                root.draw(&Text::new(note.clone(), at, text_style(13).color(&FAINT)))?;
            }
            Ok(())
        })
    }
}

fn top(row: usize) -> i32 {
    HEADING + ROW * row as i32
}

/// The words beside and under one row's pictures.
fn caption(root: &Area<'_>, exhibit: &Exhibit, top: i32) -> Drawn {
    let small = || text_style(12).color(&FAINT);
    let below = top + SIDE + 5;
    root.draw(&PathElement::new(vec![(COLUMNS[0], top - 9), (WIDTH - COLUMNS[0], top - 9)], GRID.stroke_width(1)))?;
    root.draw(&Text::new(exhibit.truth.clone(), (COLUMNS[0], below), small()))?;
    let change = format!("{} of 255, ×{:.0}", exhibit.largest_change(), exhibit.amplification());
    root.draw(&Text::new(change, (COLUMNS[1], below), small()))?;
    root.draw(&Text::new(exhibit.attack.clone(), (COLUMNS[2], below), small()))?;

    let [_, _, _, classifier, gateway] = COLUMNS;
    root.draw(&Text::new(exhibit.reading.clone(), (classifier, top + 24), bold_style(17)))?;
    let confidence = format!("{:.1}% sure", 100.0 * exhibit.confidence);
    root.draw(&Text::new(confidence, (classifier, top + 50), text_style(14)))?;

    let (colour, verdict) = if exhibit.refused { (BENIGN, "refuses it") } else { (ADVERSARIAL, "lets it pass") };
    let (low, high) = (top + 20, top + 56);
    root.draw(&Rectangle::new([(gateway, low), (gateway + 150, high)], colour.filled()))?;
    let white = bold_style(16).color(&WHITE).pos(Pos::new(HPos::Center, VPos::Center));
    root.draw(&Text::new(verdict, (gateway + 75, i32::midpoint(low, high)), white))
}

/// Copies a picture of three channels onto the sheet, each of its pixels as a square.
fn place(sheet: &mut Pixmap, picture: &Picture, left: i32, top: i32) {
    let at = |position: i32| (position as f32 * PNG_SCALE) as usize;
    let (left, top, side) = (at(left), at(top), at(SIDE));
    let stride = sheet.width() as usize;
    let pixels = picture.to_interleaved_u8();
    let rows = sheet.data_mut().chunks_exact_mut(4 * stride).skip(top).take(side);
    for (y, row) in rows.enumerate() {
        for (x, target) in row.chunks_exact_mut(4).skip(left).take(side).enumerate() {
            let from = (y * picture.height() / side * picture.width() + x * picture.width() / side) * 3;
            target[..3].copy_from_slice(&pixels[from..from + 3]);
            target[3] = u8::MAX;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exhibit() -> Exhibit {
        let picture = |bytes: &[u8]| Picture::from_interleaved_u8(3, 1, 2, bytes).unwrap();
        Exhibit {
            original: picture(&[200, 0, 0, 0, 0, 100]),
            adversarial: picture(&[208, 0, 0, 0, 4, 100]),
            attack: "pgd8".into(),
            truth: "stop".into(),
            reading: "speed limit 50".into(),
            confidence: 0.999,
            refused: true,
        }
    }

    #[test]
    fn the_largest_change_is_amplified_to_half_the_contrast() {
        let exhibit = exhibit();
        assert_eq!((exhibit.largest_change(), exhibit.amplification()), (8, 15.0));
        assert_eq!(exhibit.perturbation().to_interleaved_u8(), [248, 128, 128, 128, 188, 128]);
    }

    #[test]
    fn pictures_stand_on_the_sheet_pixel_by_pixel() {
        let exhibits = [exhibit()];
        let sheet = ContactSheet { title: "a < b", notes: &["the first".to_owned()], exhibits: &exhibits };
        let png = match sheet.to_png() {
            Ok(png) => png,
            Err(error) => return assert!(matches!(error, ReportError::NoFont), "{error}"),
        };
        let shown = image::load_from_memory(&png).unwrap().into_rgb8();
        let scale = PNG_SCALE as u32;
        assert_eq!(shown.width(), WIDTH as u32 * scale);
        let (left, top) = (COLUMNS[2] as u32 * scale, HEADING as u32 * scale);
        assert_eq!(shown.get_pixel(left, top).0, [208, 0, 0]);
        assert_eq!(shown.get_pixel(left + SIDE as u32 * scale - 1, top).0, [0, 4, 100]);
    }
}
