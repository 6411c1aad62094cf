//! What the signs show: arrows, people, lights.

use super::faces::Palette;
use super::painter::{Painter, Rgb, circle, ellipse, path, polygon, polyline, rectangle};

/// Cosine and sine of 30 degrees.
const HALF_SIXTH: (f32, f32) = (0.866_03, 0.5);

/// `!`, the mark of any other danger.
pub(super) fn exclamation(painter: &mut Painter, size: f32, weight: f32, colour: Rgb) {
    let wide = 0.1 * weight;
    let bar = [(-wide, -0.34 * size), (wide, -0.34 * size), (0.6 * wide, 0.26 * size), (-0.6 * wide, 0.26 * size)];
    painter.fill_rounded(&polygon(&bar), 0.02, colour);
    painter.fill(&circle((0.0, 0.45 * size), 1.1 * wide), colour);
}

/// A traffic light, seen from the front.
pub(super) fn lights(painter: &mut Painter, size: f32, palette: &Palette) {
    let Palette { black, red, yellow, .. } = *palette;
    let box_ = rectangle((-0.15 * size, -0.32 * size + 0.1), (0.15 * size, 0.42 * size + 0.1));
    painter.fill_rounded(&box_, 0.04, black);
    for (row, lamp) in [red, yellow, [0.1, 0.55, 0.25]].into_iter().enumerate() {
        painter.fill(&circle((0.0, (-0.2 + 0.25 * row as f32) * size + 0.1), 0.105 * size), lamp);
    }
}

/// Someone with a shovel in front of a heap.
pub(super) fn digger(painter: &mut Painter, size: f32, weight: f32, colour: Rgb) {
    let at = |x: f32, y: f32| (x * size - 0.02, y * size + 0.1);
    let thick = 0.11 * weight;
    painter.fill(&circle(at(0.06, -0.3), 0.095 * size), colour);
    painter.limb(&polyline(&[at(0.02, -0.12), at(-0.14, 0.12)]), 1.5 * thick, colour);
    painter.limb(&polyline(&[at(-0.14, 0.14), at(0.0, 0.28), at(-0.02, 0.5)]), thick, colour);
    painter.limb(&polyline(&[at(-0.15, 0.14), at(-0.24, 0.3), at(-0.36, 0.5)]), thick, colour);
    painter.limb(&polyline(&[at(0.03, -0.1), at(0.12, 0.1), at(0.26, 0.14)]), 0.8 * thick, colour);
    painter.limb(&polyline(&[at(-0.02, 0.02), at(0.44, 0.36)]), 0.5 * thick, colour);
    painter.fill(&polygon(&[at(0.16, 0.53), at(0.4, 0.22), at(0.62, 0.53)]), colour);
}

/// Someone on the stripes of a crossing.
pub(super) fn walker(painter: &mut Painter, size: f32, weight: f32, colour: Rgb) {
    let at = |x: f32, y: f32| (x * size, y * size + 0.06);
    let thick = 0.09 * weight;
    painter.fill(&circle(at(0.02, -0.36), 0.085 * size), colour);
    painter.limb(&polyline(&[at(0.0, -0.2), at(-0.02, 0.06)]), 1.5 * thick, colour);
    painter.limb(&polyline(&[at(-0.02, 0.08), at(0.1, 0.22), at(0.17, 0.4)]), thick, colour);
    painter.limb(&polyline(&[at(-0.03, 0.08), at(-0.08, 0.24), at(-0.2, 0.38)]), thick, colour);
    painter.limb(&polyline(&[at(0.02, -0.18), at(0.14, -0.04), at(0.2, 0.04)]), 0.7 * thick, colour);
    painter.limb(&polyline(&[at(-0.02, -0.18), at(-0.14, -0.06), at(-0.17, 0.06)]), 0.7 * thick, colour);
    for stripe in -2..=2 {
        let middle = 0.24 * stripe as f32;
        let shape =
            [at(middle - 0.06, 0.44), at(middle + 0.05, 0.44), at(middle + 0.07, 0.55), at(middle - 0.08, 0.55)];
        painter.fill(&polygon(&shape), colour);
    }
}

