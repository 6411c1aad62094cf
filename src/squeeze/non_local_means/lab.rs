//! CIE L*a*b* in 8 bits: OpenCV's `COLOR_LBGR2Lab` and `COLOR_Lab2LBGR`, to the bit.
//!
//! OpenCV's conversion is integer arithmetic over tables, without gamma; the tables are built in single precision.

use std::sync::LazyLock;

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

/// L*, a*, b* in 8 bits of each blue, green, red.
pub(super) fn from_bgr(bgr: [u8; 3]) -> [u8; 3] {
    let tables = &*TABLES;
    let linear = bgr.map(|value| i32::from(value) * STEPS as i32);
    let [x, y, z] = tables.to_xyz.map(|row| tables.root[descale(dot(row, linear), MATRIX_BITS) as usize]);
    let half = 128 << ROOT_BITS;
    let l = (116 * 255 + 50) / 100 * y - (16 * 255 * (1 << ROOT_BITS) + 50) / 100;
    [l, 500 * (x - y) + half, 200 * (y - z) + half].map(|value| descale(value, ROOT_BITS).clamp(0, 255) as u8)
}

/// Blue, green, red of L*, a*, b* in 8 bits.
pub(super) fn to_bgr([l, a, b]: [u8; 3]) -> [u8; 3] {
    let tables = &*TABLES;
    let (y, root) = tables.luminance[usize::from(l)];
    let a = ((5 * i32::from(a) * 53687 + (1 << 7)) >> 13) - 128 * BASE / 500;
    let b = ((i32::from(b) * 41943 + (1 << 4)) >> 9) - 128 * BASE / 200 + 1;
    let xyz = [cube(root + a), y, cube(root - b)];
    tables.from_xyz.map(|row| ((descale(dot(row, xyz), BASE_BITS).clamp(0, 4095) * 255) >> 12) as u8)
}
