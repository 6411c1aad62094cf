//! The weighted means: OpenCV's sums, each weight computed once for the two pixels that it belongs to.

use std::ops::Range;

use multiversion::multiversion;
use multiversion::target::match_target;

use super::distance::{Distance, add_up, between};
use super::frame::{Frame, Whose};
use super::weights::{self, TOGETHER, Weights};
use crate::squeeze::lanes::{LANES, each_lane, lanes, lanes_mut};

/// Distances that are worked on together, about: what the nearest cache holds with room to spare.
const BATCH: usize = 1024;

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
///
/// Offsets within the search window run down, and right in the same row, only: the weight of a pixel for the one that
/// lies `(dy, dx)` from it is that one's weight for the pixel.
#[multiversion(targets = "simd")]
fn add_all<const C: usize, D: Distance>(frame: Frame, planes: &[Vec<u8>; C], weights: &Weights, sums: &mut [u32]) {
    let look_up = match_target! {
        "x86_64+avx512bw+avx512vl" => |ranks| weights::look_up_avx512(weights, ranks),
        "x86_64+avx2" => |ranks| weights::look_up_avx2(weights, ranks),
        _ => |ranks| weights::look_up(weights, ranks),
    };
    add_own(frame, planes, weights.all[0], sums);
    let (pitch, search) = (frame.pitch, frame.search);
    let (side, window) = (2 * frame.block + 1, 2 * search + 1);
    let most = (BATCH / pitch).max(1);
    let whole = |offsets: usize| (offsets * pitch).next_multiple_of(TOGETHER);
    // Of all offsets in a row of the window, one after the other; what goes beyond the end of one the next overwrites.
    let row = whole(window) + TOGETHER;
    // The last rows of pixels' distances, as many as a block is high.
    let mut pixels = vec![D::default(); side * row];
    let mut columns = vec![D::default(); whole(most) + LANES];
    let mut blocks = vec![D::default(); whole(most)];
    let mut weighed = vec![0; row];
    for dy in 0..=search {
        let offsets = if dy == 0 { search + 1..window } else { 0..window };
        for bottom in search - dy..frame.height + 2 * frame.above - search {
            let newest = &mut pixels[bottom % side * row..][..row];
            for dx in offsets.clone() {
                let first = frame.first(dx);
                let [here, there] =
                    [(bottom, search), (bottom + dy, dx)].map(|(y, x)| frame.rows(planes, y, x + first));
                between(here, there, &mut newest[dx * pitch..][..pitch.next_multiple_of(LANES)]);
            }
            if bottom + dy < frame.above + frame.block {
                continue;
            }
            for batch in offsets.clone().step_by(most) {
                let (start, length) = (batch * pitch, whole(most.min(offsets.end - batch)));
                add_up(side, |y| &pixels[y * row + start..][..length], &mut columns[..length]);
                add_up(side, |column| &columns[column..][..length], &mut blocks[..length]);
                D::weigh(&blocks[..length], weights, look_up, &mut weighed[start..][..length]);
            }
            let y = bottom - frame.block;
            if y >= frame.above {
                let partners = frame.rows(planes, y + dy, 0);
                add_row(frame, &weighed, partners, offsets.clone(), Whose::Own, row_of::<C>(frame, y, sums));
            }
            if y + dy < frame.above + frame.height {
                let partners = frame.rows(planes, y, 0);
                add_row(frame, &weighed, partners, offsets.clone(), Whose::Partner, row_of::<C>(frame, y + dy, sums));
            }
        }
    }
}

/// The sums that belong to row `y` of the extended picture.
#[inline(always)]
fn row_of<const C: usize>(frame: Frame, y: usize, sums: &mut [u32]) -> &mut [u32] {
    &mut sums[(y - frame.above) * (C + 1) * frame.sums..][..(C + 1) * frame.sums]
}

/// Adds each pixel itself, with the largest weight.
#[inline(always)]
fn add_own<const C: usize>(frame: Frame, planes: &[Vec<u8>; C], weight: u32, sums: &mut [u32]) {
    for (y, sums) in sums.chunks_exact_mut((C + 1) * frame.sums).enumerate() {
        let (totals, sums) = sums.split_at_mut(frame.sums);
        totals.fill(weight);
        let rows = frame.rows(planes, frame.above + y, frame.before);
        for (sums, row) in sums.chunks_exact_mut(frame.sums).zip(rows) {
            for (sum, &pixel) in sums.iter_mut().zip(row) {
                *sum = weight * u32::from(pixel);
            }
        }
    }
}

/// Adds weights, and weights times pixels, of `offsets` to a row of sums.
#[inline(always)]
fn add_row<const C: usize>(
    frame: Frame,
    weights: &[u32],
    pixels: [&[u8]; C],
    offsets: Range<usize>,
    whose: Whose,
    sums: &mut [u32],
) {
    let mut offset = offsets.start;
    while offset + 4 <= offsets.end {
        add::<C, 4>(frame, weights, pixels, offset, whose, sums);
        offset += 4;
    }
    for offset in offset..offsets.end {
        add::<C, 1>(frame, weights, pixels, offset, whose, sums);
    }
}

/// [`add_row`] for `N` offsets.
#[inline(always)]
fn add<const C: usize, const N: usize>(
    frame: Frame,
    weights: &[u32],
    pixels: [&[u8]; C],
    first: usize,
    whose: Whose,
    sums: &mut [u32],
) {
    let mut weights_of = [[].as_slice(); N];
    let mut pixels_of = [[[].as_slice(); N]; C];
    for n in 0..N {
        let (weight, pixel) = frame.starts(first + n, whose);
        weights_of[n] = lanes(&weights[weight..][..frame.sums]);
        for channel in 0..C {
            pixels_of[channel][n] = lanes(&pixels[channel][pixel..][..frame.sums]);
        }
    }
    let (totals, sums) = sums.split_at_mut(frame.sums);
    for (x, total) in lanes_mut(totals).iter_mut().enumerate() {
        let mut sum = *total;
        for weights in weights_of {
            let weights = weights[x];
            sum = each_lane(|lane| sum[lane] + weights[lane]);
        }
        *total = sum;
    }
    for (sums, pixels_of) in sums.chunks_exact_mut(frame.sums).zip(pixels_of) {
        for (x, total) in lanes_mut(sums).iter_mut().enumerate() {
            let mut sum = *total;
            for (weights, pixels) in weights_of.iter().zip(pixels_of) {
                let (weights, pixels) = (weights[x], pixels[x]);
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
