//! Lines and planes continued past their ends, by their own reflection.

/// Where `position` of a line with `border` more on each side lies on the line `0..length` when that is reflected about
/// its ends, the end itself doubled: `c b a | a b c | c b a` (SciPy's `reflect`).
#[inline]
pub(super) fn reflect(position: usize, border: usize, length: usize) -> usize {
    let within = (position as isize - border as isize).rem_euclid(2 * length as isize) as usize;
    within.min(2 * length - 1 - within)
}

/// Where it lies when the line is reflected about its outermost elements: `c b | a b c | b a` (OpenCV's `REFLECT_101`).
#[inline]
pub(super) fn mirror(position: usize, border: usize, length: usize) -> usize {
    let period = (2 * (length - 1)).max(1);
    let within = (position as isize - border as isize).rem_euclid(period as isize) as usize;
    within.min(period - within)
}

/// A plane, `width` wide, [`mirror`]ed into a border on each side.
pub(super) fn mirrored(plane: &[f32], width: usize, border: usize) -> Vec<f32> {
    let height = plane.len() / width;
    let columns: Vec<usize> = (0..width + 2 * border).map(|x| mirror(x, border, width)).collect();
    let mut extended = Vec::with_capacity(columns.len() * (height + 2 * border));
    for y in 0..height + 2 * border {
        let row = &plane[mirror(y, border, height) * width..][..width];
        extended.extend(columns.iter().map(|&column| row[column]));
    }
    extended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_continues_as_its_own_reflection() {
        let continued = |at: fn(usize, usize, usize) -> usize, length| Vec::from_iter((0..9).map(|x| at(x, 3, length)));
        assert_eq!(continued(reflect, 3), [2, 1, 0, 0, 1, 2, 2, 1, 0]);
        assert_eq!(continued(mirror, 3), [1, 2, 1, 0, 1, 2, 1, 0, 1]);
        assert_eq!(continued(reflect, 1), [0; 9]);
        assert_eq!(continued(mirror, 1), [0; 9]);
        assert_eq!(mirrored(&[1.0, 2.0], 2, 1), [2.0, 1.0, 2.0, 1.0].repeat(3));
    }
}
