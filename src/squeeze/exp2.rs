//! Powers of two by the many.

use std::f32::consts::LN_2;

/// 2 to the power of `x`, which is at most 0, to seven digits; unlike the library's it becomes SIMD instructions.
#[inline(always)]
pub(super) fn exp2(x: f32) -> f32 {
    let x = x.max(f32::MIN_EXP as f32);
    let whole = x.round_ties_even();
    let power = f32::from_bits(((whole as i32 + (f32::MAX_EXP - 1)) as u32) << (f32::MANTISSA_DIGITS - 1));
    // Taylor's series of e^z, nested; |z| is at most 0.35.
    let z = (x - whole) * LN_2;
    power * (1.0 + z * (1.0 + z / 2.0 * (1.0 + z / 3.0 * (1.0 + z / 4.0 * (1.0 + z / 5.0 * (1.0 + z / 6.0))))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_are_the_librarys() {
        assert_eq!(exp2(0.0), 1.0);
        for step in 0..10_000 {
            let x = -0.0123 * step as f32;
            assert!((exp2(x) / x.exp2() - 1.0).abs() < 1e-6, "2^{x}");
        }
        assert!(exp2(f32::NEG_INFINITY) < 1e-37);
    }
}
