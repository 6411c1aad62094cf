//! Convex bodies, and how far a ray goes through them.

/// A place or direction in centimetres: along the belt, across it, and towards the detector.
pub(super) type Vector = [f32; 3];

/// Shapes of the cube from -1 to 1.
#[derive(Debug, Clone)]
enum Form {
    Block,
    Ball,
    /// The half of the ball with a positive second coordinate.
    Dome,
    /// A cylinder along the first axis.
    Cylinder,
    /// A convex polygon in the first two coordinates by its sides: points with `x * .0 + y * .1 <= .2` are inside.
    Prism(Vec<(f32, f32, f32)>),
}

/// A convex body somewhere in space.
#[derive(Debug, Clone)]
pub(super) struct Solid {
    form: Form,
    centre: Vector,
    /// Directions of the form's axes, each divided by half the body's extent along it.
    axes: [Vector; 3],
}

/// A rotation: the images of the three axes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn([Vector; 3]);

impl Solid {
    /// A block by its centre and half its sides.
    pub(super) fn block(centre: Vector, half: Vector) -> Self {
        Self::new(Form::Block, centre, half)
    }

    /// An ellipsoid.
    pub(super) fn ball(centre: Vector, half: Vector) -> Self {
        Self::new(Form::Ball, centre, half)
    }

    /// The upper half of an ellipsoid, above `centre` along the second axis.
    pub(super) fn dome(centre: Vector, half: Vector) -> Self {
        Self::new(Form::Dome, centre, half)
    }

    /// An elliptic cylinder along the first axis.
    pub(super) fn cylinder(centre: Vector, half: Vector) -> Self {
        Self::new(Form::Cylinder, centre, half)
    }

    /// An elliptic cylinder along the second axis.
    pub(super) fn pillar(centre: Vector, [x, y, z]: Vector) -> Self {
        let axes = [[0.0, 1.0 / y, 0.0], [1.0 / x, 0.0, 0.0], [0.0, 0.0, 1.0 / z]];
        Self { form: Form::Cylinder, centre, axes }
    }

    /// An elliptic cylinder along the third axis.
    pub(super) fn disc(centre: Vector, [x, y, z]: Vector) -> Self {
        let axes = [[0.0, 0.0, 1.0 / z], [1.0 / x, 0.0, 0.0], [0.0, 1.0 / y, 0.0]];
        Self { form: Form::Cylinder, centre, axes }
    }

