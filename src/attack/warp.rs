//! Pictures that are turned, moved and made larger or smaller.

use crate::tensor::Picture;

/// Where a point of the picture that comes out is taken from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Warp {
    /// Cosine and sine of the turn, each over the scale.
    turn: [f32; 2],
    /// The point of the picture that comes out which `from` goes to, both as (column, row).
    to: [f32; 2],
    from: [f32; 2],
}

impl Warp {
    /// Turns by `degrees`, makes `scale` times as large, and brings `from` to `to`.
    pub fn new(degrees: f32, scale: f32, from: [f32; 2], to: [f32; 2]) -> Self {
        let (sine, cosine) = degrees.to_radians().sin_cos();
        Self { turn: [cosine / scale, sine / scale], to, from }
    }

    /// The values of a `height x width` plane that make up the pixel at (`column`, `row`), each with its share; none where
    /// that lies outside.
    pub fn taps(&self, [height, width]: [usize; 2], column: usize, row: usize) -> Option<[(usize, f32); 4]> {
        let [right, down] = [column as f32 - self.to[0], row as f32 - self.to[1]];
        let [cosine, sine] = self.turn;
        let (x, y) = (self.from[0] + cosine * right + sine * down, self.from[1] - sine * right + cosine * down);
        let (last_column, last_row) = (width as f32 - 1.0, height as f32 - 1.0);
        if !(-0.5..=last_column + 0.5).contains(&x) || !(-0.5..=last_row + 0.5).contains(&y) {
            return None;
        }
        let (x, y) = (x.clamp(0.0, last_column), y.clamp(0.0, last_row));
        let (left, top) = (x.floor() as usize, y.floor() as usize);
        let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
        let (a, b) = (x - left as f32, y - top as f32);
        Some([
            (top * width + left, (1.0 - a) * (1.0 - b)),
            (top * width + right, a * (1.0 - b)),
            (bottom * width + left, (1.0 - a) * b),
            (bottom * width + right, a * b),
        ])
    }

    /// The whole picture; black where nothing of it comes to lie.
    pub fn apply(&self, picture: &Picture) -> Picture {
        let (height, width) = (picture.height(), picture.width());
        let mut pixels = vec![0.0; picture.pixels().len()];
        for at in 0..height * width {
            let Some(taps) = self.taps([height, width], at % width, at / width) else { continue };
            for (moved, plane) in pixels.chunks_exact_mut(height * width).zip(picture.planes()) {
                moved[at] = taps.iter().map(|&(index, share)| share * plane[index]).sum();
            }
        }
        picture.with_pixels(pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        Picture::new(1, 3, 3, (0..9u8).map(|value| f32::from(value) / 8.0).collect()).unwrap()
    }

    const CENTRE: [f32; 2] = [1.0, 1.0];

    fn eighths(picture: &Picture) -> Vec<f32> {
        picture.pixels().iter().map(|pixel| (pixel * 8.0 * 100.0).round() / 100.0).collect()
    }

    #[test]
    fn a_quarter_turn_brings_the_left_column_on_top() {
        let turned = Warp::new(90.0, 1.0, CENTRE, CENTRE).apply(&picture());
        assert_eq!(eighths(&turned), [6.0, 3.0, 0.0, 7.0, 4.0, 1.0, 8.0, 5.0, 2.0]);
    }

    #[test]
    fn what_moves_in_from_outside_is_black() {
        let moved = Warp::new(0.0, 1.0, CENTRE, [2.0, 1.0]).apply(&picture());
        assert_eq!(eighths(&moved), [0.0, 0.0, 1.0, 0.0, 3.0, 4.0, 0.0, 6.0, 7.0]);
    }

    #[test]
    fn twice_as_large_keeps_the_centre() {
        let larger = Warp::new(0.0, 2.0, CENTRE, CENTRE).apply(&picture());
        assert_eq!(eighths(&larger), [2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0]);
    }
}
