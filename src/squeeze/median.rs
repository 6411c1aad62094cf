//! The median of each pixel's surroundings.

use std::ops::RangeInclusive;

use super::Squeezer;
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

    fn filter(self, plane: &[f32], width: usize) -> Vec<f32> {
        let height = plane.len() / width;
        let mut window = Vec::with_capacity(self.rows * self.columns);
        let mut filtered = Vec::with_capacity(plane.len());
        for y in 0..height {
            for x in 0..width {
                window.clear();
                for row in 0..self.rows {
                    let row = reflect((y + row) as isize - (self.rows / 2) as isize, height);
                    let columns = (0..self.columns).map(|column| (x + column) as isize - (self.columns / 2) as isize);
                    window.extend(columns.map(|column| plane[row * width + reflect(column, width)]));
                }
                let middle = window.len() / 2;
                filtered.push(*window.select_nth_unstable_by(middle, f32::total_cmp).1);
            }
        }
        filtered
    }
}

impl Squeezer for Median {
    fn name(&self) -> String {
        format!("median({},{})", self.rows, self.columns)
    }

    fn squeeze(&self, picture: &Picture) -> Picture {
        picture.with_pixels(picture.planes().flat_map(|plane| self.filter(plane, picture.width())).collect())
    }
}

/// Where `position` comes to lie when the line `0..length` is reflected about its ends, the end itself doubled:
/// `c b a | a b c | c b a`.
fn reflect(position: isize, length: usize) -> usize {
    let length = length as isize;
    let within = position.rem_euclid(2 * length);
    within.min(2 * length - 1 - within) as usize
}
