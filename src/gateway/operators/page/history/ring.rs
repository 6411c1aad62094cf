//! Counts in the latest buckets of time.

/// Counts of `N` kinds, in buckets of `every` seconds; the oldest bucket gives way to the newest.
pub(super) struct Ring<const N: usize> {
    every: u64,
    buckets: Box<[Bucket<N>]>,
}

#[derive(Clone, Copy)]
struct Bucket<const N: usize> {
    /// Which bucket it is, counted from the Unix epoch.
    number: u64,
    counts: [u32; N],
}

impl<const N: usize> Ring<N> {
    /// So many buckets of `every` seconds each, all of them empty.
    pub(super) fn new(every: u64, buckets: usize) -> Self {
        Self { every, buckets: vec![Bucket { number: 0, counts: [0; N] }; buckets].into() }
    }

    /// Counts one of `kind` in the second `now` of the Unix epoch. Time does not go back.
    pub(super) fn count(&mut self, now: u64, kind: usize) {
        let number = now / self.every;
        let slot = self.slot(number);
        let Some(bucket) = self.buckets.get_mut(slot) else { return };
        if bucket.number != number {
            *bucket = Bucket { number, counts: [0; N] };
        }
        if let Some(count) = bucket.counts.get_mut(kind) {
            *count = count.saturating_add(1);
        }
    }

    /// The latest `length` buckets, the oldest first; the last one is that of `now`, and still fills.
    pub(super) fn latest(&self, now: u64, length: usize) -> Vec<[u32; N]> {
        let last = now / self.every;
        let first = (last + 1).saturating_sub(length.min(self.buckets.len()) as u64);
        (first..=last)
            .map(|number| {
                let bucket = self.buckets.get(self.slot(number)).filter(|bucket| bucket.number == number);
                bucket.map_or([0; N], |bucket| bucket.counts)
            })
            .collect()
    }

    fn slot(&self, number: u64) -> usize {
        (number % self.buckets.len().max(1) as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_counted_in_until_it_is_older_than_the_ring() {
        let mut ring = Ring::<2>::new(10, 3);
        for second in [100, 109, 110, 135] {
            ring.count(second, 0);
        }
        ring.count(135, 1);
        ring.count(135, 2);
        assert_eq!(ring.latest(139, 3), [[1, 0], [0, 0], [1, 1]], "100 to 109 is gone, and no kind 2 is counted");
        assert_eq!(ring.latest(139, 1), [[1, 1]]);
        assert_eq!(ring.latest(1_000, 3), [[0, 0]; 3], "nothing of long ago is told for now");
    }

    #[test]
    fn before_the_first_bucket_there_is_nothing() {
        assert_eq!(Ring::<1>::new(10, 5).latest(15, 5), [[0]; 2], "the epoch began one bucket ago");
    }
}
