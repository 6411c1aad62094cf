//! The bag itself, and the clothes in it.

use super::film::Film;
use super::matter::{ALUMINIUM, CLOTH, COPPER, LEATHER, PLASTIC, STEEL};
use super::part::{Part, Thing};
use super::path::{EIGHTEENTH, SIXTEENTH, arc};
use super::solid::Solid;
use crate::data::synthetic::{Dice, Noise, smooth_step};

/// A suitcase, a backpack, a handbag or a tray, around the origin.
pub(super) fn any(dice: &mut Dice) -> Thing {
    match dice.count(0, 9) {
        0..=3 => suitcase(dice),
        4..=6 => backpack(dice),
        7 | 8 => handbag(dice),
        _ => tray(dice),
    }
}

/// Hard walls, rods for a handle that is pulled out, wheels, a zip.
fn suitcase(dice: &mut Dice) -> Thing {
    let half = [dice.between(20.0, 24.0), dice.between(14.5, 18.0), 9.0];
    let apart = dice.between(5.0, 8.0);
    let mut thing = vec![Part::case(&PLASTIC, [0.0; 3], half, dice.between(0.2, 0.35))];
    for y in [-apart, apart] {
        let rod = |round: f32| Solid::cylinder([0.0, y, -8.0], [half[0] - 1.0, round, round]);
        thing.push(Part::shell(&ALUMINIUM, rod(0.8), rod(0.62)));
        let wheel = Solid::pillar([half[0] - 1.6, 1.7 * y, -8.0], [1.9, 0.9, 1.9]);
        thing.push(Part::of(&PLASTIC, vec![wheel]));
        thing.push(Part::of(&STEEL, vec![Solid::pillar([half[0] - 1.6, 1.7 * y, -8.0], [0.3, 1.6, 0.3])]));
    }
    thing.push(zip(half[0] - 0.4, half[1] - 0.4));
    thing
}

/// Soft walls with round corners, buckles, a zip across.
fn backpack(dice: &mut Dice) -> Thing {
    let half = [dice.between(18.0, 22.0), dice.between(13.0, 16.0), 8.0];
    let round = |wall: f32| {
        vec![
            Solid::block([-0.2 * half[0], 0.0, 0.0], [0.8 * half[0] - wall, half[1] - wall, half[2]]),
            Solid::disc([0.5 * half[0], 0.0, 0.0], [0.5 * half[0] - wall, half[1] - wall, half[2]]),
        ]
    };
    let edge = arc([0.3 * half[0], 0.0, 2.0], [0.62 * half[0], 0.8 * half[1]], 9, EIGHTEENTH, (0.0, -1.0));
    let buckle = |x: f32, y: f32| Part::case(&PLASTIC, [x, y, 8.0], [1.6, 1.3, 0.4], 0.3);
    let far = dice.between(0.3, 0.6) * half[1];
    vec![
        Part { material: &CLOTH, solids: round(0.0), hollows: round(1.2) },
        Part::of(&PLASTIC, vec![Solid::block([-0.1 * half[0], 0.0, -8.0], [0.7 * half[0], 0.8 * half[1], 0.15])]),
        Part::of(&ALUMINIUM, Solid::tube(&edge, 0.22)),
        buckle(-0.7 * half[0], far),
        buckle(-0.7 * half[0], -far),
    ]
}

/// Leather, with handles and rings of brass.
fn handbag(dice: &mut Dice) -> Thing {
    let half = [dice.between(15.0, 19.0), dice.between(11.0, 14.0), 6.0];
    let handle = arc([0.0, -half[1], 0.0], [0.5 * half[0], 7.0], 9, (EIGHTEENTH.0, -EIGHTEENTH.1), (-1.0, 0.0));
    let ring = |x: f32| Solid::tube(&arc([x, -half[1], 0.0], [1.1, 1.1], 16, SIXTEENTH, (1.0, 0.0)), 0.2);
    let rings = [-0.5, 0.5].into_iter().flat_map(|side| ring(side * half[0]));
    vec![
        Part::case(&LEATHER, [0.0; 3], half, 0.3),
        Part::of(&LEATHER, Solid::tube(&handle, 0.6)),
        Part::of(&COPPER, rings.collect()),
        zip(0.9 * half[0], 0.0),
    ]
}

/// A tray of the checkpoint.
fn tray(dice: &mut Dice) -> Thing {
    let half = [dice.between(22.0, 24.0), dice.between(17.0, 20.0), 4.0];
    let inside = [half[0] - 0.6, half[1] - 0.6, 4.0];
    let open = Solid::block([0.0, 0.0, 0.5], inside);
    vec![Part::shell(&PLASTIC, Solid::block([0.0; 3], half), open)]
}

/// Fine metal teeth around a rectangle, or along a line.
fn zip(x: f32, y: f32) -> Part {
    let corners = [[-x, -y, 8.0], [x, -y, 8.0], [x, y, 8.0], [-x, y, 8.0], [-x, -y, 8.0]];
    Part::of(&ALUMINIUM, Solid::tube(&corners, 0.18))
}

/// Clothes: layers of cloth with folds, as far as the bag reaches.
pub(super) fn clothes(film: &mut Film, dice: &mut Dice) {
    for _ in 0..dice.count(1, 4) {
        let (cover, folds) = (Noise::new(dice), Noise::new(dice));
        let (thick, least) = (dice.between(1.5, 5.0), dice.between(0.3, 0.5));
        let ((along, across), pitch) = (dice.heading(), dice.between(0.25, 0.7));
        let (long, wide) = (dice.between(16.0, 21.0), dice.between(11.0, 15.0));
        film.lay(&CLOTH, |x, y| {
            let (u, v) = (x / long * (x / long), y / wide * (y / wide));
            let packed = 1.0 - smooth_step(0.75, 1.0, u * u + v * v);
            if packed == 0.0 {
                return 0.0;
            }
            let lies = smooth_step(least, least + 0.06, cover.fractal(0.06 * x + 3.0, 0.06 * y + 5.0));
            let (u, v) = (along * x + across * y, 0.25 * (along * y - across * x));
            packed * lies * thick * (0.6 + 0.8 * folds.fractal(pitch * u + 7.0, pitch * v + 9.0))
        });
    }
}
