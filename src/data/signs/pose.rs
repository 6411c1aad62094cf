//! Where the camera sees the sign: turned, aslant, near or far.

use super::canvas::Canvas;
use super::mount::Texture;
use super::painter::Rgb;
use crate::data::synthetic::Dice;

/// Samples a side of a pixel: each pixel averages over the area that it covers.
const SAMPLES: usize = 2;

/// A pinhole camera in front of a plane: the homography between picture and plane.
pub(super) struct Pose {
    /// Takes `(x, y, 1)` of the picture, in pixels, to the plane, in half widths of the sign.
    to_plane: [[f32; 3]; 3],
    /// Half the sign's width in pixels, seen from the front.
    pub(super) radius: f32,
}

impl Pose {
    /// A sign that fills 40% to 95% of the short side, somewhere in the middle.
    pub(super) fn new(dice: &mut Dice, (width, height): (usize, usize)) -> Self {
        let short = width.min(height) as f32;
        let share = if dice.chance(0.25) { dice.between(0.2, 0.32) } else { dice.between(0.32, 0.46) };
        let free = 0.06 + 0.6 * (0.46 - share);
        let x = 0.5 * width as f32 + short * dice.around_zero(free);
        let y = 0.5 * height as f32 + short * dice.around_zero(free);
        let (turn, tilt, roll) = (dice.turn(38.0), dice.turn(18.0), dice.turn(13.0));
        Self::by_angles((x, y), share * short, [turn, tilt, roll], dice.between(0.05, 0.3))
    }

    /// A sign around `centre` (in pixels), turned about the upright, the level and the line of sight by the angles'
    /// cosines and sines; `nearness` is the sign's half width over its distance.
    fn by_angles(centre: (f32, f32), radius: f32, angles: [(f32, f32); 3], nearness: f32) -> Self {
        let [(cos_turn, sin_turn), (cos_tilt, sin_tilt), (cos_roll, sin_roll)] = angles;
        let across = (cos_turn, sin_tilt * sin_turn, -cos_tilt * sin_turn);
        let down = (0.0, cos_tilt, sin_tilt);
        let column = |(x, y, z): (f32, f32, f32)| {
            let (x, y) = (cos_roll * x - sin_roll * y, sin_roll * x + cos_roll * y);
            let depth = nearness * z;
            [radius * x + centre.0 * depth, radius * y + centre.1 * depth, depth]
        };
        let [first, second, third] = [column(across), column(down), [centre.0, centre.1, 1.0]];
        Self { to_plane: [cross(second, third), cross(third, first), cross(first, second)], radius }
    }

    /// The place on the plane that is seen at a place of the picture.
    fn seen_at(&self, x: f32, y: f32) -> (f32, f32) {
        let [across, down, depth] = self.to_plane.map(|row| row[0] * x + row[1] * y + row[2]);
        // Behind the camera there is nothing: such places land far away.
        let depth = depth.max(1e-6);
        (across / depth, down / depth)
    }

    /// Puts the sign in front of what is on the canvas; `lit` gives the colour of a place on the sign its light.
    pub(super) fn place(&self, canvas: &mut Canvas, sign: &Texture, lit: impl Fn(f32, f32, Rgb) -> Rgb) {
        let margin = 2.0 / self.radius;
        for (y, row) in canvas.pixels.chunks_exact_mut(canvas.width).enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                let (across, down) = self.seen_at(x as f32 + 0.5, y as f32 + 0.5);
                if !Texture::reaches(across, down, margin) {
                    continue;
                }
                let [red, green, blue, cover] = self.pixel(sign, x, y);
                if cover > 0.0 {
                    let colour = lit(across, down, [red / cover, green / cover, blue / cover]);
                    *pixel = [0, 1, 2].map(|channel| pixel[channel] * (1.0 - cover) + colour[channel] * cover);
                }
            }
        }
    }

    /// The mean over the area of a pixel.
    fn pixel(&self, sign: &Texture, x: usize, y: usize) -> [f32; 4] {
        let offset = |sample: usize| (sample as f32 + 0.5) / SAMPLES as f32;
        let mut sum = [0.0; 4];
        for sample in 0..SAMPLES * SAMPLES {
            let (across, down) = (offset(sample % SAMPLES), offset(sample / SAMPLES));
            let (across, down) = self.seen_at(x as f32 + across, y as f32 + down);
            let texel = sign.at(across, down);
            for (sum, value) in sum.iter_mut().zip(texel) {
                *sum += value;
            }
        }
        sum.map(|value| value / (SAMPLES * SAMPLES) as f32)
    }
}

/// The cross product: rows of the inverse of a matrix from its columns, up to their scale.
fn cross(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRAIGHT: (f32, f32) = (1.0, 0.0);
    const RIGHT_ANGLE_ROLL: (f32, f32) = (0.0, 1.0);

    fn assert_near(seen: (f32, f32), expected: (f32, f32)) {
        assert!((seen.0 - expected.0).abs() < 1e-4 && (seen.1 - expected.1).abs() < 1e-4, "{seen:?} {expected:?}");
    }

    #[test]
    fn a_sign_seen_from_the_front_is_only_moved_and_scaled() {
        let pose = Pose::by_angles((30.0, 20.0), 10.0, [STRAIGHT; 3], 0.3);
        assert_near(pose.seen_at(30.0, 20.0), (0.0, 0.0));
        assert_near(pose.seen_at(40.0, 15.0), (1.0, -0.5));
    }

    #[test]
    fn a_rolled_sign_is_turned() {
        let pose = Pose::by_angles((30.0, 20.0), 10.0, [STRAIGHT, STRAIGHT, RIGHT_ANGLE_ROLL], 0.3);
        assert_near(pose.seen_at(30.0, 30.0), (1.0, 0.0));
    }

    #[test]
    fn the_far_half_of_a_turned_sign_is_smaller() {
        let pose = Pose::by_angles((50.0, 50.0), 20.0, [(0.8, 0.6), STRAIGHT, STRAIGHT], 0.4);
        let (right, left) = (pose.seen_at(60.0, 50.0).0, pose.seen_at(40.0, 50.0).0);
        assert!(right < -left, "{left} {right}");
    }
}
