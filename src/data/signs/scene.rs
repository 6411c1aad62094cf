//! What is behind a sign, and what hangs in front of it.

use super::canvas::{Canvas, mix, scaled};
use super::painter::{Painter, Rgb, circle, ellipse, polygon, polyline, rectangle};
use super::pictograms::leaf;
use crate::data::synthetic::{Dice, Noise, smooth_step};

/// Paints the surroundings, sharp and in full light.
pub(super) fn behind(dice: &mut Dice, size: (usize, usize)) -> Canvas {
    let noise = Noise::new(dice);
    let mut canvas = match dice.count(0, 9) {
        0 | 1 => sky(dice, &noise, size),
        2 | 3 => foliage(dice, &noise, size),
        4 | 5 => street(dice, &noise, size),
        6 | 7 => town(dice, &noise, size),
        8 => bricks(dice, &noise, size),
        _ => plaster(dice, &noise, size),
    };
    if dice.chance(0.25) {
        clutter(&mut canvas, dice);
    }
    let (grain, fine) = (dice.between(0.0, 0.35), dice.between(6.0, 14.0));
    canvas.change(|x, y, pixel| scaled(pixel, 1.0 + grain * (noise.at(fine * x, fine * y) - 0.5)));
    canvas
}

/// Hangs leaves, a branch, a wire or a pole over the edge of the picture, now and then.
pub(super) fn before(canvas: &mut Canvas, dice: &mut Dice, light: Rgb) {
    if !dice.chance(0.28) {
        return;
    }
    let lit = |colour: Rgb| [0, 1, 2].map(|channel| colour[channel] * light[channel]);
    let mut overlay = canvas.overlay();
    match dice.count(0, 5) {
        0..=2 => branch(&mut overlay, dice, lit),
        3 => {
            let (left, right) = (dice.unit(), dice.unit());
            let wire = polyline(&[(left, -0.1), (right, 1.1)]);
            overlay.line(&wire, dice.between(0.008, 0.02), lit([0.12; 3]));
        }
        _ => {
            let (left, wide) = (dice.pick(&[0.0, 0.75]) + dice.unit() * 0.22, dice.between(0.03, 0.1));
            let grey = dice.between(0.2, 0.6);
            overlay.fill(&rectangle((left, -0.1), (left + wide, 1.1)), lit([grey; 3]));
            overlay.fill(&rectangle((left + 0.2 * wide, -0.1), (left + 0.5 * wide, 1.1)), lit([1.2 * grey; 3]));
        }
    }
    canvas.lay_over(&overlay);
}

/// Blue, grey or glowing, lighter towards the horizon, with clouds.
fn sky(dice: &mut Dice, noise: &Noise, size: (usize, usize)) -> Canvas {
    let (above, below) = dice.pick(&[
        ([0.25, 0.47, 0.8], [0.68, 0.81, 0.93]),
        ([0.42, 0.6, 0.86], [0.85, 0.9, 0.95]),
        ([0.68, 0.71, 0.75], [0.86, 0.87, 0.88]),
        ([0.5, 0.52, 0.56], [0.72, 0.73, 0.74]),
        ([0.45, 0.5, 0.68], [0.95, 0.76, 0.56]),
    ]);
    let (cover, stretch) = (dice.between(0.3, 0.9), dice.between(1.2, 2.5));
    Canvas::from_fn(size, |x, y| {
        let clouds = smooth_step(cover - 0.2, cover + 0.15, noise.fractal(stretch * x, 2.0 * stretch * y));
        mix(mix(above, below, y.min(1.0)), [0.93, 0.94, 0.95], 0.85 * clouds)
    })
}

/// Leaves with light between them.
fn foliage(dice: &mut Dice, noise: &Noise, size: (usize, usize)) -> Canvas {
    let leaves = greenery(dice);
    let (fine, gaps) = (dice.between(3.0, 6.0), dice.between(0.6, 0.9));
    Canvas::from_fn(size, |x, y| {
        let depth = noise.fractal(fine * x, fine * y);
        let shade = mix(scaled(leaves, 0.25), scaled(leaves, 1.4), depth);
        mix(shade, [0.85, 0.9, 0.95], smooth_step(gaps, gaps + 0.08, noise.fractal(fine * y, 0.8 * fine * x)))
    })
}

