//! Antialiased shapes, drawn in coordinates of their own.

use tiny_skia::{BlendMode, FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};

/// Red, green and blue in [0, 1], as they are stored in a picture.
pub(super) type Rgb = [f32; 3];

/// A canvas of red, green, blue and coverage.
///
/// Paths hold lines and parabolas only: tiny-skia needs no trigonometry for those, so they look the same everywhere.
pub(super) struct Painter {
    pixels: Pixmap,
    to_pixels: Transform,
    blend: BlendMode,
    alpha: f32,
}

impl Painter {
    /// An empty canvas whose pixel `(0, 0)` begins at `origin`, `scale` pixels a unit.
    pub(super) fn new((width, height): (usize, usize), origin: (f32, f32), scale: f32) -> Self {
        #[expect(clippy::expect_used, reason = "sides are 1 to a few thousand")]
        let pixels = Pixmap::new(width as u32, height as u32).expect("a canvas has a sensible size");
        let to_pixels = Transform::from_row(scale, 0.0, 0.0, scale, -origin.0 * scale, -origin.1 * scale);
        Self { pixels, to_pixels, blend: BlendMode::SourceOver, alpha: 1.0 }
    }

    /// From now on paints only where something is already.
    pub(super) fn stay_inside(&mut self) {
        self.blend = BlendMode::SourceAtop;
    }

    /// From now on paints with this opacity.
    pub(super) fn opacity(&mut self, alpha: f32) {
        self.alpha = alpha;
    }

    /// Fills a shape.
    pub(super) fn fill(&mut self, shape: &Path, colour: Rgb) {
        let paint = self.paint(colour);
        self.pixels.fill_path(shape, &paint, FillRule::Winding, self.to_pixels, None);
    }

    /// Fills a shape and `radius` around it, which rounds its corners.
    pub(super) fn fill_rounded(&mut self, shape: &Path, radius: f32, colour: Rgb) {
        self.fill(shape, colour);
        let stroke =
            Stroke { width: 2.0 * radius, line_join: LineJoin::Round, line_cap: LineCap::Round, ..Stroke::default() };
        let paint = self.paint(colour);
        self.pixels.stroke_path(shape, &paint, &stroke, self.to_pixels, None);
    }

    /// Draws along a path, with corners and ends cut straight.
    pub(super) fn line(&mut self, path: &Path, width: f32, colour: Rgb) {
        let stroke = Stroke { width, ..Stroke::default() };
        let paint = self.paint(colour);
        self.pixels.stroke_path(path, &paint, &stroke, self.to_pixels, None);
    }

    /// Draws along a path with round corners and ends.
    pub(super) fn limb(&mut self, path: &Path, width: f32, colour: Rgb) {
        let stroke = Stroke { width, line_cap: LineCap::Round, line_join: LineJoin::Round, ..Stroke::default() };
        let paint = self.paint(colour);
        self.pixels.stroke_path(path, &paint, &stroke, self.to_pixels, None);
    }

    fn paint(&self, [red, green, blue]: Rgb) -> Paint<'static> {
        let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
        let mut paint = Paint { blend_mode: self.blend, ..Paint::default() };
        paint.set_color_rgba8(byte(red), byte(green), byte(blue), byte(self.alpha));
        paint
    }

    /// Width and height in pixels.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.pixels.width() as usize, self.pixels.height() as usize)
    }

    /// Red, green, blue (each times coverage) and coverage of every pixel, row by row.
    pub(super) fn pixels(&self) -> impl Iterator<Item = [f32; 4]> + '_ {
        let pixels = self.pixels.data().as_chunks::<4>().0;
        pixels.iter().map(|pixel| pixel.map(|byte| f32::from(byte) * (1.0 / 255.0)))
    }
}

/// Lines through points, closed to a shape.
pub(super) fn polygon(points: &[(f32, f32)]) -> Path {
    lines(points, true)
}

/// Lines through points.
pub(super) fn polyline(points: &[(f32, f32)]) -> Path {
    lines(points, false)
}

fn lines(points: &[(f32, f32)], close: bool) -> Path {
    path(|builder| {
        for (index, &(x, y)) in points.iter().enumerate() {
            if index == 0 { builder.move_to(x, y) } else { builder.line_to(x, y) }
        }
        if close {
            builder.close();
        }
    })
}

/// An ellipse with its axes along the coordinates.
pub(super) fn ellipse((x, y): (f32, f32), (across, down): (f32, f32)) -> Path {
    path(|builder| {
        if let Some(bounds) = Rect::from_ltrb(x - across, y - down, x + across, y + down) {
            builder.push_oval(bounds);
        }
    })
}

/// A circle.
pub(super) fn circle(centre: (f32, f32), radius: f32) -> Path {
    ellipse(centre, (radius, radius))
}

/// A rectangle by its corners.
pub(super) fn rectangle((left, top): (f32, f32), (right, bottom): (f32, f32)) -> Path {
    polygon(&[(left, top), (right, top), (right, bottom), (left, bottom)])
}

/// A path by its steps.
pub(super) fn path(build: impl FnOnce(&mut PathBuilder)) -> Path {
    let mut builder = PathBuilder::new();
    build(&mut builder);
    #[expect(clippy::expect_used, reason = "every shape here has finite points and more than one")]
    builder.finish().expect("a path of finite points")
}
