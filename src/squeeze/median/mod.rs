//! The median of each pixel's surroundings.

mod three_by_three;

use std::ops::RangeInclusive;

use multiversion::multiversion;

use super::Squeezer;
use super::border::reflect;
use crate::tensor::Picture;

/// `median(ROWS,COLUMNS)`: each pixel becomes the median of the window around it, channel by channel.
///
/// As SciPy's `median_filter(size=(ROWS, COLUMNS), mode="reflect")`: a window of even size reaches one further up or to
/// the left, and of an even number of values the upper median is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Median {
    rows: usize,
    columns: usize,
}

impl Median {
    /// What `rows` and `columns` may be.
    pub const SIDE: RangeInclusive<usize> = 1..=15;

    /// A squeezer with a window of `rows` times `columns`, both within [`Self::SIDE`].
    pub(super) fn new(rows: usize, columns: usize) -> Self {
        Self { rows, columns }
    }

    /// The medians of a plane of `width`, selected window by window.
    fn select(self, plane: &[f32], width: usize, filtered: &mut Vec<f32>) {
        let height = plane.len() / width;
        let mut window = Vec::with_capacity(self.rows * self.columns);
        for y in 0..height {
            for x in 0..width {
                window.clear();
                for row in 0..self.rows {
                    let row = reflect(y + row, self.rows / 2, height);
                    let columns = (0..self.columns).map(|column| reflect(x + column, self.columns / 2, width));
                    window.extend(columns.map(|column| plane[row * width + column]));
                }
                let middle = window.len() / 2;
                filtered.push(*window.select_nth_unstable_by(middle, f32::total_cmp).1);
            }
        }
    }
}

impl Squeezer for Median {
    fn name(&self) -> String {
        format!("median({},{})", self.rows, self.columns)
    }

    fn squeeze(&self, picture: &Picture) -> Picture {
        let width = picture.width();
        let mut filtered = Vec::with_capacity(picture.pixels().len());
        for plane in picture.planes() {
            match (self.rows, self.columns) {
                (2, 2) => two_by_two(plane, width, &mut filtered),
                (3, 3) if width >= three_by_three::NARROWEST => three_by_three::filter(plane, width, &mut filtered),
                _ => self.select(plane, width, &mut filtered),
            }
        }
        picture.with_pixels(filtered)
    }
}

/// The third smallest of each two by two.
#[multiversion(targets = "simd")]
fn two_by_two(plane: &[f32], width: usize, filtered: &mut Vec<f32>) {
    let larger = |(&a, &b): (&f32, &f32)| f32::from_bits(a.to_bits().max(b.to_bits()));
    let row = &plane[..width];
    filtered.push(row[0]);
    filtered.extend(row.iter().zip(&row[1..]).map(larger));
    if plane.len() == width {
        return;
    }
    // All other rows as if they were one; then the first of each again, which has no left neighbour.
    let start = filtered.len();
    filtered.push(plane[width]);
    let length = plane.len() - width - 1;
    let [above, below] = [0, width].map(|row| (&plane[row..][..length], &plane[row + 1..][..length]));
    let windows = above.0.iter().zip(above.1).zip(below.0).zip(below.1);
    filtered.extend(windows.map(|(((&a, &b), &c), &d)| third_of(a, b, c, d)));
    let firsts = plane.iter().zip(&plane[width..]).step_by(width).map(larger);
    for (pixel, first) in filtered[start..].iter_mut().step_by(width).zip(firsts) {
        *pixel = first;
    }
}

#[inline(always)]
fn third_of(a: f32, b: f32, c: f32, d: f32) -> f32 {
    let (a, b, c, d) = (a.to_bits(), b.to_bits(), c.to_bits(), d.to_bits());
    f32::from_bits(a.min(b).max(c.min(d)).max(a.max(b).min(c.max(d))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn medians_by_rows_are_those_selected_one_by_one(
            (width, plane) in (1..40_usize, 1..20_usize).prop_flat_map(|(width, height)| {
                (Just(width), prop::collection::vec(0.0..=1.0_f32, width * height))
            }),
        ) {
            let picture = Picture::new(1, plane.len() / width, width, plane.clone()).unwrap();
            for side in [2, 3] {
                let mut selected = Vec::new();
                Median::new(side, side).select(&plane, width, &mut selected);
                let squeezed = Median::new(side, side).squeeze(&picture);
                prop_assert_eq!(squeezed.pixels(), selected);
            }
        }
    }
}