/// Straight on.
pub(super) fn straight(painter: &mut Painter, size: f32, weight: f32, colour: Rgb) {
    painter.line(&polyline(&[(0.0, 0.66 * size), (0.0, -0.2 * size)]), 0.25 * weight, colour);
    head(painter, (0.0, -0.66 * size), (0.0, -1.0), 0.5 * size, colour);
}

/// Up and to a side: -1 is left, 1 is right.
pub(super) fn turn(painter: &mut Painter, side: f32, size: f32, weight: f32, colour: Rgb) {
    let bend = path(|builder| {
        builder.move_to(-0.26 * side * size, 0.6 * size);
        builder.line_to(-0.26 * side * size, 0.06 * size);
        builder.quad_to(-0.26 * side * size, -0.14 * size, -0.06 * side * size, -0.14 * size);
        builder.line_to(0.2 * side * size, -0.14 * size);
    });
    painter.line(&bend, 0.25 * weight, colour);
    head(painter, (0.62 * side * size, -0.14 * size), (side, 0.0), 0.48 * size, colour);
}

/// Three arrows that chase one another anticlockwise.
pub(super) fn roundabout(painter: &mut Painter, size: f32, weight: f32, colour: Rgb) {
    let radius = 0.5 * size;
    let (cosine, sine) = HALF_SIXTH;
    // The arrow at the top from its tail over the middle to its head; the others are turned by a third.
    let mut points = [(cosine, -sine), (0.58, -1.0), (0.0, -1.0), (-0.5, -cosine), (-0.98, -0.64)];
    for _ in 0..3 {
        let [tail, control, middle, neck, tip] = points.map(|(x, y)| (radius * x, radius * y));
        let arc = path(|builder| {
            builder.move_to(tail.0, tail.1);
            builder.quad_to(control.0, control.1, middle.0, middle.1);
            builder.line_to(neck.0, neck.1);
        });
        painter.line(&arc, 0.19 * weight, colour);
        let (along, across) = (tip.0 - neck.0, tip.1 - neck.1);
        let length = (along * along + across * across).sqrt();
        let towards = (along / length, across / length);
        head(painter, (tip.0 + 0.1 * towards.0, tip.1 + 0.1 * towards.1), towards, 0.34 * size, colour);
        points = points.map(|(x, y)| (-0.5 * x + cosine * y, -cosine * x - 0.5 * y));
    }
}

/// The head of an arrow: its tip, its direction (of length 1) and its length.
fn head(painter: &mut Painter, tip: (f32, f32), towards: (f32, f32), length: f32, colour: Rgb) {
    let base = (tip.0 - length * towards.0, tip.1 - length * towards.1);
    let side = (-0.62 * length * towards.1, 0.62 * length * towards.0);
    painter.fill(&polygon(&[tip, (base.0 + side.0, base.1 + side.1), (base.0 - side.0, base.1 - side.1)]), colour);
}

/// A leaf: its stem's end, its direction (of length 1) and its length.
pub(super) fn leaf(painter: &mut Painter, stem: (f32, f32), towards: (f32, f32), length: f32, colour: Rgb) {
    let at = |along: f32, across: f32| {
        (
            stem.0 + length * (along * towards.0 - across * towards.1),
            stem.1 + length * (along * towards.1 + across * towards.0),
        )
    };
    let blade = path(|builder| {
        let (tip, left, right) = (at(1.0, 0.0), at(0.45, 0.42), at(0.45, -0.42));
        builder.move_to(stem.0, stem.1);
        builder.quad_to(left.0, left.1, tip.0, tip.1);
        builder.quad_to(right.0, right.1, stem.0, stem.1);
    });
    painter.fill(&blade, colour);
}

/// A splash of mud: a few ellipses that overlap.
pub(super) fn splash(painter: &mut Painter, (x, y): (f32, f32), size: f32, colour: Rgb) {
    for (dx, dy, across, down) in [(0.0, 0.0, 1.0, 0.7), (0.7, 0.3, 0.5, 0.6), (-0.6, 0.5, 0.6, 0.4)] {
        painter.fill(&ellipse((x + dx * size, y + dy * size), (across * size, down * size)), colour);
    }
}
