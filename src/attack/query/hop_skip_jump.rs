//! HopSkipJump (Chen et al. 2020): along a boundary that only the class read tells of, towards the benign picture.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::start::start;
use crate::attack::nearest::Nearest;
use crate::attack::{AttackError, Made, Norm, Oracle, QueryAttack, Seed, change};
use crate::tensor::{Picture, quantised};

/// Length of the probes as a share of the distance; a grey level a pixel at least, or rounding would swallow them.
const PROBE: f32 = 0.1;
const GREY_LEVEL: f32 = 1.0 / 255.0;
/// Halvings of the way back to the boundary: a probe moves along its normal by no more than its length over the root of
/// the number of pixels, so that it has to start close by.
const BACK: usize = 14;
/// Halvings of a step that went too far.
const HALVINGS: usize = 8;

/// The nearest picture in L2 that a number of questions leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HopSkipJump {
    /// The most questions for one picture.
    pub queries: usize,
    /// Probes of the first step; they grow with the root of the steps.
    pub probes: usize,
    /// Seed of starts and probes.
    pub seed: u64,
}

impl QueryAttack for HopSkipJump {
    fn rounds(&self, seeds: usize) -> usize {
        seeds
    }

    fn queries(&self) -> usize {
        self.queries
    }

    fn comes_from_afar(&self) -> bool {
        true
    }

    fn run(&self, oracle: &mut dyn Oracle, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Made>, AttackError> {
        let mut made = Vec::with_capacity(seeds.len());
        for (index, seed) in seeds.iter().enumerate() {
            let mut random = ChaCha8Rng::seed_from_u64(self.seed.wrapping_add(index as u64));
            let (begin, queries) = start(oracle, seeds, index, &mut random)?;
            let mut asked =
                Asked { oracle: &mut *oracle, seed, nearest: Nearest::new(Norm::L2), queries, most: self.queries };
            if let Some(begin) = begin {
                asked.nearest.offer(&seed.picture, &begin);
                self.walk(&mut asked, begin, &mut random)?;
            }
            let queries = asked.queries;
            made.push(Made { picture: asked.nearest.or(quantised(&seed.picture)), queries });
            watch();
        }
        Ok(made)
    }
}

impl HopSkipJump {
    fn walk(&self, asked: &mut Asked, begin: Picture, random: &mut impl Rng) -> Result<(), AttackError> {
        let mut at = asked.back_to_the_boundary(begin)?;
        for step in 1u16.. {
            let probes = (self.probes as f32 * f32::from(step).sqrt()) as usize;
            if asked.left() < probes + BACK + HALVINGS {
                break;
            }
            let benign = &asked.seed.picture;
            let far = Norm::L2.length(&change(benign, &at));
            let Some(normal) = asked.normal(&at, far, probes, random)? else { continue };
            let mut length = far / f32::from(step).sqrt();
            for _ in 0..HALVINGS {
                let moved =
                    at.pixels().iter().zip(&normal).map(|(pixel, normal)| (pixel + length * normal).clamp(0.0, 1.0));
                let moved = quantised(&at.with_pixels(moved.collect()));
                if asked.reaches(std::slice::from_ref(&moved))?[0] {
                    at = asked.back_to_the_boundary(moved)?;
                    break;
                }
                length /= 2.0;
            }
        }
        Ok(())
    }
}

/// A seed, and somebody to ask about it.
struct Asked<'a> {
    oracle: &'a mut dyn Oracle,
    seed: &'a Seed,
    nearest: Nearest,
    queries: usize,
    most: usize,
}

impl Asked<'_> {
    fn left(&self) -> usize {
        self.most.saturating_sub(self.queries)
    }

    fn reaches(&mut self, pictures: &[Picture]) -> Result<Vec<bool>, AttackError> {
        self.queries += pictures.len();
        let reached: Vec<bool> =
            self.oracle.ask(pictures)?.iter().map(|answer| answer.reaches(self.seed.goal)).collect();
        for (picture, _) in pictures.iter().zip(&reached).filter(|(_, reached)| **reached) {
            self.nearest.offer(&self.seed.picture, picture);
        }
        Ok(reached)
    }

    /// The nearest picture between `far`, on which the goal is reached, and the benign one.
    fn back_to_the_boundary(&mut self, mut far: Picture) -> Result<Picture, AttackError> {
        let mut near = self.seed.picture.clone();
        for _ in 0..BACK {
            let pairs = near.pixels().iter().zip(far.pixels());
            let middle = quantised(&far.with_pixels(pairs.map(|(near, far)| (near + far) / 2.0).collect()));
            if middle == far || middle == near || self.left() == 0 {
                break;
            }
            if self.reaches(std::slice::from_ref(&middle))?[0] { far = middle } else { near = middle }
        }
        Ok(far)
    }

    /// The direction away from the boundary, from random probes around `at`: those that reach the goal count for, the
    /// others against it, less their mean.
    fn normal(
        &mut self,
        at: &Picture,
        far: f32,
        probes: usize,
        random: &mut impl Rng,
    ) -> Result<Option<Vec<f32>>, AttackError> {
        let len = at.pixels().len();
        let spread = (PROBE * far / (len as f32).sqrt()).max(GREY_LEVEL) * 3.0f32.sqrt();
        let probe = |_| {
            let moved = at.pixels().iter().map(|pixel| (pixel + random.random_range(-spread..=spread)).clamp(0.0, 1.0));
            quantised(&at.with_pixels(moved.collect()))
        };
        let probes: Vec<Picture> = (0..probes).map(probe).collect();
        let reached = self.reaches(&probes)?;
        let mean = reached.iter().filter(|reached| **reached).count() as f32 / reached.len().max(1) as f32;
        let mut normal = vec![0.0; len];
        for (probe, reached) in probes.iter().zip(reached) {
            // Where all agree their mean still points somewhere.
            let counts = match mean {
                1.0 => 1.0,
                0.0 => -1.0,
                mean => f32::from(u8::from(reached)) - mean,
            };
            normal.iter_mut().zip(change(at, probe)).for_each(|(normal, change)| *normal += counts * change);
        }
        let length = Norm::L2.length(&normal);
        normal.iter_mut().for_each(|value| *value /= length.max(f32::MIN_POSITIVE));
        Ok((length > 0.0).then_some(normal))
    }
}
