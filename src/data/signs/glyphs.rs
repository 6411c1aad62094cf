//! Digits and letters as strokes, in a box 0.6 wide and 1 high.

use tiny_skia::{Path, Transform};

use super::painter::{Painter, Rgb, path};

use Step::{Curve, Line, Move};

/// Width of a glyph of height 1.
const WIDTH: f32 = 0.6;

#[derive(Clone, Copy)]
enum Step {
    Move(f32, f32),
    Line(f32, f32),
    /// A parabola: its control point, then its end.
    Curve(f32, f32, f32, f32),
}

/// The strokes of a character; none for one that no sign needs.
fn strokes(character: char) -> &'static [Step] {
    match character {
        '0' | 'O' => &[
            Move(0.3, 0.0),
            Curve(0.6, 0.0, 0.6, 0.32),
            Line(0.6, 0.68),
            Curve(0.6, 1.0, 0.3, 1.0),
            Curve(0.0, 1.0, 0.0, 0.68),
            Line(0.0, 0.32),
            Curve(0.0, 0.0, 0.3, 0.0),
            Line(0.31, 0.0),
        ],
        '1' => &[Move(0.1, 0.24), Line(0.38, 0.0), Line(0.38, 1.04)],
        '2' => &[
            Move(0.02, 0.27),
            Curve(0.04, 0.0, 0.3, 0.0),
            Curve(0.58, 0.0, 0.58, 0.27),
            Curve(0.58, 0.43, 0.4, 0.6),
            Line(0.03, 0.96),
            Line(0.03, 1.0),
            Line(0.62, 1.0),
        ],
        '3' => &[
            Move(0.03, 0.2),
            Curve(0.1, 0.0, 0.3, 0.0),
            Curve(0.56, 0.0, 0.56, 0.24),
            Curve(0.56, 0.46, 0.24, 0.46),
            Curve(0.6, 0.46, 0.6, 0.73),
            Curve(0.6, 1.0, 0.3, 1.0),
            Curve(0.06, 1.0, 0.0, 0.79),
        ],
        '5' => &[
            Move(0.56, 0.0),
            Line(0.1, 0.0),
            Line(0.06, 0.47),
            Curve(0.16, 0.37, 0.3, 0.37),
            Curve(0.6, 0.37, 0.6, 0.68),
            Curve(0.6, 1.0, 0.3, 1.0),
            Curve(0.06, 1.0, 0.0, 0.81),
        ],
        '7' => &[Move(0.0, 0.0), Line(0.6, 0.0), Line(0.59, 0.04), Curve(0.26, 0.5, 0.2, 1.04)],
        '8' => &[
            Move(0.3, 0.46),
            Curve(0.05, 0.46, 0.05, 0.23),
            Curve(0.05, 0.0, 0.3, 0.0),
            Curve(0.55, 0.0, 0.55, 0.23),
            Curve(0.55, 0.46, 0.3, 0.46),
            Curve(0.6, 0.46, 0.6, 0.73),
            Curve(0.6, 1.0, 0.3, 1.0),
            Curve(0.0, 1.0, 0.0, 0.73),
            Curve(0.0, 0.46, 0.3, 0.46),
        ],
        'P' => &[
            Move(0.06, 1.04),
            Line(0.06, 0.0),
            Line(0.32, 0.0),
            Curve(0.6, 0.0, 0.6, 0.28),
            Curve(0.6, 0.56, 0.32, 0.56),
            Line(0.06, 0.56),
        ],
        'S' => &[
            Move(0.56, 0.19),
            Curve(0.5, 0.0, 0.3, 0.0),
            Curve(0.03, 0.0, 0.03, 0.24),
            Curve(0.03, 0.43, 0.3, 0.48),
            Curve(0.59, 0.54, 0.59, 0.75),
            Curve(0.59, 1.0, 0.3, 1.0),
            Curve(0.05, 1.0, 0.0, 0.8),
        ],
        'T' => &[Move(-0.02, 0.0), Line(0.62, 0.0), Move(0.3, 0.0), Line(0.3, 1.04)],
        _ => &[],
    }
}

/// How a text is written.
pub(super) struct Lettering {
    /// Where its middle is.
    pub(super) centre: (f32, f32),
    /// Height of the strokes' skeleton.
    pub(super) height: f32,
    /// Width of a character over its usual one.
    pub(super) stretch: f32,
    /// Between two characters, over the height.
    pub(super) gap: f32,
    /// Of a stroke, over the height.
    pub(super) weight: f32,
}

impl Lettering {
    /// Writes one line of text.
    pub(super) fn write(&self, painter: &mut Painter, text: &str, colour: Rgb) {
        let step = self.stretch * WIDTH + self.gap;
        let length = step * text.len() as f32 - self.gap;
        let left = self.centre.0 - self.height * length / 2.0;
        let top = self.centre.1 - self.height / 2.0;
        for (index, character) in text.chars().enumerate() {
            let origin = (left + self.height * step * index as f32, top);
            if let Some(glyph) = self.glyph(character, origin) {
                painter.line(&glyph, self.weight * self.height, colour);
            }
        }
    }

    fn glyph(&self, character: char, (left, top): (f32, f32)) -> Option<Path> {
        let steps = strokes(character);
        if steps.is_empty() {
            return None;
        }
        let glyph = path(|builder| {
            for &step in steps {
                match step {
                    Move(x, y) => builder.move_to(x, y),
                    Line(x, y) => builder.line_to(x, y),
                    Curve(x1, y1, x, y) => builder.quad_to(x1, y1, x, y),
                }
            }
        });
        glyph.transform(Transform::from_row(self.height * self.stretch, 0.0, 0.0, self.height, left, top))
    }
}

#[cfg(test)]
mod tests {
    use super::super::classes::{CLASSES, Class};
    use super::*;

    #[test]
    fn every_character_on_a_sign_can_be_written() {
        let limits = CLASSES.iter().filter_map(|(class, _)| match class {
            Class::SpeedLimit(limit) => Some(*limit),
            _ => None,
        });
        for character in limits.chain(["STOP"]).flat_map(str::chars) {
            assert!(!strokes(character).is_empty(), "{character}");
        }
    }
}
