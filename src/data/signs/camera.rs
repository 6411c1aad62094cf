//! What lens and sensor do to a scene: blur, exposure, colour cast and noise.

use super::canvas::Canvas;
use super::painter::Rgb;
use crate::data::synthetic::Dice;

/// A camera's faults for one picture.
pub(super) struct Camera {
    /// Radius of the blur, in short sides.
    defocus: f32,
    /// How far the picture moves during the exposure, in short sides.
    motion: Option<(f32, f32)>,
    /// Slope of the tone curve at black: above 1 lifts the shadows.
    tone: f32,
    /// Contrast around the middle.
    contrast: f32,
    cast: Rgb,
    /// Standard deviation of the noise at black and what the light itself adds at white.
    noise: (f32, f32),
}

impl Camera {
    /// Anything from a good camera to a cheap one in a hurry.
    pub(super) fn new(dice: &mut Dice) -> Self {
        Self {
            defocus: if dice.chance(0.3) { dice.between(0.012, 0.034) } else { dice.between(0.004, 0.014) },
            motion: dice.chance(0.25).then(|| {
                let ((x, y), length) = (dice.heading(), dice.between(0.02, 0.08));
                (x * length, y * length)
            }),
            tone: dice.between(0.7, 1.5),
            contrast: dice.between(0.75, 1.1),
            cast: [1.0 + dice.around_zero(0.06), 1.0, 1.0 + dice.around_zero(0.08)],
            noise: (dice.between(0.003, 0.025), dice.between(0.005, 0.03)),
        }
    }

    /// Turns the scene into what the camera stores.
    pub(super) fn expose(&self, canvas: &mut Canvas, dice: &mut Dice) {
        let short = canvas.short_side();
        blur(canvas, self.defocus * short);
        if let Some((x, y)) = self.motion {
            smear(canvas, (x * short, y * short));
        }
        let (floor, shot) = (self.noise.0 * self.noise.0, self.noise.1 * self.noise.1);
        for pixel in &mut canvas.pixels {
            for (value, cast) in pixel.iter_mut().zip(self.cast) {
                let light = (*value * cast).clamp(0.0, 1.0);
                let developed = 0.5 + (self.curve(light) - 0.5) * self.contrast;
                *value = developed + dice.bell() * (floor + shot * light).sqrt();
            }
        }
    }

    /// A tone curve from 0 to 1 without powers (Schlick's bias).
    fn curve(&self, light: f32) -> f32 {
        light * self.tone / (1.0 + (self.tone - 1.0) * light)
    }
}

/// Blurs with a box of `radius` pixels, twice in each direction: nearly a Gaussian.
pub(super) fn blur(canvas: &mut Canvas, radius: f32) {
    let (width, height) = canvas.size();
    for side in [width, height, width, height] {
        canvas.pixels = averaged_and_transposed(&canvas.pixels, side, radius);
    }
}

/// The mean over `radius` to the left and right of every pixel, columns as rows; what is outside a row is as its end.
fn averaged_and_transposed(pixels: &[Rgb], width: usize, radius: f32) -> Vec<Rgb> {
    let whole = radius as usize;
    let rest = radius - whole as f32;
    let scale = 1.0 / (2.0 * radius + 1.0);
    let margin = whole + 1;
    let height = pixels.len() / width;
    let mut means = vec![[0.0; 3]; pixels.len()];
    let mut line = Vec::with_capacity(width + 2 * margin);
    for (y, row) in pixels.chunks_exact(width).enumerate() {
        line.clear();
        line.extend(std::iter::repeat_n(row[0], margin));
        line.extend_from_slice(row);
        line.extend(std::iter::repeat_n(row[width - 1], margin));
        for (x, window) in line.windows(2 * margin + 1).enumerate() {
            let (left, right) = (window[0], window[2 * margin]);
            let ends = [0, 1, 2].map(|channel| (left[channel] + right[channel]) * rest);
            let inner = &window[1..2 * margin];
            let sum = inner.iter().fold(ends, |sum, pixel| [0, 1, 2].map(|channel| sum[channel] + pixel[channel]));
            means[x * height + y] = sum.map(|value| value * scale);
        }
    }
    means
}

/// Averages along a way of so many pixels to the right and down.
fn smear(canvas: &mut Canvas, (across, down): (f32, f32)) {
    let taps = (across.abs().max(down.abs()).ceil() as usize + 1).max(2);
    let (width, height) = canvas.size();
    let sharp = canvas.pixels.clone();
    let at = |x: isize, y: isize| {
        let (x, y) = (x.clamp(0, width as isize - 1) as usize, y.clamp(0, height as isize - 1) as usize);
        sharp[y * width + x]
    };
    // Every pixel looks the same way, so the fractions are those of the taps.
    let taps: Vec<_> = (0..taps)
        .map(|tap| {
            let share = tap as f32 / (taps - 1) as f32 - 0.5;
            let (x, y) = (across * share, down * share);
            (x.floor() as isize, y.floor() as isize, x - x.floor(), y - y.floor())
        })
        .collect();
    let scale = 1.0 / taps.len() as f32;
    for (index, pixel) in canvas.pixels.iter_mut().enumerate() {
        let (column, row) = ((index % width) as isize, (index / width) as isize);
        let mut sum = [0.0; 3];
        for &(x, y, right, below) in &taps {
            let (x, y) = (column + x, row + y);
            let corners = [
                (at(x, y), (1.0 - right) * (1.0 - below)),
                (at(x + 1, y), right * (1.0 - below)),
                (at(x, y + 1), (1.0 - right) * below),
                (at(x + 1, y + 1), right * below),
            ];
            for (corner, weight) in corners {
                sum = [0, 1, 2].map(|channel| sum[channel] + corner[channel] * weight);
            }
        }
        *pixel = sum.map(|value| value * scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point() -> Canvas {
        let lit = |x: f32, y: f32| if (x - 0.5).abs() < 0.05 && (y - 0.5).abs() < 0.05 { [1.0; 3] } else { [0.0; 3] };
        Canvas::from_fn((11, 11), lit)
    }

    fn sum(canvas: &Canvas) -> f32 {
        canvas.pixels.iter().map(|pixel| pixel[0]).sum()
    }

    #[test]
    fn blur_spreads_light_and_loses_none() {
        for radius in [0.0, 0.3, 1.0, 1.7] {
            let mut canvas = point();
            blur(&mut canvas, radius);
            assert!((sum(&canvas) - 1.0).abs() < 1e-5);
            assert!((canvas.pixels[60][0] < 1.0) == (radius > 0.0));
            assert!((canvas.pixels[59][0] - canvas.pixels[71][0]).abs() < 1e-6);
        }
    }

    #[test]
    fn motion_smears_along_its_way_only() {
        let mut canvas = point();
        smear(&mut canvas, (4.0, 0.0));
        assert!((sum(&canvas) - 1.0).abs() < 1e-5);
        assert_eq!([canvas.pixels[58][0], canvas.pixels[62][0], canvas.pixels[49][0]], [0.2, 0.2, 0.0]);
    }
}