    /// A plate with a convex outline in the first two coordinates, its corners named in one sense of rotation, and half
    /// its thickness.
    pub(super) fn plate(corners: &[(f32, f32)], z: f32, half: f32) -> Self {
        let reach = |side: fn(&(f32, f32)) -> f32| {
            let values = corners.iter().map(side);
            values.fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)))
        };
        let ((left, right), (top, bottom)) = (reach(|corner| corner.0), reach(|corner| corner.1));
        let (centre, half) =
            (((left + right) / 2.0, (top + bottom) / 2.0), ((right - left) / 2.0, (bottom - top) / 2.0, half));
        let unit: Vec<(f32, f32)> =
            corners.iter().map(|&(x, y)| ((x - centre.0) / half.0, (y - centre.1) / half.1)).collect();
        let next = unit.iter().cycle().skip(1);
        let area: f32 = unit.iter().zip(next.clone()).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum();
        let side = |(a, b): (&(f32, f32), &(f32, f32))| {
            let (x, y) = if area > 0.0 { (b.1 - a.1, a.0 - b.0) } else { (a.1 - b.1, b.0 - a.0) };
            (x, y, x * a.0 + y * a.1)
        };
        let sides = unit.iter().zip(next).map(side).collect();
        Self::new(Form::Prism(sides), [centre.0, centre.1, z], [half.0, half.1, half.2])
    }

    /// A round rod from one place to another.
    pub(super) fn rod(from: Vector, to: Vector, radius: f32) -> Self {
        let way = difference(to, from);
        let length = dot(way, way).sqrt().max(1e-3);
        let first = scaled(way, 1.0 / length);
        // Any direction that is not along the rod leads to one across it.
        let other = if first[0].abs() < 0.7 { [1.0, 0.0, 0.0] } else { [0.0, 1.0, 0.0] };
        let across = cross(first, other);
        let second = scaled(across, 1.0 / dot(across, across).sqrt());
        let third = cross(first, second);
        let axes = [scaled(first, 2.0 / length), scaled(second, 1.0 / radius), scaled(third, 1.0 / radius)];
        Self { form: Form::Cylinder, centre: scaled(sum(from, to), 0.5), axes }
    }

    /// Rods along a path, with round corners and ends.
    pub(super) fn tube(path: &[Vector], radius: f32) -> Vec<Self> {
        let joints = path.iter().map(|&place| Self::ball(place, [radius; 3]));
        joints.chain(path.windows(2).map(|ends| Self::rod(ends[0], ends[1], radius))).collect()
    }

    fn new(form: Form, centre: Vector, [x, y, z]: Vector) -> Self {
        Self { form, centre, axes: [[1.0 / x, 0.0, 0.0], [0.0, 1.0 / y, 0.0], [0.0, 0.0, 1.0 / z]] }
    }

    /// The body turned about the origin and moved.
    pub(super) fn placed(&self, turn: &Turn, to: Vector) -> Self {
        let axes = self.axes.map(|axis| turn.of(axis));
        Self { form: self.form.clone(), centre: sum(turn.of(self.centre), to), axes }
    }

    /// What it covers of the detector: least and largest `x` and `y`.
    pub(super) fn shadow(&self) -> [[f32; 2]; 2] {
        let reach = |side: usize| self.axes.iter().map(|axis| axis[side].abs() / dot(*axis, *axis)).sum::<f32>();
        [0, 1].map(|side| [self.centre[side] - reach(side), self.centre[side] + reach(side)])
    }

    /// Where a ray that goes straight to `(x, y)` on the detector enters and leaves it.
    pub(super) fn chord(&self, x: f32, y: f32) -> Option<(f32, f32)> {
        let from = [x - self.centre[0], y - self.centre[1], -self.centre[2]];
        let start = self.axes.map(|axis| dot(axis, from));
        let speed = self.axes.map(|axis| axis[2]);
        let within = |at: f32, speed: f32| below(-at, -speed, 1.0)?.common(below(at, speed, 1.0)?);
        let round = |axes: &[usize]| {
            let product = |a: Vector, b: Vector| axes.iter().map(|&axis| a[axis] * b[axis]).sum::<f32>();
            inside_circle(product(speed, speed), product(start, speed), product(start, start))
        };
        let way = match &self.form {
            Form::Block => {
                within(start[0], speed[0])?.common(within(start[1], speed[1])?)?.common(within(start[2], speed[2])?)?
            }
            Form::Ball => round(&[0, 1, 2])?,
            Form::Dome => round(&[0, 1, 2])?.common(below(-start[1], -speed[1], 0.0)?)?,
            Form::Cylinder => round(&[1, 2])?.common(within(start[0], speed[0])?)?,
            Form::Prism(sides) => {
                sides.iter().try_fold(within(start[2], speed[2])?, |way, &(across, down, most)| {
                    let (at, speed) = (across * start[0] + down * start[1], across * speed[0] + down * speed[1]);
                    way.common(below(at, speed, most)?)
                })?
            }
        };
        Some((way.0, way.1))
    }
}

