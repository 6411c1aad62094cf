//! What travels for its own sake: bottle, laptop, shoe, umbrella. In centimetres, along the first axis.

use super::matter::{ALUMINIUM, BOARD, CELL, CLOTH, COPPER, GLASS, LEATHER, PLASTIC, STEEL, WATER};
use super::part::{Part, Thing, placed};
use super::path::{EIGHTEENTH, arc};
use super::solid::{Solid, Turn};
use crate::data::synthetic::Dice;

/// Cosine and sine of half a right angle, to four digits as other turns have them.
const DIAGONAL: f32 = 7071.0 / 10_000.0;

/// A bottle with something to drink in it.
pub(super) fn bottle(dice: &mut Dice) -> Thing {
    let (radius, half) = (dice.between(2.9, 4.2), dice.between(6.5, 9.5));
    let fill = dice.between(0.55, 1.0);
    let (material, wall) = if dice.chance(0.75) { (&PLASTIC, 0.06) } else { (&GLASS, 0.3) };
    let neck = half + 0.75 * radius;
    let hull = |wall: f32| {
        let round = radius - wall;
        vec![
            Solid::cylinder([0.0; 3], [half - wall, round, round]),
            Solid::ball([half, 0.0, 0.0], [1.1 * radius - wall, round, round]),
            Solid::cylinder([neck + 1.2, 0.0, 0.0], [1.6, 1.25 - wall, 1.25 - wall]),
        ]
    };
    let inner = radius - wall;
    let mut water = vec![Solid::cylinder([-half * (1.0 - fill), 0.0, 0.0], [half * fill - wall, inner, inner])];
    if fill > 0.9 {
        water.push(Solid::ball([half, 0.0, 0.0], [1.1 * radius - wall, inner, inner]));
    }
    let cap = Solid::cylinder([neck + 2.6, 0.0, 0.0], [0.9, 1.5, 1.5]);
    vec![
        Part { material, solids: hull(0.0), hollows: hull(wall) },
        Part::of(&WATER, water),
        Part::shell(&PLASTIC, cap, Solid::cylinder([neck + 2.4, 0.0, 0.0], [0.9, 1.25, 1.25])),
    ]
}

/// A laptop, shut: case, display, battery of several cells, board with chips, fan and heat pipe, hinges.
pub(super) fn laptop(dice: &mut Dice) -> Thing {
    let (x, y, z) = (dice.between(14.5, 17.0), dice.between(10.0, 12.0), dice.between(0.8, 1.1));
    let case = dice.pick(&[&PLASTIC, &ALUMINIUM]);
    let cells = dice.count(3, 6);
    let (span, deep) = (1.7 * x / cells as f32, dice.between(2.6, 3.6));
    let cell = |place: usize| {
        let along = -0.85 * x + span * (place as f32 + 0.5);
        Solid::block([along, y - deep - 0.8, -0.2], [0.46 * span, deep, 0.28])
    };
    let board = vec![
        Solid::block([-0.25 * x, -0.45 * y, -0.2], [0.6 * x, 0.38 * y, 0.09]),
        Solid::block([0.55 * x, -0.65 * y, -0.2], [0.3 * x, 0.2 * y, 0.09]),
    ];
    let mut metal = vec![Solid::cylinder([-0.6 * x, -y + 0.5, 0.2], [2.2, 0.45, 0.45])];
    metal.push(Solid::cylinder([0.6 * x, -y + 0.5, 0.2], [2.2, 0.45, 0.45]));
    for _ in 0..dice.count(4, 9) {
        let edge = if dice.chance(0.5) { -0.95 * x } else { 0.95 * x };
        metal.push(Solid::block([edge, dice.between(-0.8, 0.3) * y, -0.2], [0.6, 0.6, 0.1]));
    }
    let fan = [dice.between(0.45, 0.7) * x, -0.35 * y, -0.2];
    let pipe = [[-0.2 * x, -0.4 * y, -0.1], [0.1 * x, -0.75 * y, -0.1], [0.5 * x, -0.8 * y, -0.1]];
    let mut copper = Solid::tube(&pipe, 0.25);
    copper.push(Solid::disc(fan, [0.8, 0.8, 0.35]));
    for _ in 0..dice.count(3, 6) {
        let place = [dice.between(-0.75, 0.2) * x, dice.between(-0.75, -0.2) * y, 0.0];
        copper.push(Solid::block(place, [dice.between(0.5, 1.1), dice.between(0.5, 1.1), 0.05]));
    }
    let mut thing = vec![
        Part::case(case, [0.0; 3], [x, y, z], 0.12),
        Part::of(&GLASS, vec![Solid::block([0.0, 0.0, 0.5], [x - 0.7, y - 0.7, 0.06])]),
        Part::of(&CELL, (0..cells).map(cell).collect()),
        Part::of(&BOARD, board),
        Part::of(&STEEL, metal),
        Part::of(&COPPER, copper),
        Part::shell(&PLASTIC, Solid::disc(fan, [2.6, 2.6, 0.4]), Solid::disc(fan, [2.3, 2.3, 0.5])),
    ];
    if dice.chance(0.4) {
        thing.push(Part::case(&ALUMINIUM, [-0.62 * x, 0.0, -0.2], [3.5, 2.6, 0.45], 0.15));
    }
    thing
}

