//! Weights of distances, looked up many at a time.

use crate::squeeze::lanes::{LANES, each_lane};

/// The most weights that are looked up in registers.
pub(super) const FEW: usize = 8 * LANES;
/// Ranks that are looked up together.
pub(super) const TOGETHER: usize = 2 * LANES;

/// Weights by distance.
pub(super) struct Weights {
    /// Distances are sums of squares over a block, shifted right by this.
    pub(super) shift: u32,
    /// The weight of each distance, falling; the last is zero and stands for all larger distances.
    pub(super) all: Vec<u32>,
    /// If they are few: how many have a seventeenth bit.
    pub(super) long: u16,
    /// If they are few: their lower 16 bits.
    lower: [[u16; LANES]; FEW / LANES],
    /// The lower and the upper bytes of `lower`, as far as there are others than zero.
    bytes: Vec<[[u8; LANES]; 2]>,
}

impl Weights {
    /// Takes falling weights, of which the last is zero.
    pub(super) fn new(shift: u32, all: Vec<u32>) -> Self {
        let mut lower = [[0; LANES]; FEW / LANES];
        for (lower, &weight) in lower.as_flattened_mut().iter_mut().zip(&all) {
            *lower = weight as u16;
        }
        let long = all.iter().take_while(|&&weight| weight > u32::from(u16::MAX)).count() as u16;
        let used = lower.iter().take((all.len() - 1).div_ceil(LANES));
        let bytes = used.map(|lower| [lower.map(|weight| weight as u8), lower.map(|weight| (weight >> 8) as u8)]);
        Self { bytes: bytes.collect(), shift, all, long, lower }
    }

    /// Whether they are few, and of at most 17 bits.
    pub(super) fn are_few(&self) -> bool {
        self.all.len() <= FEW && self.all[0] < 1 << 17
    }
}

/// Looks the lower halves of few weights up, one by one.
#[inline(always)]
pub(super) fn look_up(weights: &Weights, ranks: [u16; TOGETHER]) -> [u16; TOGETHER] {
    let lower: &[u16; FEW] = weights.lower.as_flattened().try_into().unwrap_or(&[0; FEW]);
    each_lane(|lane| lower[usize::from(ranks[lane]) % FEW])
}

/// [`look_up`] of 16 weights at a time, in registers: a shuffle gives zero where the rank is none of theirs.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn look_up_avx2(weights: &Weights, ranks: [u16; TOGETHER]) -> [u16; TOGETHER] {
    use std::arch::x86_64::{
        __m256i, _mm256_adds_epu8, _mm256_broadcastsi128_si256, _mm256_or_si256, _mm256_packus_epi16, _mm256_set1_epi8,
        _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_sub_epi8, _mm256_unpackhi_epi8, _mm256_unpacklo_epi8,
    };

    let [first, second]: [__m256i; 2] = bytemuck::cast(ranks);
    let mut ranks = _mm256_packus_epi16(first, second);
    let [mut low, mut high] = [_mm256_setzero_si256(); 2];
    for bytes in &weights.bytes {
        let [lows, highs] = bytes.map(|bytes| _mm256_broadcastsi128_si256(bytemuck::cast(bytes)));
        // Ranks of 16 and more get the bit that makes a shuffle give zero; those that are below zero have it.
        let places = _mm256_adds_epu8(ranks, _mm256_set1_epi8(0x70));
        low = _mm256_or_si256(low, _mm256_shuffle_epi8(lows, places));
        high = _mm256_or_si256(high, _mm256_shuffle_epi8(highs, places));
        ranks = _mm256_sub_epi8(ranks, _mm256_set1_epi8(LANES as i8));
    }
    bytemuck::cast([_mm256_unpacklo_epi8(low, high), _mm256_unpackhi_epi8(low, high)])
}

/// [`look_up`] of 32 weights at a time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512bw,avx512vl")]
#[inline]
pub(super) fn look_up_avx512(weights: &Weights, ranks: [u16; TOGETHER]) -> [u16; TOGETHER] {
    use std::arch::x86_64::{
        __m256i, _mm256_mask_blend_epi16, _mm256_permutex2var_epi16, _mm256_set1_epi16, _mm256_test_epi16_mask,
    };

    let halves: [__m256i; 2] = bytemuck::cast(ranks);
    bytemuck::cast(halves.map(|ranks| {
        let among = |quarter: usize| {
            let [first, second] = [0, 1].map(|half| bytemuck::cast(weights.lower[2 * quarter + half]));
            _mm256_permutex2var_epi16(first, ranks, second)
        };
        let odd_quarter = _mm256_test_epi16_mask(ranks, _mm256_set1_epi16(32));
        let upper_half = _mm256_test_epi16_mask(ranks, _mm256_set1_epi16(64));
        let below = _mm256_mask_blend_epi16(odd_quarter, among(0), among(1));
        let above = _mm256_mask_blend_epi16(odd_quarter, among(2), among(3));
        _mm256_mask_blend_epi16(upper_half, below, above)
    }))
}

#[cfg(test)]
mod tests {
    use multiversion::multiversion;
    use multiversion::target::match_target;

    use super::*;

    #[multiversion(targets = "simd")]
    fn as_the_machine_can(weights: &Weights, ranks: [u16; TOGETHER]) -> [u16; TOGETHER] {
        match_target! {
            "x86_64+avx512bw+avx512vl" => look_up_avx512(weights, ranks),
            "x86_64+avx2" => look_up_avx2(weights, ranks),
            _ => look_up(weights, ranks),
        }
    }

    #[multiversion(targets("x86_64+avx2"))]
    fn as_most_machines_can(weights: &Weights, ranks: [u16; TOGETHER]) -> [u16; TOGETHER] {
        match_target! {
            "x86_64+avx2" => look_up_avx2(weights, ranks),
            _ => look_up(weights, ranks),
        }
    }

    #[test]
    fn weights_are_the_same_in_registers_and_in_memory() {
        for count in [1, 2, 16, 17, 18, 33, FEW] {
            let weights = Weights::new(4, (0..count as u32).rev().map(|weight| weight * 789).collect());
            for first in 0..count {
                let ranks = std::array::from_fn(|lane| ((first + 37 * lane) % count) as u16);
                let expected = ranks.map(|rank| weights.all[usize::from(rank)] as u16);
                assert_eq!(look_up(&weights, ranks), expected);
                assert_eq!(as_the_machine_can(&weights, ranks), expected);
                assert_eq!(as_most_machines_can(&weights, ranks), expected);
            }
        }
    }
}
