//! The faces of the signs, drawn in [-1, 1] x [-1, 1] with y downwards.

use super::classes::Class;
use super::glyphs::Lettering;
use super::painter::{Painter, Rgb, circle, polygon, polyline, rectangle};
use super::pictograms;
use crate::data::synthetic::Dice;

/// Half a side of the octagon whose height is 2.
const OCTAGON: f32 = 0.414_2;

/// The paints of one sign: no two factories, and no two summers, leave the same.
pub(super) struct Palette {
    pub(super) white: Rgb,
    pub(super) black: Rgb,
    pub(super) red: Rgb,
    pub(super) blue: Rgb,
    pub(super) yellow: Rgb,
    /// Of the rim and the back.
    pub(super) metal: Rgb,
}

impl Palette {
    /// Fresh or faded paints.
    pub(super) fn new(dice: &mut Dice) -> Self {
        let age = if dice.chance(0.35) { dice.between(0.1, 0.5) } else { dice.between(0.0, 0.1) };
        let mut paint = |base: Rgb, fading: f32| {
            let tone = dice.around_zero(0.05);
            faded(base.map(|value| value + tone + dice.around_zero(0.03)), age * fading)
        };
        Self {
            white: paint([0.93, 0.93, 0.92], 0.3),
            black: paint([0.07, 0.07, 0.08], 0.6),
            red: paint([0.76, 0.08, 0.12], 1.0),
            blue: paint([0.06, 0.24, 0.62], 0.7),
            yellow: paint([0.96, 0.75, 0.08], 0.7),
            metal: paint([0.55, 0.56, 0.58], 0.2),
        }
    }
}

/// A paint that the sun has bleached by a share.
fn faded(paint: Rgb, share: f32) -> Rgb {
    let grey = 0.5 + 0.5 * (paint[0] + paint[1] + paint[2]) / 3.0;
    paint.map(|value| value + (grey - value) * share)
}

/// What differs between two signs of a class.
pub(super) struct Design {
    pub(super) palette: Palette,
    /// Width of rings and borders over the usual one.
    border: f32,
    /// Width of strokes over the usual one.
    weight: f32,
    /// Size of what is inside over the usual one.
    size: f32,
    /// Width of characters over the usual one.
    stretch: f32,
}

impl Design {
    /// One of the many that are about.
    pub(super) fn new(dice: &mut Dice) -> Self {
        Self {
            palette: Palette::new(dice),
            border: dice.between(0.8, 1.2),
            weight: dice.between(0.85, 1.15),
            size: dice.between(0.9, 1.06),
            stretch: dice.between(0.85, 1.12),
        }
    }
}

/// Draws the face of a class.
pub(super) fn draw(painter: &mut Painter, class: Class, design: &Design) {
    let Palette { white, black, red, blue, yellow, .. } = design.palette;
    let (weight, size) = (design.weight, design.size);
    match class {
        Class::Caution => {
            triangle(painter, design);
            pictograms::exclamation(painter, size, weight, black);
        }
        Class::TrafficLights => {
            triangle(painter, design);
            pictograms::lights(painter, size, &design.palette);
        }
        Class::RoadWorks => {
            triangle(painter, design);
            pictograms::digger(painter, size, weight, black);
        }
        Class::Crossing => crossing(painter, design),
        Class::NoEntry => {
            disc(painter, white, red, 0.05);
            painter.fill(&rectangle((-0.68 * size, -0.17 * weight), (0.68 * size, 0.17 * weight)), white);
        }
        Class::NoParking => {
            disc(painter, red, blue, 0.2 * design.border);
            painter.line(&polyline(&[(-0.58, -0.58), (0.58, 0.58)]), 0.2 * design.border, red);
        }
        Class::PriorityRoad => priority(painter, design, yellow),
        Class::SpeedLimit(limit) => speed_limit(painter, design, limit),
        Class::Stop => stop(painter, design),
        Class::Yield => give_way(painter, design),
        Class::Roundabout | Class::StraightAhead | Class::TurnLeft | Class::TurnRight => {
            disc(painter, white, blue, 0.04 * design.border);
            match class {
                Class::Roundabout => pictograms::roundabout(painter, size, weight, white),
                Class::StraightAhead => pictograms::straight(painter, size, weight, white),
                Class::TurnLeft => pictograms::turn(painter, -1.0, size, weight, white),
                _ => pictograms::turn(painter, 1.0, size, weight, white),
            }
        }
    }
}