/// A shoe: a sole with a heel and a steel shank, an upper of leather, eyelets and nails. Its second axis points upwards.
pub(super) fn shoe(dice: &mut Dice) -> Thing {
    let (half, wide, sole) = (dice.between(12.5, 15.0), dice.between(4.2, 5.0), dice.between(0.7, 1.4));
    let (high, heel, skin) = (dice.between(8.0, 13.0), dice.between(0.6, 1.6), dice.between(0.35, 0.6));
    let (toe, back) = (0.45 * half, -0.6 * half);
    let bottom = vec![
        Solid::pillar([toe, -sole, 0.0], [0.55 * half, sole, wide]),
        Solid::pillar([back, -sole, 0.0], [0.4 * half, sole, 0.75 * wide]),
        Solid::block([-0.1 * half, -sole, 0.0], [0.5 * half, sole, 0.62 * wide]),
        Solid::pillar([back, -2.0 * sole - heel, 0.0], [0.38 * half, heel, 0.72 * wide]),
    ];
    let upper = |skin: f32| {
        vec![
            Solid::dome([toe, 0.0, 0.0], [0.53 * half - skin, 0.5 * high - skin, 0.93 * wide - skin]),
            Solid::dome([-0.05 * half, 0.0, 0.0], [0.6 * half - skin, 0.72 * high - skin, 0.75 * wide - skin]),
            Solid::dome([back, 0.0, 0.0], [0.37 * half - skin, high - skin, 0.68 * wide - skin]),
        ]
    };
    let mut metal = vec![Solid::block([-0.1 * half, -sole, 0.0], [0.42 * half, 0.1, 0.7])];
    for _ in 0..dice.count(0, 7) {
        let (x, z) = (back + dice.around_zero(0.25) * half, dice.around_zero(0.5) * wide);
        metal.push(Solid::pillar([x, -2.0 * sole - heel, z], [0.12, heel + 0.4, 0.12]));
    }
    for place in 0..dice.count(3, 6) {
        let (x, y) = (0.3 * half - 0.09 * half * place as f32, 0.44 * high + 0.05 * high * place as f32);
        metal.extend([-0.35, 0.35].map(|z| Solid::ball([x, y, z * wide], [0.3, 0.3, 0.3])));
    }
    let shoe = vec![
        Part::of(&PLASTIC, bottom),
        Part { material: &LEATHER, solids: upper(0.0), hollows: upper(skin) },
        Part::of(&STEEL, metal),
    ];
    // On its side or on its sole.
    let lies = if dice.chance(0.5) { Turn::NONE } else { Turn::about(0, (0.0, 1.0)) };
    placed(&shoe, &lies, [0.0; 3])
}

/// An umbrella, folded: a shaft, ribs around it, cloth around them, a handle or a crook.
pub(super) fn umbrella(dice: &mut Dice) -> Thing {
    let (half, round) = (dice.between(12.0, 18.0), dice.between(1.7, 2.5));
    let tip = half + dice.between(1.0, 3.0);
    let shaft = Solid::cylinder([-1.0, 0.0, 0.0], [half + 2.0, 0.5, 0.5]);
    let mut metal = vec![Solid::cylinder([tip, 0.0, 0.0], [1.5, 0.3, 0.3])];
    let ribs = 8;
    let around = arc([0.0; 3], [1.0, 1.0], ribs - 1, (DIAGONAL, DIAGONAL), dice.heading());
    let open = dice.between(0.55, 0.9) * round;
    for [y, z, _] in around {
        let (near, far) = ([half, 0.5 * y, 0.5 * z], [-0.75 * half, open * y, open * z]);
        metal.push(Solid::rod(near, far, 0.15));
        metal.push(Solid::rod([0.35 * half, 0.6 * y, 0.6 * z], [-0.1 * half, 0.8 * open * y, 0.8 * open * z], 0.12));
        metal.push(Solid::ball(far, [0.28; 3]));
    }
    metal.push(Solid::cylinder([0.35 * half, 0.0, 0.0], [1.2, 0.8, 0.8]));
    let cloth = vec![
        Solid::cylinder([0.0, 0.0, 0.0], [0.75 * half, round, round]),
        Solid::ball([0.7 * half, 0.0, 0.0], [0.3 * half, 0.8 * round, 0.8 * round]),
        Solid::ball([-0.75 * half, 0.0, 0.0], [1.2, round, round]),
    ];
    let end = -half - 3.0;
    let handle = if dice.chance(0.55) {
        let crook = arc([end, 2.4, 0.0], [2.6, 2.4], 9, (EIGHTEENTH.0, -EIGHTEENTH.1), (0.0, -1.0));
        let mut bent = Solid::tube(&crook, 0.85);
        bent.push(Solid::rod([end, 0.0, 0.0], [end + 2.5, 0.0, 0.0], 0.85));
        bent
    } else {
        vec![Solid::cylinder([end, 0.0, 0.0], [3.2, 1.3, 1.3]), Solid::ball([end - 3.0, 0.0, 0.0], [1.0, 1.4, 1.4])]
    };
    vec![
        Part::shell(&STEEL, shaft, Solid::cylinder([-1.0, 0.0, 0.0], [half + 2.0, 0.36, 0.36])),
        Part::of(&STEEL, metal),
        Part::of(&CLOTH, cloth),
        Part::of(&PLASTIC, handle),
    ]
}
