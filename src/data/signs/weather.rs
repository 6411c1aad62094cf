//! Rain, fog and snow.

use super::canvas::{Canvas, mix};
use super::painter::{circle, polyline};
use crate::data::synthetic::Dice;

/// What the weather is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Weather {
    Clear,
    Rain,
    Fog,
    Snow,
}

impl Weather {
    /// Fair two times out of three.
    pub(super) fn new(dice: &mut Dice) -> Self {
        match dice.unit() {
            throw if throw < 0.67 => Self::Clear,
            throw if throw < 0.79 => Self::Rain,
            throw if throw < 0.89 => Self::Fog,
            _ => Self::Snow,
        }
    }

    /// Takes colour and contrast from what is far away (`distance` 1) or near (0), towards the brightness of the sky.
    pub(super) fn veil(self, canvas: &mut Canvas, dice: &mut Dice, distance: f32) {
        let (near, far) = match self {
            Self::Clear => return,
            Self::Rain => (0.08, 0.35),
            Self::Fog => (0.35, 0.8),
            Self::Snow => (0.12, 0.5),
        };
        let air = mix([0.35; 3], [0.8, 0.82, 0.85], brightness(canvas));
        let density = (near + (far - near) * distance) * dice.between(0.4, 1.0);
        canvas.change(|_, _, pixel| mix(pixel, air, density));
    }

    /// Drops and flakes between the camera and the sign.
    pub(super) fn fall(self, canvas: &mut Canvas, dice: &mut Dice) {
        match self {
            Self::Clear | Self::Fog => {}
            Self::Rain => rain(canvas, dice),
            Self::Snow => snow(canvas, dice),
        }
    }
}

/// Mean of the green channel, in [0, 1].
fn brightness(canvas: &Canvas) -> f32 {
    let sum: f32 = canvas.pixels.iter().map(|pixel| pixel[1]).sum();
    (sum / canvas.pixels.len() as f32).clamp(0.0, 1.0)
}

fn rain(canvas: &mut Canvas, dice: &mut Dice) {
    let light = 0.35 + 0.6 * brightness(canvas);
    let slant = dice.around_zero(0.35);
    let mut overlay = canvas.overlay();
    for _ in 0..dice.count(12, 40) {
        overlay.opacity(dice.between(0.12, 0.4));
        let (x, y, length) = (dice.between(-0.1, 1.1), dice.between(-0.2, 1.0), dice.between(0.06, 0.22));
        let streak = polyline(&[(x, y), (x + slant * length, y + length)]);
        overlay.limb(&streak, dice.between(0.006, 0.014), [light, light, light + 0.03]);
    }
    canvas.lay_over(&overlay);
}

fn snow(canvas: &mut Canvas, dice: &mut Dice) {
    let light = 0.5 + 0.5 * brightness(canvas);
    let mut overlay = canvas.overlay();
    for _ in 0..dice.count(10, 45) {
        overlay.opacity(dice.between(0.4, 0.95));
        let flake = circle((dice.unit(), dice.unit()), dice.between(0.005, 0.022));
        overlay.fill(&flake, [light; 3]);
    }
    canvas.lay_over(&overlay);
}