/// The outline of a class's sign, filled: its rim, or its back.
pub(super) fn silhouette(painter: &mut Painter, class: Class, colour: Rgb) {
    match class {
        Class::Caution | Class::TrafficLights | Class::RoadWorks => {
            painter.fill_rounded(&polygon(&TRIANGLE), 0.13, colour);
        }
        Class::Yield => painter.fill_rounded(&polygon(&TRIANGLE.map(|(x, y)| (x, -y))), 0.13, colour),
        Class::Crossing => painter.fill_rounded(&rectangle((-0.86, -0.86), (0.86, 0.86)), 0.09, colour),
        Class::PriorityRoad => painter.fill_rounded(&polygon(&diamond(0.9)), 0.1, colour),
        Class::Stop => painter.fill_rounded(&polygon(&octagon(0.98)), 0.03, colour),
        _ => painter.fill(&circle((0.0, 0.0), 1.02), colour),
    }
}

/// The corners of a warning sign's triangle, before they are rounded.
const TRIANGLE: [(f32, f32); 3] = [(0.0, -0.8), (0.87, 0.7), (-0.87, 0.7)];

fn octagon(apothem: f32) -> [(f32, f32); 8] {
    let side = apothem * OCTAGON;
    [
        (-side, -apothem),
        (side, -apothem),
        (apothem, -side),
        (apothem, side),
        (side, apothem),
        (-side, apothem),
        (-apothem, side),
        (-apothem, -side),
    ]
}

fn diamond(reach: f32) -> [(f32, f32); 4] {
    [(0.0, -reach), (reach, 0.0), (0.0, reach), (-reach, 0.0)]
}

fn disc(painter: &mut Painter, edge: Rgb, inside: Rgb, width: f32) {
    painter.fill(&circle((0.0, 0.0), 0.99), edge);
    painter.fill(&circle((0.0, 0.0), 0.99 - width), inside);
}

fn triangle(painter: &mut Painter, design: &Design) {
    let Palette { white, red, .. } = design.palette;
    painter.fill_rounded(&polygon(&TRIANGLE), 0.1, red);
    let inner = 0.92 - 0.24 * design.border;
    painter.fill_rounded(&polygon(&TRIANGLE.map(|(x, y)| (x * inner, 0.2 + (y - 0.2) * inner))), 0.02, white);
}

fn give_way(painter: &mut Painter, design: &Design) {
    let Palette { white, red, .. } = design.palette;
    painter.fill_rounded(&polygon(&TRIANGLE.map(|(x, y)| (x, -y))), 0.1, red);
    let inner = 0.88 - 0.3 * design.border;
    painter.fill_rounded(&polygon(&TRIANGLE.map(|(x, y)| (x * inner, -0.2 - (y - 0.2) * inner))), 0.02, white);
}

fn stop(painter: &mut Painter, design: &Design) {
    let Palette { white, red, .. } = design.palette;
    painter.fill(&polygon(&octagon(0.97)), white);
    painter.fill(&polygon(&octagon(0.97 - 0.07 * design.border)), red);
    let lettering = Lettering {
        centre: (0.0, 0.0),
        height: 0.56 * design.size,
        stretch: 0.98 * design.stretch.min(1.05),
        gap: 0.2,
        weight: 0.18 * design.weight,
    };
    lettering.write(painter, "STOP", white);
}

fn speed_limit(painter: &mut Painter, design: &Design, limit: &str) {
    let Palette { white, black, red, .. } = design.palette;
    disc(painter, red, white, 0.2 * design.border);
    let (height, stretch) = if limit.len() > 2 { (0.68, 0.78) } else { (0.78, 1.02) };
    let lettering = Lettering {
        centre: (0.0, 0.0),
        height: height * design.size,
        stretch: stretch * design.stretch,
        gap: 0.25,
        weight: 0.165 * design.weight,
    };
    lettering.write(painter, limit, black);
}

fn priority(painter: &mut Painter, design: &Design, yellow: Rgb) {
    let Palette { white, black, .. } = design.palette;
    painter.fill_rounded(&polygon(&diamond(0.9)), 0.07, black);
    painter.fill_rounded(&polygon(&diamond(0.86)), 0.06, white);
    painter.fill_rounded(&polygon(&diamond(0.6 + 0.08 * (design.size - 1.0))), 0.03, black);
    painter.fill_rounded(&polygon(&diamond(0.57 + 0.08 * (design.size - 1.0))), 0.03, yellow);
}

fn crossing(painter: &mut Painter, design: &Design) {
    let Palette { white, black, blue, .. } = design.palette;
    painter.fill_rounded(&rectangle((-0.86, -0.86), (0.86, 0.86)), 0.06, white);
    painter.fill_rounded(&rectangle((-0.83, -0.83), (0.83, 0.83)), 0.05, blue);
    let triangle = TRIANGLE.map(|(x, y)| (0.84 * design.size * x, 0.84 * design.size * y + 0.02));
    painter.fill_rounded(&polygon(&triangle), 0.02, white);
    pictograms::walker(painter, design.size, design.weight, black);
}
