//! Axes whose marks stand where people expect them.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::Ranged;

/// The most marks that an axis of whole numbers has.
const MOST_MARKS: f64 = 10.0;
/// Up to so many powers of ten, marks stand between them too.
const FEW_DECADES: f64 = 2.5;

/// How values lie along an axis.
pub(super) enum Scale {
    /// Evenly, marked at whole numbers only.
    Whole(Range<f64>),
    /// Evenly.
    Even(Range<f64>),
    /// By their logarithms; all of them positive.
    Logarithmic(Range<f64>),
}

impl Scale {
    fn ends(&self) -> &Range<f64> {
        let (Self::Whole(ends) | Self::Even(ends) | Self::Logarithmic(ends)) = self;
        ends
    }
}

impl Ranged for Scale {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, pixels: (i32, i32)) -> i32 {
        let Range { start, end } = self.range();
        match self {
            Self::Logarithmic(_) => RangedCoordf64::from(start.ln()..end.ln()).map(&value.ln(), pixels),
            Self::Whole(_) | Self::Even(_) => RangedCoordf64::from(start..end).map(value, pixels),
        }
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        let Range { start, end } = self.range();
        match self {
            Self::Whole(_) => whole_marks(start, end),
            Self::Even(_) => RangedCoordf64::from(start..end).key_points(hint),
            Self::Logarithmic(_) => decades(start, end),
        }
    }

    fn range(&self) -> Range<f64> {
        self.ends().clone()
    }
}

/// Multiples of 1, 2 or 5 times a power of ten, so that there are ten at most.
fn whole_marks(start: f64, end: f64) -> Vec<f64> {
    let steps = (0..).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
    let step = steps.into_iter().find(|step| (end - start) / step < MOST_MARKS).unwrap_or(f64::MAX);
    let marks = (0..MOST_MARKS as u32).map(|index| ((start / step).ceil() + f64::from(index)) * step);
    marks.take_while(|mark| *mark <= end).collect()
}

/// Powers of ten, and where those are few twice and five times them.
fn decades(start: f64, end: f64) -> Vec<f64> {
    let (first, last) = (start.log10().floor() as i32, end.log10().ceil() as i32);
    let digits: &[f64] = if (end / start).log10() > FEW_DECADES { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let marks = (first..=last).flat_map(|power| digits.iter().map(move |digit| digit * 10_f64.powi(power)));
    // Powers of ten are not exact.
    marks.filter(|mark| (start * 0.999..=end * 1.001).contains(mark)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whole_numbers_are_marked_at_most_ten_times(first in 0..500_u32, more in 1..100_000_u32) {
            let (first, last) = (f64::from(first), f64::from(first + more));
            let marks = Scale::Whole(first..last).key_points(10);
            prop_assert!((1..=10).contains(&marks.len()), "{:?}", marks);
            prop_assert!(marks.iter().all(|mark| mark.fract() == 0.0 && (first..=last).contains(mark)));
        }
    }

    #[test]
    fn powers_of_ten_stand_equally_far_apart() {
        let axis = Scale::Logarithmic(0.001..1.0);
        assert_eq!([0.001, 0.01, 0.1, 1.0].map(|value| axis.map(&value, (0, 300))), [0, 100, 200, 300]);
        assert_eq!(axis.key_points(10).len(), 4);
        assert_eq!(Scale::Logarithmic(0.5..20.0).key_points(10), [0.5, 1.0, 2.0, 5.0, 10.0, 20.0]);
    }
}
