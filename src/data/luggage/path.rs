//! Curved ways, for what is bent: rings, hooks, cables.

use super::solid::Vector;
use crate::data::synthetic::Dice;

/// A sixteenth and an eighteenth of a full turn, to four digits: cosine and sine.
pub(super) const SIXTEENTH: (f32, f32) = (0.9239, 0.3827);
pub(super) const EIGHTEENTH: (f32, f32) = (0.9397, 0.3420);

/// A place turned about the origin by the cosine and sine of an angle.
pub(super) fn turned((x, y): (f32, f32), (cos, sin): (f32, f32)) -> (f32, f32) {
    (cos * x - sin * y, sin * x + cos * y)
}

/// Part of an ellipse around `centre`, in the plane of the first two axes: `steps` turns by `step`, from the direction
/// `from` on.
pub(super) fn arc(centre: Vector, radii: [f32; 2], steps: usize, step: (f32, f32), from: (f32, f32)) -> Vec<Vector> {
    let mut direction = from;
    let mut path = Vec::with_capacity(steps + 1);
    for _ in 0..=steps {
        path.push([centre[0] + radii[0] * direction.0, centre[1] + radii[1] * direction.1, centre[2]]);
        direction = turned(direction, step);
    }
    path
}

/// A way that wanders about: `steps` straight pieces of `length`, each turned a little against the one before.
pub(super) fn wandering(dice: &mut Dice, from: Vector, steps: usize, length: f32, bend: f32) -> Vec<Vector> {
    let (mut place, mut heading, mut path) = (from, dice.heading(), vec![from]);
    let mut step = dice.turn(bend);
    for turn in 0..steps {
        if turn % 4 == 0 {
            step = dice.turn(bend);
        }
        heading = turned(heading, step);
        place = [place[0] + length * heading.0, place[1] + length * heading.1, place[2] + dice.around_zero(0.3)];
        path.push(place);
    }
    path
}
