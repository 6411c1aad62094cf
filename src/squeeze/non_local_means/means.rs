//! The weighted means: OpenCV's sums, each weight computed once for the two pixels that it belongs to.

use std::ops::Range;

use multiversion::multiversion;
use multiversion::target::match_target;

use super::distance::{Distance, add_up, between};
use super::weights::{self, Lower, Weights};
use crate::squeeze::lanes::{LANES, each_lane, lanes, lanes_mut};

/// Where things lie in a picture.
#[derive(Clone, Copy)]
struct Frame {
    height: usize,
    width: usize,
    /// Half the side of the search window.
    search: usize,
    /// Half the side of a block.
    block: usize,
    /// Rows added above and below: as far as blocks reach.
    above: usize,
    /// Columns added on the left, and at least as many on the right: one search window more.
    before: usize,
    /// Length of an extended row.
    stride: usize,
    /// Length of a row of weights: `width` and a search window, in whole lanes.
    weights: usize,
    /// Length of a row of sums: `width` in whole lanes.
    sums: usize,
}

impl Frame {
    fn new(length: usize, width: usize, search: usize, block: usize) -> Self {
        let (search, block) = (search / 2, block / 2);
        let (above, before) = (search + block, 2 * search + block);
        let weights = width.next_multiple_of(LANES) + (2 * search).next_multiple_of(LANES);
        let sums = width.next_multiple_of(LANES);
        let stride = weights + 2 * LANES + 2 * before;
        Self { height: length / width, width, search, block, above, before, stride, weights, sums }
    }

    /// The plane with borders, reflected about the outermost pixels: `c b | a b c | b a`.
    fn extend(self, plane: &[u8]) -> Vec<u8> {
        let columns: Vec<usize> = (0..self.stride).map(|x| reflect(x, self.before, self.width)).collect();
        let mut extended = Vec::with_capacity(self.stride * (self.height + 2 * self.above));
        for y in 0..self.height + 2 * self.above {
            let row = &plane[reflect(y, self.above, self.height) * self.width..][..self.width];
            extended.extend(columns.iter().map(|&column| row[column]));
        }
        extended
    }

    /// A row of an extended plane.
    #[inline(always)]
    fn row(self, plane: &[u8], y: usize) -> &[u8] {
        &plane[y * self.stride..][..self.stride]
    }
}

/// Where position `extended` of a line with `border` more on each side comes from on the line `0..length`.
fn reflect(extended: usize, border: usize, length: usize) -> usize {
    let period = (2 * (length - 1)).max(1);
    let within = (extended as isize - border as isize).rem_euclid(period as isize) as usize;
    within.min(period - within)
}

/// Denoises `C` planes, `width` wide, whose distances count together; `search` and `block` are odd.
pub(super) fn denoise<const C: usize>(
    planes: [&[u8]; C],
    width: usize,
    (search, block): (usize, usize),
    weights: &Weights,
) -> [Vec<u8>; C] {
    let frame = Frame::new(planes[0].len(), width, search, block);
    let extended = planes.map(|plane| frame.extend(plane));
    let mut sums = vec![0; (C + 1) * frame.sums * frame.height];
    if weights.are_few() {
        add_all::<C, u16>(frame, &extended, weights, &mut sums);
    } else {
        add_all::<C, u32>(frame, &extended, weights, &mut sums);
    }
    let mut denoised = planes.map(|plane| Vec::with_capacity(plane.len()));
    divide(frame, &sums, &mut denoised);
    denoised
}

/// For each row of the picture the sums of weights, and of weights times pixels of each channel.
#[multiversion(targets = "simd")]
fn add_all<const C: usize, D: Distance>(frame: Frame, planes: &[Vec<u8>; C], weights: &Weights, sums: &mut [u32]) {
    let look_up = match_target! {
        "x86_64+avx512bw+avx512vl" => |lower: &Lower, ranks| weights::look_up_avx512(lower, ranks),
        _ => weights::look_up,
    };
    add_own(frame, planes, weights.all[0], sums);
    let side = 2 * frame.block + 1;
    let most = 2 * frame.search + 1;
    let distances = (frame.weights + 2 * frame.block).next_multiple_of(LANES);
    let mut rings = vec![D::default(); most * side * distances];
    let mut columns = vec![D::default(); distances];
    let mut blocks = vec![D::default(); frame.weights];
    let mut rows = vec![0; most * frame.weights];
    for dy in 0..=frame.search {
        let first = if dy == 0 { frame.search + 1 } else { 0 };
        for bottom in frame.search - dy..frame.height + 2 * frame.above - frame.search {
            let whole = bottom + dy >= frame.above + frame.block;
            for dx in first..most {
                let ring = &mut rings[dx * side * distances..][..side * distances];
                let here = planes.each_ref().map(|plane| &frame.row(plane, bottom)[frame.search..]);
                let there = planes.each_ref().map(|plane| &frame.row(plane, bottom + dy)[dx..]);
                between(here, there, &mut ring[bottom % side * distances..][..distances]);
                if whole {
                    add_up(side, |row| &ring[row * distances..], &mut columns);
                    add_up(side, |column| &columns[column..], &mut blocks);
                    D::weigh(&blocks, weights, look_up, &mut rows[dx * frame.weights..][..frame.weights]);
                }
            }
            if !whole {
                continue;
            }
            let y = bottom - frame.block;
            let length = (C + 1) * frame.sums;
            if y >= frame.above {
                let there = planes.each_ref().map(|plane| frame.row(plane, y + dy));
                let offsets = |dx| (dx * frame.weights + frame.search, frame.block + frame.search + dx);
                add_row(first..most, &rows, there, offsets, &mut sums[(y - frame.above) * length..][..length]);
            }
            if y + dy < frame.above + frame.height {
                let here = planes.each_ref().map(|plane| frame.row(plane, y));
                let offsets = |dx| (dx * frame.weights + most - 1 - dx, frame.before + frame.search - dx);
                add_row(first..most, &rows, here, offsets, &mut sums[(y + dy - frame.above) * length..][..length]);
            }
        }
    }
}

