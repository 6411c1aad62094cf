//! What is collected in front of the detector: how much each ray meets on its way.

use super::matter::{Depth, Material, transmission};
use super::part::{Part, shadow};

/// Centimetres of the short side.
const FIELD: f32 = 50.0;
/// Rays a side of a pixel.
const RAYS: usize = 2;

/// Optical depths, row by row; `(0, 0)` is in the middle of the picture.
pub(super) struct Film {
    /// Columns and rows of rays.
    size: (usize, usize),
    /// Centimetres between rays.
    pitch: f32,
    depths: Vec<Depth>,
}

impl Film {
    /// For a picture of so many columns and rows.
    pub(super) fn new((width, height): (usize, usize)) -> Self {
        let size = (width * RAYS, height * RAYS);
        let pitch = FIELD / (size.0.min(size.1)) as f32;
        Self { size, pitch, depths: vec![Depth::default(); size.0 * size.1] }
    }

    /// Half the extent in centimetres: along, across.
    pub(super) fn half(&self) -> [f32; 2] {
        [self.size.0 as f32 * self.pitch / 2.0, self.size.1 as f32 * self.pitch / 2.0]
    }

    /// Lays a sheet over everything, by its thickness in centimetres at the middle of each pixel.
    pub(super) fn lay(&mut self, material: &Material, thickness: impl Fn(f32, f32) -> f32) {
        let pixel = RAYS as f32 * self.pitch;
        let [left, top] = self.half().map(|half| 0.5 * pixel - half);
        for (row, lines) in self.depths.chunks_exact_mut(RAYS * self.size.0).enumerate() {
            for column in 0..self.size.0 / RAYS {
                let thickness = thickness(left + column as f32 * pixel, top + row as f32 * pixel);
                for line in lines.chunks_exact_mut(self.size.0) {
                    line[RAYS * column..RAYS * (column + 1)]
                        .iter_mut()
                        .for_each(|depth| material.weaken(depth, thickness));
                }
            }
        }
    }

    /// Puts a part where it is.
    pub(super) fn put(&mut self, part: &Part) {
        let mut ways = Vec::new();
        let half = self.half();
        let range = |side: usize, [low, high]: [f32; 2], rays: usize| {
            let index = |place: f32| ((place + half[side]) / self.pitch - 0.5).clamp(0.0, rays as f32);
            index(low) as usize..(index(high) as usize + 2).min(rays)
        };
        let [across, down] = shadow(std::slice::from_ref(part));
        let (columns, rows) = (range(0, across, self.size.0), range(1, down, self.size.1));
        let outlined = part.outlined();
        for row in rows {
            let y = (row as f32 + 0.5) * self.pitch - half[1];
            let met = outlined.row(y);
            for column in columns.clone() {
                let x = (column as f32 + 0.5) * self.pitch - half[0];
                let thickness = met.thickness(x, y, &mut ways);
                if thickness > 0.0 {
                    part.material.weaken(&mut self.depths[row * self.size.0 + column], thickness);
                }
            }
        }
    }

    /// The share of the low and of the high spectrum that reaches each pixel, row by row: a pixel collects what its rays
    /// bring.
    pub(super) fn light(&self) -> Vec<[f32; 2]> {
        let (width, height) = (self.size.0 / RAYS, self.size.1 / RAYS);
        let mut light = vec![[0.0; 2]; width * height];
        for (index, &depth) in self.depths.iter().enumerate() {
            let (column, row) = (index % self.size.0 / RAYS, index / self.size.0 / RAYS);
            let [low, high] = transmission(depth);
            let pixel = &mut light[row * width + column];
            *pixel = [pixel[0] + low, pixel[1] + high];
        }
        light.into_iter().map(|pixel| pixel.map(|sum| sum / (RAYS * RAYS) as f32)).collect()
    }
}
