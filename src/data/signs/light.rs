//! Light and shadow: from noon to the beam of a headlight.

use super::canvas::scaled;
use super::painter::Rgb;
use crate::data::synthetic::{Dice, Noise, smooth_step};

/// How scene and sign are lit.
pub(super) struct Light {
    /// What the surroundings are multiplied by.
    pub(super) scene: Rgb,
    sign: Rgb,
    /// How much brighter the face is a half width to the right and below.
    slope: (f32, f32),
    shadow: Shadow,
    glare: Option<Glare>,
}

/// What stands between the sun and the sign.
enum Shadow {
    None,
    /// Something with a straight edge: direction, place and remaining light.
    Edge((f32, f32), f32, f32),
    /// A tree: the noise of its leaves and the remaining light.
    Leaves(Box<Noise>, f32),
}

/// The sun or a lamp mirrored in the face: place, size and strength.
struct Glare((f32, f32), f32, f32);

impl Light {
    /// Any time of the day.
    pub(super) fn new(dice: &mut Dice) -> Self {
        let (scene, sign) = match dice.unit() {
            hour if hour < 0.6 => (dice.between(0.7, 1.1), dice.between(0.75, 1.1)),
            hour if hour < 0.78 => (dice.between(0.9, 1.2), dice.between(0.35, 0.6)),
            hour if hour < 0.9 => (dice.between(0.3, 0.5), dice.between(0.3, 0.6)),
            _ => (dice.between(0.06, 0.2), dice.between(0.35, 1.0)),
        };
        let tint = [1.0 + dice.around_zero(0.12), 1.0, 1.0 + dice.around_zero(0.15)];
        Self {
            scene: scaled(tint, scene),
            sign: scaled(tint, sign),
            slope: (dice.around_zero(0.18), dice.around_zero(0.18)),
            shadow: Shadow::new(dice),
            glare: dice.chance(0.12).then(|| {
                let place = (dice.around_zero(0.9), dice.around_zero(0.9));
                Glare(place, dice.between(0.3, 0.8), dice.between(0.15, 0.5))
            }),
        }
    }

    /// The colour of a place on the sign in this light.
    pub(super) fn on_sign(&self, x: f32, y: f32, colour: Rgb) -> Rgb {
        let strength = (1.0 + self.slope.0 * x + self.slope.1 * y).max(0.0) * self.shadow.remaining(x, y);
        let glare = self.glare.as_ref().map_or(0.0, |glare| glare.at(x, y));
        [0, 1, 2].map(|channel| colour[channel] * self.sign[channel] * strength + glare)
    }
}

impl Shadow {
    fn new(dice: &mut Dice) -> Self {
        match dice.unit() {
            throw if throw < 0.7 => Self::None,
            throw if throw < 0.85 => Self::Edge(dice.heading(), dice.around_zero(0.6), dice.between(0.4, 0.7)),
            _ => Self::Leaves(Box::new(Noise::new(dice)), dice.between(0.45, 0.75)),
        }
    }

    /// The share of light that is left at a place on the sign.
    fn remaining(&self, x: f32, y: f32) -> f32 {
        match self {
            Self::None => 1.0,
            Self::Edge((across, down), place, left) => {
                1.0 - (1.0 - left) * smooth_step(-0.06, 0.06, across * x + down * y - place)
            }
            Self::Leaves(noise, left) => 1.0 - (1.0 - left) * smooth_step(0.42, 0.58, noise.fractal(2.0 * x, 2.0 * y)),
        }
    }
}

impl Glare {
    fn at(&self, x: f32, y: f32) -> f32 {
        let Self(place, size, strength) = *self;
        let (across, down) = ((x - place.0) / size, (y - place.1) / size);
        strength * smooth_step(0.0, 1.0, 1.0 - (across * across + down * down))
    }
}