/// Adds each pixel itself, with the largest weight.
#[inline(always)]
fn add_own<const C: usize>(frame: Frame, planes: &[Vec<u8>; C], weight: u32, sums: &mut [u32]) {
    for (y, sums) in sums.chunks_exact_mut((C + 1) * frame.sums).enumerate() {
        let rows = planes.each_ref().map(|plane| &frame.row(plane, frame.above + y)[frame.before..]);
        let (totals, sums) = sums.split_at_mut(frame.sums);
        totals.fill(weight);
        for (sums, row) in sums.chunks_exact_mut(frame.sums).zip(rows) {
            for (sum, &pixel) in sums.iter_mut().zip(row) {
                *sum = weight * u32::from(pixel);
            }
        }
    }
}

/// Adds the weights of `offsets`, and these times pixels, to a row of sums; `starts` says where in `weights` and in
/// `pixels` those lie that belong to the first sum.
#[inline(always)]
fn add_row<const C: usize>(
    offsets: Range<usize>,
    weights: &[u32],
    pixels: [&[u8]; C],
    starts: impl Fn(usize) -> (usize, usize),
    sums: &mut [u32],
) {
    let mut offset = offsets.start;
    while offset + 4 <= offsets.end {
        add::<C, 4>(weights, pixels, [0, 1, 2, 3].map(|next| starts(offset + next)), sums);
        offset += 4;
    }
    for offset in offset..offsets.end {
        add::<C, 1>(weights, pixels, [starts(offset)], sums);
    }
}

/// [`add_row`] for `N` offsets.
#[inline(always)]
fn add<const C: usize, const N: usize>(
    weights: &[u32],
    pixels: [&[u8]; C],
    starts: [(usize, usize); N],
    sums: &mut [u32],
) {
    let length = sums.len() / (C + 1);
    let (totals, sums) = sums.split_at_mut(length);
    let weights = starts.map(|(start, _)| lanes(&weights[start..][..length]));
    for (index, total) in lanes_mut(totals).iter_mut().enumerate() {
        let mut sum = *total;
        for weights in weights {
            let weights = weights[index];
            sum = each_lane(|lane| sum[lane] + weights[lane]);
        }
        *total = sum;
    }
    for (sums, pixels) in sums.chunks_exact_mut(length).zip(pixels) {
        let pixels = starts.map(|(_, start)| lanes(&pixels[start..][..length]));
        for (index, total) in lanes_mut(sums).iter_mut().enumerate() {
            let mut sum = *total;
            for n in 0..N {
                let (weights, pixels) = (weights[n][index], pixels[n][index]);
                sum = each_lane(|lane| sum[lane] + weights[lane] * u32::from(pixels[lane]));
            }
            *total = sum;
        }
    }
}

/// The sums of weights times pixels over the sums of weights, rounded.
#[multiversion(targets = "simd")]
fn divide<const C: usize>(frame: Frame, sums: &[u32], means: &mut [Vec<u8>; C]) {
    for sums in sums.chunks_exact((C + 1) * frame.sums) {
        let (totals, sums) = sums.split_at(frame.sums);
        for (sums, means) in sums.chunks_exact(frame.sums).zip(&mut *means) {
            // Exact: both have 32 bits, and the quotient of doubles is never rounded up to a whole number.
            let mean = |(&sum, &total): (&u32, &u32)| (f64::from(sum + total / 2) / f64::from(total)) as u8;
            means.extend(sums.iter().zip(totals).take(frame.width).map(mean));
        }
    }
}
