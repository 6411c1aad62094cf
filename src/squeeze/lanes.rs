//! Rows in pieces of a fixed length: the form in which loops become SIMD instructions without a remainder.

/// Elements that are worked on together.
pub(super) const LANES: usize = 16;

/// A row, cut into lanes; what is left over at its end is left out.
#[inline(always)]
pub(super) fn lanes<T>(row: &[T]) -> &[[T; LANES]] {
    row.as_chunks().0
}

/// [`lanes`], to be changed.
#[inline(always)]
pub(super) fn lanes_mut<T>(row: &mut [T]) -> &mut [[T; LANES]] {
    row.as_chunks_mut().0
}

/// What `of` gives for each lane.
#[inline(always)]
pub(super) fn each_lane<T: Copy + Default, const N: usize>(of: impl Fn(usize) -> T) -> [T; N] {
    let mut all = [T::default(); N];
    for (lane, one) in all.iter_mut().enumerate() {
        *one = of(lane);
    }
    all
}
