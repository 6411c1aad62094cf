//! What else is in a bag: cables, a charger, a telephone, keys, coins, pens, a book, a belt, a tube of something.

use super::matter::{ALUMINIUM, BOARD, CELL, COPPER, GLASS, LEATHER, PAPER, PLASTIC, STEEL, VINYL, WATER};
use super::part::{Part, Thing};
use super::path::{SIXTEENTH, arc, turned, wandering};
use super::solid::{Solid, Vector};
use crate::data::synthetic::Dice;

/// A thing that is none of the classes.
pub(super) fn any(dice: &mut Dice) -> Thing {
    match dice.count(0, 13) {
        0..=2 => loose_cable(dice),
        3 | 4 => coiled_cable(dice),
        5 => charger(dice),
        6 => telephone(dice),
        7 => keys(dice),
        8 => coins(dice),
        9 => pens(dice),
        10 | 11 => book(dice),
        12 => belt(dice),
        _ => tube(dice),
    }
}

/// Copper in its sheath, with a plug at the end.
fn cable(dice: &mut Dice, path: &[Vector]) -> Thing {
    let (wire, sheath) = (dice.between(0.08, 0.13), dice.between(0.22, 0.34));
    let end = path.first().copied().unwrap_or_default();
    vec![
        Part::of(&VINYL, Solid::tube(path, sheath)),
        Part::of(&COPPER, Solid::tube(path, wire)),
        Part::of(&PLASTIC, vec![Solid::block(end, [1.6, 0.9, 0.6])]),
        Part::of(&STEEL, vec![Solid::block(end, [dice.between(0.8, 2.2), 0.5, 0.15])]),
    ]
}

fn loose_cable(dice: &mut Dice) -> Thing {
    let steps = dice.count(10, 24);
    let path = wandering(dice, [0.0; 3], steps, 1.5, 24.0);
    cable(dice, &path)
}

fn coiled_cable(dice: &mut Dice) -> Thing {
    let (turns, radius) = (dice.count(2, 4), dice.between(2.5, 5.0));
    let (flat, drift) = (dice.between(0.5, 1.0), dice.around_zero(0.05));
    let mut path = arc([0.0; 3], [radius, flat * radius], 16 * turns, SIXTEENTH, (1.0, 0.0));
    for (place, index) in path.iter_mut().zip(0..) {
        let loose = 1.0 + 0.1 * dice.unit();
        *place = [loose * place[0] + drift * index as f32, loose * place[1], 0.02 * index as f32];
    }
    cable(dice, &path)
}

fn charger(dice: &mut Dice) -> Thing {
    let half = [dice.between(2.5, 5.0), dice.between(2.0, 3.0), dice.between(1.3, 1.8)];
    let coil = [dice.around_zero(0.4) * half[0], 0.0, 0.0];
    let mut thing = vec![
        Part::case(&PLASTIC, [0.0; 3], half, 0.25),
        Part::of(&BOARD, vec![Solid::block([0.0, 0.0, -0.6], [0.85 * half[0], 0.85 * half[1], 0.08])]),
        Part::shell(&COPPER, Solid::disc(coil, [1.0, 1.0, 0.25]), Solid::disc(coil, [0.5, 0.5, 0.3])),
        Part::of(&ALUMINIUM, vec![Solid::pillar([0.6 * half[0], 0.0, 0.2], [0.6, 1.0, 0.6])]),
    ];
    let mut way = wandering(dice, [half[0], 0.0, 0.0], 12, 1.4, 26.0);
    way.reverse();
    thing.extend(cable(dice, &way));
    thing
}

fn telephone(dice: &mut Dice) -> Thing {
    let (x, y) = (dice.between(6.8, 8.0), dice.between(3.3, 3.8));
    vec![
        Part::case(&ALUMINIUM, [0.0; 3], [x, y, 0.4], 0.07),
        Part::of(&GLASS, vec![Solid::block([0.0, 0.0, 0.3], [x - 0.2, y - 0.2, 0.06])]),
        Part::of(&CELL, vec![Solid::block([-0.15 * x, 0.25 * y, -0.1], [0.6 * x, 0.6 * y, 0.2])]),
        Part::of(&BOARD, vec![Solid::block([0.7 * x, 0.0, 0.0], [0.25 * x, 0.8 * y, 0.1])]),
        Part::of(&COPPER, vec![Solid::disc([0.75 * x, -0.5 * y, 0.0], [0.6, 0.6, 0.12])]),
    ]
}

