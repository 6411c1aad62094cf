//! What is looked for: knife, pistol, scissors. In centimetres, along the first axis, flat in the first two.

use super::matter::{ALUMINIUM, COPPER, PLASTIC, STEEL};
use super::part::{Part, Thing};
use super::path::{SIXTEENTH, arc, turned};
use super::solid::{Solid, Vector};
use crate::data::synthetic::Dice;

/// A kitchen knife: a blade that is ground towards its edge, a tang, a handle with rivets.
pub(super) fn knife(dice: &mut Dice) -> Thing {
    let (length, wide, thick) = (dice.between(15.0, 23.0), dice.between(2.6, 4.4), dice.between(0.14, 0.28));
    let handle = dice.between(10.0, 13.0);
    let at = |x: f32, y: f32| ((x * length) + (handle - length) / 2.0, y * wide);
    let heel = (handle - length) / 2.0;
    let outline = [at(0.0, -0.5), at(0.6, -0.5), at(0.85, -0.25), at(1.0, 0.35), at(0.93, 0.5), at(0.0, 0.5)];
    let spine = [at(0.0, 0.0), at(0.75, 0.0), at(0.98, 0.4), at(0.93, 0.5), at(0.0, 0.5)];
    let mut steel = vec![Solid::plate(&outline, 0.0, 0.3 * thick), Solid::plate(&spine, 0.0, 0.5 * thick)];
    let tang = handle * dice.between(0.6, 1.0);
    steel.push(Solid::block([heel - tang / 2.0, 0.1, 0.0], [tang / 2.0, dice.between(0.4, 0.9), 0.5 * thick]));
    for _ in 0..dice.count(0, 3) {
        steel.push(Solid::disc([heel - dice.between(0.15, 0.9) * tang, 0.1, 0.0], [0.3, 0.3, 0.9]));
    }
    if dice.chance(0.5) {
        steel.push(Solid::block([heel + 0.2, 0.0, 0.0], [0.5, 0.36 * wide, 0.55]));
    }
    let grip = Solid::cylinder([heel - handle / 2.0, 0.1, 0.0], [handle / 2.0, 1.35, 0.95]);
    let hollow = Solid::cylinder([heel - handle / 2.0, 0.1, 0.0], [handle / 2.0 - 0.2, 1.2, 0.8]);
    let scales = if dice.chance(0.2) { Part::shell(&STEEL, grip, hollow) } else { Part::of(&PLASTIC, vec![grip]) };
    vec![Part::of(&STEEL, steel), scales]
}

/// A self-loading pistol: slide, barrel, frame, and a magazine of cartridges in the grip.
pub(super) fn pistol(dice: &mut Dice) -> Thing {
    let (half, high, thick) = (dice.between(7.5, 10.0), dice.between(1.3, 1.6), dice.between(1.1, 1.35));
    let frame = dice.pick(&[&PLASTIC, &ALUMINIUM, &STEEL]);
    let (lean, grip, deep) = (dice.between(0.2, 0.4), dice.between(8.0, 10.0), dice.between(2.0, 2.6));
    // The grip hangs below the back, leaning backwards.
    let below = |x: f32, y: f32| (0.5 * half + x + lean * y, high + y);
    let leaning = |half_width: f32, top: f32, bottom: f32| {
        [below(-half_width, top), below(half_width, top), below(half_width, bottom), below(-half_width, bottom)]
    };
    let slide = Part {
        material: &STEEL,
        solids: vec![
            Solid::block([0.0, 0.0, 0.0], [half, high, thick]),
            Solid::block([0.85 * half, -high - 0.25, 0.0], [0.5, 0.3, 0.6]),
            Solid::block([-0.92 * half, -high - 0.25, 0.0], [0.3, 0.3, 0.2]),
        ],
        hollows: vec![Solid::cylinder([-0.2 * half, -0.1, 0.0], [0.85 * half, 0.85, 0.9])],
    };
    let barrel = Part::shell(
        &STEEL,
        Solid::cylinder([-0.3 * half, -0.1, 0.0], [0.7 * half, 0.7, 0.7]),
        Solid::cylinder([-0.3 * half, -0.1, 0.0], [0.75 * half, 0.45, 0.45]),
    );
    let body = Part {
        material: frame,
        solids: vec![
            Solid::block([-0.1 * half, high + 0.8, 0.0], [0.8 * half, 0.8, 0.9 * thick]),
            Solid::plate(&leaning(deep, 0.0, grip), 0.0, 0.95 * thick),
        ],
        hollows: vec![Solid::plate(&leaning(deep - 0.45, 0.5, grip), 0.0, 0.95 * thick - 0.3)],
    };
    let rounds = dice.count(5, 9);
    let cartridge = |place: usize| {
        let (x, y) = below(0.0, 1.2 + (grip - 2.0) * place as f32 / 9.0);
        Solid::cylinder([x, y, 0.0], [1.4, 0.45, 0.45])
    };
    let magazine = Part::shell(
        &STEEL,
        Solid::plate(&leaning(deep - 0.5, 0.6, grip), 0.0, 0.75),
        Solid::plate(&leaning(deep - 0.6, 0.5, grip), 0.0, 0.65),
    );
    let guard = arc([0.02 * half, high + 1.4, 0.0], [1.9, 1.9], 8, SIXTEENTH, (1.0, 0.0));
    let mut trigger = Solid::tube(&guard, 0.28);
    trigger.push(Solid::block([0.05 * half, high + 2.1, 0.0], [0.25, 0.9, 0.3]));
    vec![
        slide,
        barrel,
        body,
        magazine,
        Part::of(&STEEL, trigger),
        Part::of(&COPPER, (0..rounds).map(cartridge).collect()),
    ]
}

/// Two blades on a screw, more or less open, with rings for the fingers.
pub(super) fn scissors(dice: &mut Dice) -> Thing {
    let (blade, shank) = (dice.between(7.0, 12.0), dice.between(3.0, 5.0));
    let (long, wide) = (dice.between(1.9, 2.8), dice.between(1.3, 1.9));
    let (ring, thick) = if dice.chance(0.7) { (&PLASTIC, 0.5) } else { (&STEEL, 0.32) };
    let (cos, sin) = dice.turn(16.0);
    let (cos, sin) = (cos, sin.abs());
    let centre = (blade - shank - 2.0 * long) / 2.0;
    let (mut steel, mut rings) = (vec![Solid::disc([-centre, 0.0, 0.0], [0.45, 0.45, 0.45])], Vec::new());
    for side in [-1.0, 1.0] {
        let angle = (cos, side * sin);
        let place = |x: f32, y: f32| {
            let (x, y) = turned((x, side * y), angle);
            (x - centre, y)
        };
        let z = side * 0.16;
        let edge = [
            place(-0.8, -0.65),
            place(0.6 * blade, -0.5),
            place(blade, 0.2),
            place(0.6 * blade, 0.5),
            place(-0.8, 0.65),
        ];
        let tang = [place(-shank, 0.45), place(-shank, 1.2), place(0.4, 0.65), place(0.4, -0.65)];
        steel.extend([Solid::plate(&edge, z, 0.15), Solid::plate(&tang, z, 0.17)]);
        let around = arc([0.0; 3], [long, wide], 16, SIXTEENTH, (1.0, 0.0));
        let ring: Vec<Vector> = around
            .into_iter()
            .map(|[x, y, _]| {
                let (x, y) = place(x - shank - long, y + 0.7 + 0.8 * wide);
                [x, y, z]
            })
            .collect();
        rings.extend(Solid::tube(&ring, thick));
    }
    vec![Part::of(&STEEL, steel), Part::of(ring, rings)]
}
