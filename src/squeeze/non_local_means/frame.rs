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
    /// Length of a row of distances or weights of one offset: of all pixels that it concerns, and a block's border.
    pub(super) pitch: usize,
    /// Length of a row of sums: the width in whole lanes.
    pub(super) sums: usize,
}

/// Whose sums a weight is added to: those of the pixel that it was computed for, or of the one that lies an offset from it.
#[derive(Clone, Copy)]
pub(super) enum Whose {
    Own,
    Partner,
}

impl Frame {
    /// For planes of `length` pixels, `width` wide; `search` and `block` are the windows' sides, odd.
    pub(super) fn new(length: usize, width: usize, search: usize, block: usize) -> Self {
        let (search, block) = (search / 2, block / 2);
        let (above, before) = (search + block, 2 * search + block);
        let sums = width.next_multiple_of(LANES);
        let pitch = width + search + 2 * block;
        let stride = (2 * search + pitch.next_multiple_of(LANES)).max(before + search + sums);
        Self { height: length / width, width, search, block, above, before, stride, pitch, sums }
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

    /// The first column that an offset concerns, since it or its partner lies in the picture; counted from `search` columns
    /// left of the picture.
    #[inline(always)]
    pub(super) fn first(self, offset: usize) -> usize {
        self.search.min(2 * self.search - offset)
    }

    /// Where the weights and the pixels lie that belong to the first sum in a row, for an offset within the window's row.
    #[inline(always)]
    pub(super) fn starts(self, offset: usize, whose: Whose) -> (usize, usize) {
        let (column, pixel) = match whose {
            Whose::Own => (self.search, self.above + offset),
            Whose::Partner => (2 * self.search - offset, self.before + self.search - offset),
        };
        (offset * self.pitch + column - self.first(offset), pixel)
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
