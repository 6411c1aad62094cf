//! Distances between blocks, many at a time.

use super::weights::{TOGETHER, Weights};
use crate::squeeze::lanes::{each_lane, lanes, lanes_mut};

/// A sum of squared differences. Beyond the largest it can hold it stays there, where every weight is zero.
pub(super) trait Distance: Copy + Default {
    /// The square of one difference.
    fn squared(difference: u8) -> Self;

    /// The sum of two.
    fn plus(self, other: Self) -> Self;

    /// The weights of distances, in pieces of [`TOGETHER`]; `look_up` finds the lower 16 bits of few weights.
    fn weigh(
        distances: &[Self],
        weights: &Weights,
        look_up: impl Fn([u16; TOGETHER]) -> [u16; TOGETHER],
        weighed: &mut [u32],
    );
}

/// For few weights: 65535 and all larger distances weigh nothing.
impl Distance for u16 {
    #[inline(always)]
    fn squared(difference: u8) -> Self {
        u16::from(difference) * u16::from(difference)
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.saturating_add(other)
    }

    #[inline(always)]
    fn weigh(
        distances: &[Self],
        weights: &Weights,
        look_up: impl Fn([u16; TOGETHER]) -> [u16; TOGETHER],
        weighed: &mut [u32],
    ) {
        let last = (weights.all.len() - 1) as u16;
        let pieces = weighed.as_chunks_mut::<TOGETHER>().0.iter_mut().zip(distances.as_chunks::<TOGETHER>().0);
        for (weighed, distances) in pieces {
            let ranks = each_lane(|lane| (distances[lane] >> weights.shift).min(last));
            let lower = look_up(ranks);
            *weighed = each_lane(|lane| u32::from(lower[lane]) + (u32::from(ranks[lane] < weights.long) << 16));
        }
    }
}

/// For any weights; the sum over a block of 15x15 in two channels fits.
impl Distance for u32 {
    #[inline(always)]
    fn squared(difference: u8) -> Self {
        u32::from(difference) * u32::from(difference)
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self + other
    }

    #[inline(always)]
    fn weigh(
        distances: &[Self],
        weights: &Weights,
        _look_up: impl Fn([u16; TOGETHER]) -> [u16; TOGETHER],
        weighed: &mut [u32],
    ) {
        let last = weights.all.len() - 1;
        for (weighed, distance) in weighed.iter_mut().zip(distances) {
            *weighed = weights.all[((distance >> weights.shift) as usize).min(last)];
        }
    }
}

/// Squared distances of the pixels in two rows, over all channels.
#[inline(always)]
pub(super) fn between<const C: usize, D: Distance>(one: [&[u8]; C], other: [&[u8]; C], distances: &mut [D]) {
    for channel in 0..C {
        let pairs = lanes(one[channel]).iter().zip(lanes(other[channel]));
        for (distances, (&one, &other)) in lanes_mut(distances).iter_mut().zip(pairs) {
            let squared = each_lane(|lane| D::squared(one[lane].abs_diff(other[lane])));
            let before = *distances;
            *distances = if channel == 0 { squared } else { each_lane(|lane| before[lane].plus(squared[lane])) };
        }
    }
}

/// The sums of an odd number of rows, element by element.
#[inline(always)]
pub(super) fn add_up<'a, D: Distance + 'a>(count: usize, row: impl Fn(usize) -> &'a [D], sums: &mut [D]) {
    let row = |index| lanes(row(index)).iter();
    let sums = lanes_mut(sums);
    if count == 1 {
        sums.copy_from_slice(&row(0).as_slice()[..sums.len()]);
        return;
    }
    for (((sum, &a), &b), &c) in sums.iter_mut().zip(row(0)).zip(row(1)).zip(row(2)) {
        *sum = each_lane(|lane| a[lane].plus(b[lane]).plus(c[lane]));
    }
    for index in (3..count).step_by(2) {
        for ((sum, &a), &b) in sums.iter_mut().zip(row(index)).zip(row(index + 1)) {
            let before = *sum;
            *sum = each_lane(|lane| before[lane].plus(a[lane]).plus(b[lane]));
        }
    }
}
