//! A sign as it stands there: on its pole, perhaps with a plate below, stained, with stickers on it.

use super::classes::Class;
use super::faces::{self, Design};
use super::glyphs::Lettering;
use super::painter::{Painter, Rgb, circle, polyline, rectangle};
use super::pictograms::splash;
use super::weather::Weather;
use crate::data::synthetic::Dice;

/// What the drawing reaches: the face lies in [-1, 1] x [-1, 1], the plate below.
const LEFT_TOP: (f32, f32) = (-1.08, -1.08);
const RIGHT_BOTTOM: (f32, f32) = (1.08, 1.8);
/// Texels for a pixel of the picture, so that none is skipped where it is seen aslant.
const TEXELS_A_PIXEL: f32 = 2.0;

/// A drawing from which pixels are sampled.
pub(super) struct Texture {
    width: usize,
    height: usize,
    scale: f32,
    texels: Vec<[f32; 4]>,
}

impl Texture {
    /// Draws a sign whose half width is to be `radius` pixels.
    pub(super) fn of_sign(dice: &mut Dice, class: Class, design: &Design, weather: Weather, radius: f32) -> Self {
        let scale = (radius * TEXELS_A_PIXEL).max(16.0);
        let side = |from: f32, to: f32| ((to - from) * scale).ceil() as usize;
        let size = (side(LEFT_TOP.0, RIGHT_BOTTOM.0), side(LEFT_TOP.1, RIGHT_BOTTOM.1));
        let mut painter = Painter::new(size, LEFT_TOP, scale);
        pole(&mut painter, dice, design.palette.metal);
        faces::silhouette(&mut painter, class, design.palette.metal);
        faces::draw(&mut painter, class, design);
        painter.stay_inside();
        wear(&mut painter, dice, design);
        if weather == Weather::Snow {
            stuck_snow(&mut painter, dice);
        }
        Self { width: size.0, height: size.1, scale, texels: painter.pixels().collect() }
    }

    /// Whether anything can be within `margin` of a place.
    pub(super) fn reaches(x: f32, y: f32, margin: f32) -> bool {
        x.abs() < RIGHT_BOTTOM.0 + margin && y > LEFT_TOP.1 - margin
    }

    /// Red, green, blue (times coverage) and coverage at a place; the pole goes on below the drawing.
    pub(super) fn at(&self, x: f32, y: f32) -> [f32; 4] {
        let across = (x - LEFT_TOP.0) * self.scale - 0.5;
        let down = ((y - LEFT_TOP.1) * self.scale - 0.5).min((self.height - 1) as f32 - 0.001);
        if across < 0.0 || down < 0.0 || across >= (self.width - 1) as f32 {
            return [0.0; 4];
        }
        let (left, top) = (across as usize, down as usize);
        let (across, down) = (across - left as f32, down - top as f32);
        let first = top * self.width + left;
        let [upper_left, upper_right] = [self.texels[first], self.texels[first + 1]];
        let [lower_left, lower_right] = [self.texels[first + self.width], self.texels[first + self.width + 1]];
        let mut texel = [0.0; 4];
        for (channel, value) in texel.iter_mut().enumerate() {
            let above = upper_left[channel] + (upper_right[channel] - upper_left[channel]) * across;
            let below = lower_left[channel] + (lower_right[channel] - lower_left[channel]) * across;
            *value = above + (below - above) * down;
        }
        texel
    }
}

/// A tube, lighter where the sky shines on it, with a plate on it now and then.
fn pole(painter: &mut Painter, dice: &mut Dice, metal: Rgb) {
    if dice.chance(0.15) {
        return;
    }
    let half = dice.between(0.05, 0.09);
    let shade = |factor: f32| metal.map(|value| value * factor);
    painter.fill(&rectangle((-half, 0.0), (half, 3.0)), shade(0.6));
    painter.fill(&rectangle((-0.5 * half, 0.0), (0.7 * half, 3.0)), shade(0.95));
    if dice.chance(0.2) {
        plate(painter, dice);
    }
}

/// A small plate that says how far or how long.
fn plate(painter: &mut Painter, dice: &mut Dice) {
    let (wide, bottom) = (dice.between(0.55, 0.85), dice.between(1.5, 1.68));
    painter.fill_rounded(&rectangle((-wide, 1.14), (wide, bottom)), 0.04, [0.1; 3]);
    painter.fill_rounded(&rectangle((-wide + 0.03, 1.17), (wide - 0.03, bottom - 0.03)), 0.02, [0.9; 3]);
    let text: String = (0..dice.count(1, 3)).map(|_| dice.pick(&['1', '2', '3', '5', '7', '8', '0'])).collect();
    let centre = (0.0, (1.14 + bottom) / 2.0);
    let lettering = Lettering { centre, height: 0.22, stretch: 1.0, gap: 0.25, weight: 0.17 };
    lettering.write(painter, &text, [0.1; 3]);
}

/// Stains, scratches, stickers and screws: what a sign gathers and still is read.
fn wear(painter: &mut Painter, dice: &mut Dice, design: &Design) {
    if dice.chance(0.3) {
        for y in [-0.55, 0.55] {
            painter.fill(&circle((0.0, y), 0.03), design.palette.metal);
        }
    }
    if dice.chance(0.3) {
        painter.opacity(dice.between(0.15, 0.45));
        let mud = dice.pick(&[[0.33, 0.27, 0.2], [0.25, 0.24, 0.22], [0.36, 0.4, 0.28], [0.45, 0.25, 0.12]]);
        for _ in 0..dice.count(1, 4) {
            splash(painter, somewhere(dice), dice.between(0.06, 0.22), mud);
        }
    }
    if dice.chance(0.15) {
        painter.opacity(dice.between(0.3, 0.6));
        for _ in 0..dice.count(1, 3) {
            let (x, y) = somewhere(dice);
            let (across, down) = dice.heading();
            let length = dice.between(0.2, 0.6);
            let scratch = polyline(&[(x, y), (x + across * length, y + down * length)]);
            painter.line(&scratch, dice.between(0.015, 0.035), design.palette.metal);
        }
    }
    painter.opacity(1.0);
    if dice.chance(0.15) {
        for _ in 0..dice.count(1, 2) {
            sticker(painter, dice);
        }
    }
}

/// A sticker a fifth as wide as the sign at most.
fn sticker(painter: &mut Painter, dice: &mut Dice) {
    let (x, y) = somewhere(dice);
    let (across, down) = (dice.between(0.08, 0.2), dice.between(0.06, 0.16));
    let colour = [dice.unit(), dice.unit(), dice.unit()];
    if dice.chance(0.4) {
        painter.fill(&circle((x, y), across), colour);
    } else {
        painter.fill(&rectangle((x - across, y - down), (x + across, y + down)), colour);
        let inner = colour.map(|value| 1.0 - value);
        painter.fill(&rectangle((x - 0.6 * across, y - 0.3 * down), (x + 0.6 * across, y + 0.3 * down)), inner);
    }
}

/// Wet snow that clings to the face, most of it at the top.
fn stuck_snow(painter: &mut Painter, dice: &mut Dice) {
    if dice.chance(0.5) {
        let depth = dice.between(0.05, 0.3);
        for _ in 0..5 {
            splash(painter, (dice.around_zero(0.8), -1.0 + dice.around_zero(0.1)), depth, [0.93, 0.95, 0.98]);
        }
    }
}

fn somewhere(dice: &mut Dice) -> (f32, f32) {
    (dice.around_zero(0.85), dice.around_zero(0.85))
}