/// A road towards the horizon, with trees or houses along it.
fn street(dice: &mut Dice, noise: &Noise, size: (usize, usize)) -> Canvas {
    let mut canvas = sky(dice, noise, size);
    let (long, high) = extent(&canvas);
    let (horizon, vanishing) = (dice.between(0.45, 0.85) * high, dice.between(0.0, 1.0) * long);
    let mut overlay = canvas.overlay();
    let row = if dice.chance(0.5) { trees } else { houses };
    row(&mut overlay, dice, (long, horizon), 0.35);
    let verge = scaled(greenery(dice), 0.9);
    overlay.fill(&rectangle((0.0, horizon), (long, high)), verge);
    let asphalt = dice.between(0.25, 0.45);
    let (left, right) = (vanishing - dice.between(0.4, 1.2), vanishing + dice.between(0.4, 1.2));
    let road = [(left, high), (vanishing - 0.02, horizon), (vanishing + 0.02, horizon), (right, high)];
    overlay.fill(&polygon(&road), [asphalt, asphalt, asphalt + 0.02]);
    let middle = (left + right) / 2.0;
    overlay.line(&polyline(&[(middle, high), (vanishing, horizon)]), 0.015, [0.8; 3]);
    canvas.lay_over(&overlay);
    canvas
}

/// Houses close by.
fn town(dice: &mut Dice, noise: &Noise, size: (usize, usize)) -> Canvas {
    let mut canvas = sky(dice, noise, size);
    let (long, high) = extent(&canvas);
    let mut overlay = canvas.overlay();
    houses(&mut overlay, dice, (long, high), 1.1);
    canvas.lay_over(&overlay);
    canvas
}

/// A wall of bricks, every other row moved by half a brick.
fn bricks(dice: &mut Dice, noise: &Noise, size: (usize, usize)) -> Canvas {
    let clay = dice.pick(&[[0.55, 0.27, 0.2], [0.62, 0.42, 0.3], [0.45, 0.38, 0.34], [0.66, 0.58, 0.46]]);
    let mortar = [dice.between(0.5, 0.75); 3];
    let (high, joint) = (dice.between(0.05, 0.11), dice.between(0.08, 0.16));
    let long = 2.4 * high;
    Canvas::from_fn(size, |x, y| {
        let row = (y / high).floor();
        let along = x / long + 0.5 * (row as i32 % 2) as f32;
        let column = along.floor();
        let inside = y / high - row > joint && along - column > joint / 2.4;
        let brick = scaled(clay, 0.75 + 0.5 * noise.cell(column as i32, row as i32));
        if inside { brick } else { mortar }
    })
}

/// A plain wall, lit unevenly.
fn plaster(dice: &mut Dice, noise: &Noise, size: (usize, usize)) -> Canvas {
    let wall = [0.0; 3].map(|_| dice.between(0.3, 0.85));
    let grey = (wall[0] + wall[1] + wall[2]) / 3.0;
    let wall = mix(wall, [grey; 3], 0.6);
    Canvas::from_fn(size, |x, y| scaled(wall, 0.8 + 0.4 * noise.fractal(1.5 * x, 1.5 * y)))
}

/// Width and height in units of the short side.
fn extent(canvas: &Canvas) -> (f32, f32) {
    (canvas.width as f32 / canvas.short_side(), canvas.height as f32 / canvas.short_side())
}

fn greenery(dice: &mut Dice) -> Rgb {
    let base =
        dice.pick(&[[0.25, 0.42, 0.14], [0.35, 0.5, 0.2], [0.16, 0.3, 0.16], [0.5, 0.4, 0.18], [0.42, 0.3, 0.2]]);
    base.map(|value| value + dice.around_zero(0.05))
}

/// A row of trees up to `height`, their feet at `ground`.
fn trees(overlay: &mut Painter, dice: &mut Dice, (long, ground): (f32, f32), height: f32) {
    let leaves = greenery(dice);
    let mut x = -0.1;
    while x < long + 0.1 {
        let (wide, high) = (dice.between(0.08, 0.2), dice.between(0.3, 1.0) * height);
        let crown = ellipse((x, ground - 0.5 * high), (wide, 0.6 * high));
        overlay.fill(&crown, scaled(leaves, dice.between(0.6, 1.2)));
        x += wide * dice.between(0.6, 2.0);
    }
}

