//! Weights of distances, looked up many at a time.

use crate::squeeze::lanes::{LANES, each_lane};

/// The most weights that are looked up in registers.
pub(super) const FEW: usize = 8 * LANES;

/// The lower 16 bits of few weights.
pub(super) type Lower = [[u16; LANES]; FEW / LANES];

/// Weights by distance.
pub(super) struct Weights {
    /// Distances are sums of squares over a block, shifted right by this.
    pub(super) shift: u32,
    /// The weight of each distance, falling; the last is zero and stands for all larger distances.
    pub(super) all: Vec<u32>,
    /// If they are few: their lower 16 bits.
    pub(super) lower: Lower,
    /// If they are few: how many have a seventeenth bit.
    pub(super) long: u16,
}

impl Weights {
    /// Takes falling weights, of which the last is zero.
    pub(super) fn new(shift: u32, all: Vec<u32>) -> Self {
        let mut lower = Lower::default();
        for (lower, &weight) in lower.as_flattened_mut().iter_mut().zip(&all) {
            *lower = weight as u16;
        }
        let long = all.iter().take_while(|&&weight| weight > u32::from(u16::MAX)).count() as u16;
        Self { shift, all, lower, long }
    }

    /// Whether they are few, and of at most 17 bits.
    pub(super) fn are_few(&self) -> bool {
        self.all.len() <= FEW && self.all[0] < 1 << 17
    }
}

/// Looks lower halves up one by one.
#[inline(always)]
pub(super) fn look_up(lower: &Lower, ranks: [u16; LANES]) -> [u16; LANES] {
    let lower: &[u16; FEW] = lower.as_flattened().try_into().unwrap_or(&[0; FEW]);
    each_lane(|lane| lower[usize::from(ranks[lane]) % FEW])
}

/// [`look_up`] without leaving the registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512bw,avx512vl")]
#[inline]
pub(super) fn look_up_avx512(lower: &Lower, ranks: [u16; LANES]) -> [u16; LANES] {
    use std::arch::x86_64::{
        __m256i, _mm256_mask_blend_epi16, _mm256_permutex2var_epi16, _mm256_set1_epi16, _mm256_test_epi16_mask,
    };

    let ranks: __m256i = bytemuck::cast(ranks);
    let among = |quarter: usize| {
        let (first, second) = (bytemuck::cast(lower[2 * quarter]), bytemuck::cast(lower[2 * quarter + 1]));
        _mm256_permutex2var_epi16(first, ranks, second)
    };
    let odd_quarter = _mm256_test_epi16_mask(ranks, _mm256_set1_epi16(32));
    let upper_half = _mm256_test_epi16_mask(ranks, _mm256_set1_epi16(64));
    let below = _mm256_mask_blend_epi16(odd_quarter, among(0), among(1));
    let above = _mm256_mask_blend_epi16(odd_quarter, among(2), among(3));
    bytemuck::cast(_mm256_mask_blend_epi16(upper_half, below, above))
}

#[cfg(test)]
mod tests {
    use multiversion::multiversion;
    use multiversion::target::match_target;

    use super::*;

    #[multiversion(targets = "simd")]
    fn as_the_machine_can(lower: &Lower, ranks: [u16; LANES]) -> [u16; LANES] {
        match_target! {
            "x86_64+avx512bw+avx512vl" => look_up_avx512(lower, ranks),
            _ => look_up(lower, ranks),
        }
    }

    #[test]
    fn weights_are_the_same_in_registers_and_in_memory() {
        let weights = Weights::new(4, (0..FEW as u32).rev().map(|weight| weight * 789).collect());
        for first in 0..FEW as u16 {
            let ranks = each_lane(|lane| (first + 37 * lane as u16) % FEW as u16);
            let expected = ranks.map(|rank| weights.all[usize::from(rank)] as u16);
            assert_eq!(look_up(&weights.lower, ranks), expected);
            assert_eq!(as_the_machine_can(&weights.lower, ranks), expected);
        }
    }
}
