//! The median of three by three, which everyone uses: the median of the largest low, the median middle and the smallest
//! high of its sorted rows.
//!
//! From top to bottom, in columns of as many pixels as a register holds: each row is then sorted once, and the two rows
//! that two medians share are compared once, without a detour over memory.

use pulp::{Arch, Simd, WithSimd};

/// The fewest columns: one more than the largest register holds.
pub(super) const NARROWEST: usize = 17;

/// Rows that are filtered together, even: few enough for the nearest cache.
const BAND: usize = 32;

/// Appends the medians of a plane, whose `width` is at least [`NARROWEST`].
pub(super) fn filter(plane: &[f32], width: usize, filtered: &mut Vec<f32>) {
    Arch::new().dispatch(Filter { plane, width, filtered });
}

struct Filter<'a> {
    plane: &'a [f32],
    width: usize,
    filtered: &'a mut Vec<f32>,
}

impl WithSimd for Filter<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { plane, width, filtered } = self;
        let height = plane.len() / width;
        for top in (0..height).step_by(BAND) {
            let start = filtered.len();
            filtered.resize(start + BAND.min(height - top) * width, 0.0);
            let medians = bytemuck::cast_slice_mut(&mut filtered[start..]);
            let rows = Rows { pixels: bytemuck::cast_slice(plane), width, top, last: height - 1 };
            down(simd, rows, 0, Place::First, medians);
            for x in (S::U32_LANES..width - S::U32_LANES).step_by(S::U32_LANES) {
                down(simd, rows, x, Place::Within, medians);
            }
            down(simd, rows, width - S::U32_LANES, Place::Last, medians);
        }
    }
}

/// The rows of a plane that are worked on, from `top` on.
///
/// Pixels are compared as whole numbers, which is quicker; between 0 and 1 the order of their bits is their own.
#[derive(Clone, Copy)]
struct Rows<'a> {
    pixels: &'a [u32],
    width: usize,
    top: usize,
    /// The plane's last row.
    last: usize,
}

impl<'a> Rows<'a> {
    /// A row, counted from the one above the first; above and below the plane its ends are repeated.
    #[inline(always)]
    fn at(self, row: usize) -> &'a [u32] {
        let y = (self.top + row).saturating_sub(1).min(self.last);
        &self.pixels[y * self.width..][..self.width]
    }
}

/// Pixels in a row with those on their left and on their right.
type Around<S> = [<S as Simd>::u32s; 3];

/// The medians of one column of registers, from `x` on.
#[inline(always)]
fn down<S: Simd>(simd: S, rows: Rows<'_>, x: usize, place: Place, medians: &mut [u32]) {
    let mut above = sort(simd, around(simd, rows.at(0), x, place));
    let mut upper = sort(simd, around(simd, rows.at(1), x, place));
    for (pair, medians) in medians.chunks_mut(2 * rows.width).enumerate() {
        let lower = sort(simd, around(simd, rows.at(2 * pair + 2), x, place));
        let below = sort(simd, around(simd, rows.at(2 * pair + 3), x, place));
        let between = Between::new(simd, upper, lower);
        store::<S>(&mut medians[x..], between.median(simd, above));
        if medians.len() > rows.width {
            store::<S>(&mut medians[rows.width + x..], between.median(simd, below));
        }
        (above, upper) = (lower, below);
    }
}

/// Where in its rows a column of registers lies.
#[derive(Clone, Copy)]
enum Place {
    First,
    Within,
    Last,
}

/// The ends of a row are repeated.
#[inline(always)]
fn around<S: Simd>(simd: S, row: &[u32], x: usize, place: Place) -> Around<S> {
    let own = load::<S>(&row[x..]);
    let last = S::U32_LANES as u32 - 1;
    let left = match place {
        Place::First => {
            let first = simd.mask_between_m32s(0, 1).mask();
            simd.select_u32s(first, own, simd.rotate_right_u32s(own, 1))
        }
        Place::Within | Place::Last => load::<S>(&row[x - 1..]),
    };
    let right = match place {
        Place::First | Place::Within => load::<S>(&row[x + 1..]),
        Place::Last => {
            let last = simd.mask_between_m32s(last, last + 1).mask();
            simd.select_u32s(last, own, simd.rotate_left_u32s(own, 1))
        }
    };
    [left, own, right]
}

/// What two sorted rows in the middle say about the median of either of their neighbours and them.
struct Between<S: Simd> {
    low: S::u32s,
    middles: [S::u32s; 2],
    high: S::u32s,
}

impl<S: Simd> Between<S> {
    #[inline(always)]
    fn new(simd: S, a: Around<S>, b: Around<S>) -> Self {
        let middles = [simd.min_u32s(a[1], b[1]), simd.max_u32s(a[1], b[1])];
        Self { low: simd.max_u32s(a[0], b[0]), middles, high: simd.min_u32s(a[2], b[2]) }
    }

    #[inline(always)]
    fn median(&self, simd: S, third: Around<S>) -> S::u32s {
        let low = simd.max_u32s(self.low, third[0]);
        let middle = simd.max_u32s(self.middles[0], simd.min_u32s(self.middles[1], third[1]));
        let high = simd.min_u32s(self.high, third[2]);
        let (lower, upper) = (simd.min_u32s(low, middle), simd.max_u32s(low, middle));
        simd.max_u32s(lower, simd.min_u32s(upper, high))
    }
}

/// The lowest, the middle and the highest of each three neighbours.
#[inline(always)]
fn sort<S: Simd>(simd: S, [a, b, c]: Around<S>) -> Around<S> {
    let (a, b) = (simd.min_u32s(a, b), simd.max_u32s(a, b));
    let (b, c) = (simd.min_u32s(b, c), simd.max_u32s(b, c));
    [simd.min_u32s(a, b), simd.max_u32s(a, b), c]
}

#[inline(always)]
fn load<S: Simd>(row: &[u32]) -> S::u32s {
    S::as_simd_u32s(&row[..S::U32_LANES]).0[0]
}

#[inline(always)]
fn store<S: Simd>(row: &mut [u32], values: S::u32s) {
    S::as_mut_simd_u32s(&mut row[..S::U32_LANES]).0[0] = values;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_the_same_in_registers_of_any_size() {
        let width = 37;
        let plane: Vec<f32> = (0..width * 67).map(|index| (index * 7919 % 256) as f32 / 255.0).collect();
        let filtered = |arch: Arch| {
            let mut filtered = Vec::new();
            arch.dispatch(Filter { plane: &plane, width, filtered: &mut filtered });
            filtered
        };
        let expected = filtered(Arch::Scalar);
        assert_eq!(filtered(Arch::new()), expected);
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            assert_eq!(filtered(Arch::V3(simd)), expected);
        }
    }
}