/// A row of houses up to `height`, with windows, their feet at `ground`.
fn houses(overlay: &mut Painter, dice: &mut Dice, (long, ground): (f32, f32), height: f32) {
    let mut left = -dice.between(0.0, 0.3);
    while left < long {
        let (right, top) = (left + dice.between(0.25, 0.6), ground - dice.between(0.35, 1.0) * height);
        let stone = [dice.between(0.3, 0.8), dice.between(0.3, 0.7), dice.between(0.28, 0.65)];
        let grey = (stone[0] + stone[1] + stone[2]) / 3.0;
        overlay.fill(&rectangle((left, top), (right, ground)), mix(stone, [grey; 3], 0.6));
        if dice.chance(0.5) {
            let roof = [(left - 0.02, top), ((left + right) / 2.0, top - 0.12), (right + 0.02, top)];
            overlay.fill(&polygon(&roof), [0.42, 0.22 + dice.between(0.0, 0.15), 0.2]);
        }
        windows(overlay, dice, (left, top), (right, ground));
        left = right + dice.pick(&[0.0, 0.0, 0.05, 0.2]);
    }
}

fn windows(overlay: &mut Painter, dice: &mut Dice, (left, top): (f32, f32), (right, bottom): (f32, f32)) {
    let (across, down) = (dice.between(0.08, 0.16), dice.between(0.11, 0.2));
    let glass = scaled([0.8, 0.9, 1.0], dice.between(0.12, 0.6));
    let mut y = top + 0.3 * down;
    while y + 0.6 * down < bottom {
        let mut x = left + 0.3 * across;
        while x + 0.5 * across < right {
            overlay.fill(&rectangle((x, y), (x + 0.5 * across, y + 0.55 * down)), glass);
            x += across;
        }
        y += down;
    }
}

/// What else stands at a road: a lamp post, a wire, another sign's edge, a light.
fn clutter(canvas: &mut Canvas, dice: &mut Dice) {
    let (long, high) = extent(canvas);
    let mut overlay = canvas.overlay();
    for _ in 0..dice.count(1, 2) {
        let (x, y) = (dice.unit() * long, dice.unit() * high);
        let any = [dice.unit(), dice.unit(), dice.unit()];
        match dice.count(0, 3) {
            0 => overlay.line(&polyline(&[(x, -0.1), (x, high + 0.1)]), dice.between(0.02, 0.06), [0.3; 3]),
            1 => overlay.line(&polyline(&[(-0.1, y), (long + 0.1, dice.unit() * high)]), 0.012, [0.15; 3]),
            2 => {
                overlay.fill(&circle((x, y), 0.2), any);
                overlay.fill(&circle((x, y), 0.15), mix(any, [0.9; 3], 0.8));
            }
            _ => overlay.fill(&circle((x, y), dice.between(0.02, 0.07)), [1.0, 0.9, 0.7]),
        }
    }
    canvas.lay_over(&overlay);
}

/// A twig with leaves that reaches in from an edge.
fn branch(overlay: &mut Painter, dice: &mut Dice, lit: impl Fn(Rgb) -> Rgb) {
    let (towards, reach) = (dice.heading(), dice.between(0.1, 0.28));
    let root = (0.5 - 0.75 * towards.0, 0.5 - 0.75 * towards.1);
    let tip = (root.0 + (0.25 + reach) * towards.0, root.1 + (0.25 + reach) * towards.1);
    overlay.line(&polyline(&[root, tip]), 0.015, lit([0.25, 0.18, 0.1]));
    let green = greenery(dice);
    for _ in 0..dice.count(4, 9) {
        let along = dice.unit();
        let stem = (root.0 + (tip.0 - root.0) * along, root.1 + (tip.1 - root.1) * along);
        let (length, shade) = (dice.between(0.07, 0.15), dice.between(0.7, 1.3));
        leaf(overlay, stem, dice.heading(), length, lit(scaled(green, shade)));
    }
}