fn keys(dice: &mut Dice) -> Thing {
    let ring = arc([0.0; 3], [1.4, 1.4], 16, SIXTEENTH, (1.0, 0.0));
    let mut steel = Solid::tube(&ring, 0.12);
    for _ in 0..dice.count(2, 4) {
        let heading = dice.heading();
        let at = |x: f32, y: f32| turned((x, y), heading);
        let (bow, length) = (at(2.4, 0.0), dice.between(4.5, 6.0));
        steel.push(Solid::disc([bow.0, bow.1, dice.around_zero(0.3)], [1.1, 1.1, 0.11]));
        steel.push(Solid::plate(&[at(3.0, -0.4), at(length, -0.3), at(length, 0.3), at(3.0, 0.4)], 0.0, 0.11));
    }
    vec![Part::of(&COPPER, steel)]
}

fn coins(dice: &mut Dice) -> Thing {
    let coin = |dice: &mut Dice| {
        let radius = dice.between(0.9, 1.3);
        let place = [dice.around_zero(3.0), dice.around_zero(3.0), dice.around_zero(0.5)];
        Solid::disc(place, [radius, radius, 0.1])
    };
    vec![Part::of(&COPPER, (0..dice.count(2, 6)).map(|_| coin(dice)).collect())]
}

fn pens(dice: &mut Dice) -> Thing {
    let mut thing = Vec::new();
    for place in 0..dice.count(1, 3) {
        let (y, half) = (1.1 * place as f32 + dice.around_zero(0.2), dice.between(6.2, 7.2));
        let barrel = Solid::cylinder([0.0, y, 0.0], [half, 0.45, 0.45]);
        thing.push(Part::shell(&PLASTIC, barrel, Solid::cylinder([0.0, y, 0.0], [half, 0.3, 0.3])));
        let metal = [
            Solid::cylinder([half, y, 0.0], [1.0, 0.18, 0.18]),
            Solid::block([-0.6 * half, y + 0.5, 0.0], [1.8, 0.1, 0.1]),
        ];
        thing.push(Part::of(&STEEL, metal.to_vec()));
    }
    thing
}

fn book(dice: &mut Dice) -> Thing {
    let half = [dice.between(8.0, 11.0), dice.between(5.5, 8.0), dice.between(0.5, 1.6)];
    vec![Part::of(&PAPER, vec![Solid::block([0.0; 3], half)])]
}

fn belt(dice: &mut Dice) -> Thing {
    let (radius, wide) = (dice.between(3.5, 5.0), dice.between(1.2, 1.8));
    let outer = Solid::disc([0.0; 3], [radius, radius, wide]);
    let inner = Solid::disc([0.0; 3], [radius - dice.between(0.5, 1.2), radius - 0.7, wide + 0.1]);
    let at = |y: f32, z: f32| [radius + 0.2, y, z];
    let frame = [at(-2.0, -2.0), at(2.0, -2.0), at(2.0, 2.0), at(-2.0, 2.0), at(-2.0, -2.0)];
    let mut buckle = Solid::tube(&frame, 0.25);
    buckle.push(Solid::rod(at(-2.0, 0.0), at(2.0, 0.0), 0.2));
    vec![Part::shell(&LEATHER, outer, inner), Part::of(&STEEL, buckle)]
}

fn tube(dice: &mut Dice) -> Thing {
    let (half, round) = (dice.between(4.5, 6.5), dice.between(1.2, 1.7));
    vec![
        Part::of(&WATER, vec![Solid::cylinder([0.0; 3], [half, 1.3 * round, 0.8 * round])]),
        Part::of(&PLASTIC, vec![Solid::cylinder([half + 1.0, 0.0, 0.0], [1.0, 0.9, 0.9])]),
    ]
}
