//! Adversarial patches (Brown et al. 2017), and stickers on the thing itself (Eykholt et al. 2018).

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::adam::Adam;
use crate::attack::warp::Warp;
use crate::attack::{Attack, AttackError, Gradient, Loss, Seed, WhiteBox, crossed};
use crate::tensor::{Picture, quantised};

/// Where the patch comes to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Anywhere in the picture, at any angle.
    Anywhere,
    /// In the middle, where the thing is, upright but for a small turn: a sticker.
    Middle,
}

/// One square patch for all pictures, which holds under turns, sizes and light that change from picture to picture. It is
/// made on one half of the seeds and put on the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patch {
    /// Its side as a share of the picture's shorter side.
    pub side: f32,
    /// Where it comes to lie.
    pub place: Place,
    /// Number of steps, each over all pictures under a turn, size and light of their own.
    pub steps: usize,
    /// How far a step goes.
    pub learning_rate: f32,
    /// Seed of the first patch and of its places.
    pub seed: u64,
}

/// The most a sticker is turned, in degrees; the patch's sizes and the light on it, as factors.
const STICKER_TURN: f32 = 15.0;
const SCALES: [f32; 2] = [0.85, 1.15];
const LIGHTS: [f32; 2] = [0.8, 1.2];

impl Attack for Patch {
    fn rounds(&self) -> usize {
        2 * self.steps
    }

    fn run(&self, victim: &WhiteBox, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Picture>, AttackError> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        crossed(seeds, |known, unknown| {
            let patch = self.craft(victim, known, &mut random, watch)?;
            Ok(unknown
                .iter()
                .map(|seed| quantised(&self.throw(&seed.picture, &mut random).put(&patch, &seed.picture)))
                .collect())
        })
    }
}

impl Patch {
    fn craft(
        &self,
        victim: &WhiteBox,
        seeds: &[Seed],
        random: &mut impl Rng,
        watch: &mut dyn FnMut(),
    ) -> Result<Picture, AttackError> {
        let Some(first) = seeds.first().map(|seed| &seed.picture) else { return Ok(Picture::new(1, 1, 1, vec![0.0])?) };
        let losses: Vec<Loss> = seeds.iter().map(|seed| Loss::CrossEntropy(seed.goal)).collect();
        let side = self.pixels_a_side(first);
        let len = first.channels() * side * side;
        let mut pixels: Vec<f32> = (0..len).map(|_| random.random_range(0.3..=0.7)).collect();
        let mut adam = Adam::new(self.learning_rate, len);
        for _ in 0..self.steps {
            let patch = Picture::new(first.channels(), side, side, pixels.clone())?;
            let throws: Vec<Throw> = seeds.iter().map(|seed| self.throw(&seed.picture, random)).collect();
            let pictures: Vec<Picture> =
                throws.iter().zip(seeds).map(|(throw, seed)| throw.put(&patch, &seed.picture)).collect();
            let mut sum = vec![0.0; len];
            for (throw, found) in throws.iter().zip(victim.gradients(&pictures, &losses)?) {
                throw.gather(&found, first, &mut sum);
            }
            sum.iter_mut().for_each(|slope| *slope = -*slope);
            adam.descend(&mut pixels, &sum);
            pixels.iter_mut().for_each(|pixel| *pixel = pixel.clamp(0.0, 1.0));
            watch();
        }
        Ok(Picture::new(first.channels(), side, side, pixels)?)
    }

    fn pixels_a_side(&self, picture: &Picture) -> usize {
        let shorter = picture.height().min(picture.width());
        ((self.side * shorter as f32).round() as usize).clamp(1, shorter)
    }

    fn throw(&self, picture: &Picture, random: &mut impl Rng) -> Throw {
        let side = self.pixels_a_side(picture);
        let mut between = |[low, high]: [f32; 2]| random.random_range(low..=high);
        let scale = between(SCALES);
        let [width, height] = [picture.width(), picture.height()].map(|sides| (sides - 1) as f32);
        let (to, degrees) = match self.place {
            Place::Middle => ([width / 2.0, height / 2.0], between([-STICKER_TURN, STICKER_TURN])),
            Place::Anywhere => {
                let half = (side as f32 * scale / 2.0).min(width.min(height) / 2.0);
                ([between([half, width - half]), between([half, height - half])], between([0.0, 360.0]))
            }
        };
        let middle = (side - 1) as f32 / 2.0;
        Throw { warp: Warp::new(degrees, scale, [middle; 2], to), side, light: between(LIGHTS) }
    }
}

/// One way for a patch to lie on a picture.
struct Throw {
    warp: Warp,
    side: usize,
    light: f32,
}

impl Throw {
    fn put(&self, patch: &Picture, picture: &Picture) -> Picture {
        let (height, width) = (picture.height(), picture.width());
        let mut pixels = picture.pixels().to_vec();
        for at in 0..height * width {
            let Some(taps) = self.warp.taps([self.side; 2], at % width, at / width) else { continue };
            for (covered, plane) in pixels.chunks_exact_mut(height * width).zip(patch.planes()) {
                let colour: f32 = taps.iter().map(|&(index, share)| share * plane[index]).sum();
                covered[at] = (self.light * colour).clamp(0.0, 1.0);
            }
        }
        picture.with_pixels(pixels)
    }

    /// Adds to `sum`, which is of the patch's shape, what each of its pixels does to the picture.
    fn gather(&self, found: &Gradient, picture: &Picture, sum: &mut [f32]) {
        let (height, width) = (picture.height(), picture.width());
        for at in 0..height * width {
            let Some(taps) = self.warp.taps([self.side; 2], at % width, at / width) else { continue };
            let planes = sum.chunks_exact_mut(self.side * self.side).zip(found.pixels.chunks_exact(height * width));
            for (sum, gradient) in planes {
                taps.iter().for_each(|&(index, share)| sum[index] += share * self.light * gradient[at]);
            }
        }
    }
}