impl Turn {
    /// Leaves everything as it is.
    pub(super) const NONE: Self = Self([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);

    /// About the axis of this index, by the cosine and sine of an angle.
    pub(super) fn about(axis: usize, (cos, sin): (f32, f32)) -> Self {
        let (next, last) = ((axis + 1) % 3, (axis + 2) % 3);
        let mut images = Self::NONE.0;
        images[next][next] = cos;
        images[next][last] = sin;
        images[last][next] = -sin;
        images[last][last] = cos;
        Self(images)
    }

    /// First this turn, then another.
    pub(super) fn then(&self, other: &Self) -> Self {
        Self(self.0.map(|image| other.of(image)))
    }

    fn of(&self, [x, y, z]: Vector) -> Vector {
        [0, 1, 2].map(|side| x * self.0[0][side] + y * self.0[1][side] + z * self.0[2][side])
    }
}

/// Part of a ray.
#[derive(Clone, Copy)]
struct Way(f32, f32);

impl Way {
    fn common(self, other: Self) -> Option<Self> {
        let both = Self(self.0.max(other.0), self.1.min(other.1));
        (both.0 < both.1).then_some(both)
    }
}

/// Where `at + speed * t <= most`.
fn below(at: f32, speed: f32, most: f32) -> Option<Way> {
    let end = (most - at) / speed;
    if speed > 0.0 {
        Some(Way(f32::MIN, end))
    } else if speed < 0.0 {
        Some(Way(end, f32::MAX))
    } else {
        (at <= most).then_some(Way(f32::MIN, f32::MAX))
    }
}

/// Where `square t² + 2 middle t + rest <= 1`.
fn inside_circle(square: f32, middle: f32, rest: f32) -> Option<Way> {
    if square < 1e-9 {
        return (rest <= 1.0).then_some(Way(f32::MIN, f32::MAX));
    }
    let root = middle * middle - square * (rest - 1.0);
    (root > 0.0).then(|| Way((-middle - root.sqrt()) / square, (-middle + root.sqrt()) / square))
}

fn sum(a: Vector, b: Vector) -> Vector {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

fn difference(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn scaled(vector: Vector, factor: f32) -> Vector {
    vector.map(|value| value * factor)
}

fn dot(a: Vector, b: Vector) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UPRIGHT: (f32, f32) = (0.6, 0.8);

    fn length(solid: &Solid, x: f32, y: f32) -> f32 {
        solid.chord(x, y).map_or(0.0, |(from, to)| to - from)
    }

    #[test]
    fn rays_go_as_far_as_bodies_are_thick() {
        let at = [1.0, 2.0, 3.0];
        assert_eq!(length(&Solid::block(at, [1.0, 2.0, 3.0]), 1.5, 3.9), 6.0);
        assert_eq!(length(&Solid::block(at, [1.0, 2.0, 3.0]), 2.1, 2.0), 0.0);
        assert!((length(&Solid::ball(at, [5.0; 3]), 4.0, 2.0) - 8.0).abs() < 1e-4);
        assert!((length(&Solid::cylinder(at, [9.0, 5.0, 5.0]), 3.0, 5.0) - 8.0).abs() < 1e-4);
        assert!((length(&Solid::rod([0.0, 0.0, 0.0], [0.0, 0.0, 7.0], 1.0), 0.5, 0.0) - 7.0).abs() < 1e-4);
        assert_eq!(length(&Solid::dome(at, [4.0; 3]), 1.0, 1.5), 0.0);
        assert_eq!(length(&Solid::pillar(at, [1.0, 4.0, 2.0]), 1.0, 5.5), 4.0);
        assert_eq!(length(&Solid::disc(at, [1.0, 2.0, 0.5]), 1.0, 3.5), 1.0);
    }

    #[test]
    fn a_plate_is_the_same_whichever_way_round_its_corners_are_named() {
        let mut corners = [(0.0, 0.0), (4.0, 0.0), (0.0, 3.0)];
        for _ in 0..2 {
            let plate = Solid::plate(&corners, 1.0, 0.25);
            assert_eq!([length(&plate, 1.0, 1.0), length(&plate, 3.0, 2.0)], [0.5, 0.0]);
            corners.reverse();
        }
    }

    #[test]
    fn a_tilted_plate_is_thicker_for_the_ray() {
        let plate = Solid::block([0.0; 3], [3.0, 3.0, 0.5]);
        let tilted = plate.placed(&Turn::about(0, UPRIGHT), [0.0; 3]);
        assert!((length(&tilted, 0.0, 0.0) - 1.0 / 0.6).abs() < 1e-4);
    }

    proptest! {
        #[test]
        fn nothing_of_a_body_lies_outside_its_shadow(
            x in -6.0_f32..6.0, y in -6.0_f32..6.0, form in 0_usize..5, half in prop::array::uniform3(0.1_f32..3.0),
            t in -1.0_f32..1.0, u in -1.0_f32..1.0,
        ) {
            let angle = |t: f32| ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
            let turn = Turn::about(0, angle(t)).then(&Turn::about(1, angle(u))).then(&Turn::about(2, UPRIGHT));
            let at = [0.3, -0.2, 1.0];
            let solid = match form {
                0 => Solid::block(at, half),
                1 => Solid::ball(at, half),
                2 => Solid::pillar(at, half),
                3 => Solid::dome(at, half),
                _ => Solid::plate(&[(-1.0, 0.0), (0.0, -1.0), (2.0, 1.0)], 0.0, half[0]),
            };
            let solid = solid.placed(&turn, [0.5, 0.5, 2.0]);
            let [[left, right], [top, bottom]] = solid.shadow();
            let is_in_shadow = (left..=right).contains(&x) && (top..=bottom).contains(&y);
            let length = length(&solid, x, y);
            prop_assert!((0.0..40.0).contains(&length));
            prop_assert!(length < 1e-3 || is_in_shadow, "{} outside {:?}", length, solid.shadow());
        }
    }
}
