//! Where the pixels of a picture lie once it has borders, and where what is computed from them lies.

use crate::squeeze::border::mirror;
use crate::squeeze::lanes::LANES;

/// Sizes, in pixels.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) height: usize,
    pub(super) width: usize,
    /// Half the side of the search window.
    pub(super) search: usize,
    /// Half the side of a block.
    pub(super) block: usize,
    /// Rows added above and below: as far as blocks reach.
    pub(super) above: usize,
    /// Columns added on the left, and at least as many on the right: one search window more.
    pub(super) before: usize,
    /// Length of a row with its borders.
    stride: usize,
    /// Length of a row of distances or weights: as far as blocks reach, in whole lanes.
    pub(super) reach: usize,
    /// Length of a row of sums: the width in whole lanes.
    pub(super) sums: usize,
}

impl Frame {
    /// For planes of `length` pixels, `width` wide; `search` and `block` are the windows' sides, odd.
    pub(super) fn new(length: usize, width: usize, search: usize, block: usize) -> Self {
        let (search, block) = (search / 2, block / 2);
        let (above, before) = (search + block, 2 * search + block);
        let sums = width.next_multiple_of(LANES);
        let reach = (width + 2 * above).max(sums + 2 * search).next_multiple_of(LANES);
        let stride = before + reach + before;
        Self { height: length / width, width, search, block, above, before, stride, reach, sums }
    }

    /// The plane with borders, reflected about the outermost pixels: `c b | a b c | b a`.
    pub(super) fn extend(self, plane: &[u8]) -> Vec<u8> {
        let column = |x| mirror(x, self.before, self.width);
        let before: Vec<usize> = (0..self.before).map(column).collect();
        let after: Vec<usize> = (self.before + self.width..self.stride).map(column).collect();
        let mut extended = Vec::with_capacity(self.stride * (self.height + 2 * self.above));
        for y in 0..self.height + 2 * self.above {
            let row = &plane[mirror(y, self.above, self.height) * self.width..][..self.width];
            extended.extend(before.iter().map(|&column| row[column]));
            extended.extend_from_slice(row);
            extended.extend(after.iter().map(|&column| row[column]));
        }
        extended
    }

    /// A row of each extended plane, from column `x` on.
    #[inline(always)]
    pub(super) fn rows<const C: usize>(self, planes: &[Vec<u8>; C], y: usize, x: usize) -> [&[u8]; C] {
        let mut rows = [[].as_slice(); C];
        for (row, plane) in rows.iter_mut().zip(planes) {
            *row = &plane[y * self.stride + x..(y + 1) * self.stride];
        }
        rows
    }
}
