//! CIE L*a*b* in 8 bits: OpenCV's `COLOR_LBGR2Lab` and `COLOR_Lab2LBGR`, to the bit.
//!
//! OpenCV's conversion is integer arithmetic over tables, without gamma; the tables are built in single precision.

use std::sync::LazyLock;

use multiversion::multiversion;

use crate::squeeze::lanes::{LANES, each_lane};

/// Bits after the point of the colour matrices.
const MATRIX_BITS: i32 = 12;
/// Bits after the point of a cube root.
const ROOT_BITS: i32 = 15;
/// Bits after the point of X, Y and Z and of their cube roots on the way back.
const BASE_BITS: i32 = 14;
const BASE: i32 = 1 << BASE_BITS;
/// Steps of one 8-bit level in the table of cube roots.
const STEPS: usize = 8;

const WHITE: [f64; 3] = [0.950456, 1.0, 1.088754];
/// Red, green, blue to X, Y, Z.
const TO_XYZ: [[f64; 3]; 3] =
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]];
/// X, Y, Z to red, green, blue.
const FROM_XYZ: [[f64; 3]; 3] =
    [[3.240479, -1.53715, -0.498535], [-0.969256, 1.875991, 0.041556], [0.055648, -0.204043, 1.057311]];

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::new);

struct Tables {
    /// Blue, green, red to X, Y, Z relative to white.
    to_xyz: [[i32; 3]; 3],
    /// X, Y, Z relative to white to blue, green, red.
    from_xyz: [[i32; 3]; 3],
    /// L*a*b*'s cube root (linear near zero) of `index / (255 * STEPS)`.
    root: Vec<i32>,
    /// Y and its cube root for each L*.
    luminance: Vec<(i32, i32)>,
}

impl Tables {
    fn new() -> Self {
        let scale = f64::from(1 << MATRIX_BITS);
        let fixed = |value: f64| (value * scale).round_ties_even() as i32;
        let to_xyz = [0, 1, 2].map(|xyz| [2, 1, 0].map(|colour| fixed(TO_XYZ[xyz][colour] / WHITE[xyz])));
        let from_xyz = [2, 1, 0].map(|colour| [0, 1, 2].map(|xyz| fixed(FROM_XYZ[colour][xyz] * WHITE[xyz])));
        let root = (0..256 * 3 / 2 * STEPS).map(root).collect();
        Self { to_xyz, from_xyz, root, luminance: (0..256).map(luminance).collect() }
    }
}

fn root(index: usize) -> i32 {
    let value = (1.0 / (255 * STEPS) as f32) * index as f32;
    let root = if value < 216.0 / 24389.0 { value.mul_add(841.0 / 108.0, 16.0 / 116.0) } else { cube_root(value) };
    ((1 << ROOT_BITS) as f32 * root).round_ties_even() as i32
}

/// The cube root cut off, not rounded, after 24 bits.
fn cube_root(value: f32) -> f32 {
    let exact = f64::from(value).cbrt();
    let rounded = exact as f32;
    if f64::from(rounded) > exact { rounded.next_down() } else { rounded }
}

fn luminance(l: i32) -> (i32, i32) {
    let (y, root) = if l <= 20 {
        let y = (l * BASE * 20 * 9) as f32 / (17 * 29 * 29 * 29) as f32;
        (y, BASE as f32 * (16.0 / 116.0 + (l * 5) as f32 / (3 * 17 * 29) as f32))
    } else {
        let root = (l * 100 * BASE) as f32 / (255 * 116) as f32 + (16 * BASE) as f32 / 116.0;
        (root * root * root / (BASE as f32 * BASE as f32), root)
    };
    (y.round_ties_even() as i32, root.round_ties_even() as i32)
}

/// `value / 2^bits`, rounded.
fn descale(value: i32, bits: i32) -> i32 {
    (value + (1 << (bits - 1))) >> bits
}

/// The inverse of [`root`]: X or Z from its cube root, both in `BASE` parts.
fn cube(root: i32) -> i32 {
    if root <= 3390 { root * 108 / 841 - BASE * 16 / 116 * 108 / 841 } else { root * root / BASE * root / BASE }
}

fn dot(row: [i32; 3], vector: [i32; 3]) -> i32 {
    row[0] * vector[0] + row[1] * vector[1] + row[2] * vector[2]
}

/// Blue, green and red in 8 bits become L*, a* and b*. Most of it is looking up, which gains nothing from registers.
pub(super) fn from_bgr([blue, green, red]: &mut [Vec<u8>; 3]) {
    let tables = &*TABLES;
    let half = 128 << ROOT_BITS;
    for ((blue, green), red) in blue.iter_mut().zip(green).zip(red) {
        let linear = [*blue, *green, *red].map(|value| i32::from(value) * STEPS as i32);
        let [x, y, z] = tables.to_xyz.map(|row| tables.root[descale(dot(row, linear), MATRIX_BITS) as usize]);
        let l = (116 * 255 + 50) / 100 * y - (16 * 255 * (1 << ROOT_BITS) + 50) / 100;
        let lab = [l, 500 * (x - y) + half, 200 * (y - z) + half];
        [*blue, *green, *red] = lab.map(|value| descale(value, ROOT_BITS).clamp(0, 255) as u8);
    }
}

/// L*, a* and b* in 8 bits become blue, green and red.
#[multiversion(targets = "simd")]
pub(super) fn to_bgr(planes: &mut [Vec<u8>; 3]) {
    let tables = &*TABLES;
    in_pieces(planes, |[l, a, b]| {
        let y: [i32; LANES] = each_lane(|lane| tables.luminance[usize::from(l[lane])].0);
        let root: [i32; LANES] = each_lane(|lane| tables.luminance[usize::from(l[lane])].1);
        let x: [i32; LANES] =
            each_lane(|lane| cube(root[lane] + ((5 * i32::from(a[lane]) * 53687 + (1 << 7)) >> 13) - 128 * BASE / 500));
        let z: [i32; LANES] =
            each_lane(|lane| cube(root[lane] - ((i32::from(b[lane]) * 41943 + (1 << 4)) >> 9) + 128 * BASE / 200 - 1));
        tables.from_xyz.map(|row| {
            each_lane(|lane| {
                let value = descale(dot(row, [x[lane], y[lane], z[lane]]), BASE_BITS);
                ((value.clamp(0, 4095) * 255) >> 12) as u8
            })
        })
    });
}

/// Converts as many pixels at a time as there are lanes; the last ones, if they are fewer, with zeros beside them.
#[inline(always)]
fn in_pieces(planes: &mut [Vec<u8>; 3], convert: impl Fn([[u8; LANES]; 3]) -> [[u8; LANES]; 3]) {
    let [first, second, third] = planes.each_mut().map(|plane| plane.as_chunks_mut::<LANES>());
    for ((first, second), third) in first.0.iter_mut().zip(second.0).zip(third.0) {
        [*first, *second, *third] = convert([*first, *second, *third]);
    }
    let rest = [first.1, second.1, third.1];
    let mut piece = [[0; LANES]; 3];
    piece.iter_mut().zip(&rest).for_each(|(piece, rest)| piece[..rest.len()].copy_from_slice(rest));
    for (rest, piece) in rest.into_iter().zip(convert(piece)) {
        rest.copy_from_slice(&piece[..rest.len()]);
    }
}
