//! Things as parts of one material each.

use super::matter::Material;
use super::solid::{Solid, Turn, Vector};

/// The union of some bodies without the union of others, of one material.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) material: &'static Material,
    pub(super) solids: Vec<Solid>,
    pub(super) hollows: Vec<Solid>,
}

/// Something in a bag, in a system of its own.
pub(super) type Thing = Vec<Part>;

/// A body with what it covers of the detector.
type Shadowed<'a> = ([[f32; 2]; 2], &'a Solid);

/// A part, or what a row of rays may meet of it.
pub(super) struct Outlined<'a> {
    solids: Vec<Shadowed<'a>>,
    hollows: Vec<Shadowed<'a>>,
}

impl Part {
    /// Bodies that may overlap.
    pub(super) fn of(material: &'static Material, solids: Vec<Solid>) -> Self {
        Self { material, solids, hollows: Vec::new() }
    }

    /// One body with another taken out of it.
    pub(super) fn shell(material: &'static Material, outer: Solid, inner: Solid) -> Self {
        Self { material, solids: vec![outer], hollows: vec![inner] }
    }

    /// A block with walls.
    pub(super) fn case(material: &'static Material, centre: Vector, half: Vector, wall: f32) -> Self {
        let inside = half.map(|side| (side - wall).max(0.01));
        Self::shell(material, Solid::block(centre, half), Solid::block(centre, inside))
    }

    fn placed(&self, turn: &Turn, to: Vector) -> Self {
        let all = |solids: &[Solid]| solids.iter().map(|solid| solid.placed(turn, to)).collect();
        Self { material: self.material, solids: all(&self.solids), hollows: all(&self.hollows) }
    }

    /// It with what each of its bodies covers of the detector.
    pub(super) fn outlined(&self) -> Outlined<'_> {
        let shadowed = |solid| (Solid::shadow(solid), solid);
        Outlined {
            solids: self.solids.iter().map(shadowed).collect(),
            hollows: self.hollows.iter().map(shadowed).collect(),
        }
    }
}

impl Outlined<'_> {
    /// What rays at this `y` may meet: long cables have many pieces, of which a row of rays meets a few.
    pub(super) fn row(&self, y: f32) -> Self {
        let near = |solids: &[_]| {
            solids.iter().filter(|(shadow, _): &&Shadowed<'_>| is_within(y, shadow[1])).copied().collect()
        };
        Self { solids: near(&self.solids), hollows: near(&self.hollows) }
    }

    /// Centimetres that a ray to `(x, y)` on the detector meets; `ways` is room to reckon in.
    pub(super) fn thickness(&self, x: f32, y: f32, ways: &mut Vec<(f32, f32)>) -> f32 {
        let whole = union(&self.solids, x, y, ways);
        if whole == 0.0 || self.hollows.is_empty() {
            return whole;
        }
        // What is taken out counts as far as it lies inside: what both cover together, without the hollows.
        let hollow = union(&self.hollows, x, y, ways);
        ways.extend(chords(&self.solids, x, y));
        (merged(ways) - hollow).max(0.0)
    }
}

/// A thing turned about its origin and moved.
pub(super) fn placed(thing: &[Part], turn: &Turn, to: Vector) -> Thing {
    thing.iter().map(|part| part.placed(turn, to)).collect()
}

/// What a thing covers of the detector: least and largest `x` and `y`.
pub(super) fn shadow(thing: &[Part]) -> [[f32; 2]; 2] {
    let solids = thing.iter().flat_map(|part| &part.solids);
    solids.map(Solid::shadow).fold([[f32::MAX, f32::MIN]; 2], |all, one| {
        [0, 1].map(|side| [all[side][0].min(one[side][0]), all[side][1].max(one[side][1])])
    })
}

/// How far a ray goes through any of the bodies.
fn union(solids: &[Shadowed<'_>], x: f32, y: f32, ways: &mut Vec<(f32, f32)>) -> f32 {
    ways.clear();
    ways.extend(chords(solids, x, y));
    merged(ways)
}

fn chords(solids: &[Shadowed<'_>], x: f32, y: f32) -> impl Iterator<Item = (f32, f32)> {
    let near = solids.iter().filter(move |(shadow, _)| is_within(x, shadow[0]));
    near.filter_map(move |(_, solid)| solid.chord(x, y))
}

fn is_within(value: f32, [low, high]: [f32; 2]) -> bool {
    low <= value && value <= high
}

/// The length of all ways together, which are left in order and without overlaps.
fn merged(ways: &mut Vec<(f32, f32)>) -> f32 {
    ways.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    ways.dedup_by(|next, before| {
        let overlap = next.0 <= before.1;
        if overlap {
            before.1 = before.1.max(next.1);
        }
        overlap
    });
    ways.iter().map(|(from, to)| to - from).sum()
}

#[cfg(test)]
mod tests {
    use super::super::matter::STEEL;
    use super::*;

    fn thickness(part: &Part) -> f32 {
        part.outlined().thickness(0.0, 0.0, &mut Vec::new())
    }

    #[test]
    fn what_overlaps_counts_once() {
        let ball = |z: f32| Solid::ball([0.0, 0.0, z], [1.0; 3]);
        assert!((thickness(&Part::of(&STEEL, vec![ball(0.0), ball(1.0)])) - 3.0).abs() < 1e-4);
        assert!((thickness(&Part::of(&STEEL, vec![ball(0.0), ball(5.0)])) - 4.0).abs() < 1e-4);
    }

    #[test]
    fn what_is_hollow_counts_as_far_as_it_lies_inside() {
        let block = |z: f32, half: f32| Solid::block([0.0, 0.0, z], [1.0, 1.0, half]);
        assert!((thickness(&Part::shell(&STEEL, block(0.0, 2.0), block(0.0, 1.5))) - 1.0).abs() < 1e-4);
        assert!((thickness(&Part::shell(&STEEL, block(0.0, 2.0), block(2.0, 1.0))) - 3.0).abs() < 1e-4);
        assert_eq!(thickness(&Part::shell(&STEEL, block(0.0, 1.0), block(0.0, 5.0))), 0.0);
    }
}
