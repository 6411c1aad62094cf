//! The fast adaptive boundary attack (Croce, Hein 2020): along the boundary towards the benign picture.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::planes::{Plane, surroundings};
use super::projection::shortest;
use crate::attack::nearest::Nearest;
use crate::attack::{Attack, AttackError, Ball, Goal, Norm, Seed, WhiteBox, change};
use crate::tensor::{Picture, quantised};

/// The most that the projection of the benign picture counts for.
const MOST_BIAS: f32 = 0.1;
/// By how much a step goes over the plane.
const EXTRAPOLATION: f32 = 1.05;
/// What a change is multiplied by once the goal is reached, and where it is reached but not after rounding.
const BACKWARD: f32 = 0.9;
const OUTWARD: f32 = 1.2;

/// Projects both where it stands and the benign picture onto the nearest boundary of the classifier taken for linear.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fab {
    /// How distance is measured.
    pub norm: Norm,
    /// Steps from each start.
    pub steps: usize,
    /// How often it starts: at the benign picture first, then at random halfway to the nearest picture so far.
    pub starts: usize,
    /// How many likeliest other classes are looked at.
    pub rivals: usize,
    /// Seed of the random starts.
    pub seed: u64,
}

impl Attack for Fab {
    fn rounds(&self) -> usize {
        self.steps * self.starts
    }

    fn gradients_a_round(&self) -> usize {
        self.rivals + 1
    }

    fn run(&self, victim: &WhiteBox, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Picture>, AttackError> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let goals: Vec<Goal> = seeds.iter().map(|seed| seed.goal).collect();
        let mut nearest = vec![Nearest::new(self.norm); seeds.len()];
        let mut at: Vec<Picture> = seeds.iter().map(|seed| seed.picture.clone()).collect();
        for start in 0..self.starts {
            if start > 0 {
                let begin = seeds.iter().zip(&nearest).map(|(seed, nearest)| {
                    let far = if nearest.distance().is_finite() { nearest.distance() / 2.0 } else { 0.0 };
                    Ball { norm: self.norm, eps: far }.random(&seed.picture, &mut random)
                });
                at = begin.collect();
            }
            for _ in 0..self.steps {
                let around = surroundings(victim, &at, &goals, self.rivals)?;
                let rounded: Vec<Picture> = at.iter().map(quantised).collect();
                let answers = victim.logits(&rounded)?;
                for (index, (around, answer)) in around.into_iter().zip(answers).enumerate() {
                    let (seed, now) = (&seeds[index], &mut at[index]);
                    *now = if seed.goal.is_reached_by(&answer) {
                        nearest[index].offer(&seed.picture, &rounded[index]);
                        scaled(&seed.picture, now, BACKWARD)
                    } else if seed.goal.is_reached_by(&around.logits) {
                        scaled(&seed.picture, now, OUTWARD)
                    } else {
                        let plane = self.nearest_plane(around.planes);
                        plane.map_or_else(|| now.clone(), |plane| self.onto(&plane, &seed.picture, now))
                    };
                }
                watch();
            }
        }
        Ok(nearest.into_iter().zip(at).map(|(nearest, last)| nearest.or(quantised(&last))).collect())
    }
}

impl Fab {
    fn nearest_plane(&self, planes: Vec<Plane>) -> Option<Plane> {
        let dual = match self.norm {
            Norm::L1 => Norm::Linf,
            Norm::L2 => Norm::L2,
            Norm::Linf => Norm::L1,
        };
        let far = |plane: &Plane| plane.distance.abs() / dual.length(&plane.slope).max(f32::MIN_POSITIVE);
        planes.into_iter().min_by(|a, b| far(a).total_cmp(&far(b)))
    }

    /// Between the projections of `at` and of `benign`, a little beyond the plane.
    fn onto(&self, plane: &Plane, benign: &Picture, at: &Picture) -> Picture {
        let from_here = shortest(self.norm, at.pixels(), &plane.slope, plane.distance);
        let so_far = change(benign, at);
        let risen: f32 = so_far.iter().zip(&plane.slope).map(|(change, slope)| change * slope).sum();
        let from_benign = shortest(self.norm, benign.pixels(), &plane.slope, plane.distance + risen);
        let [here, there] = [&from_here, &from_benign].map(|change| self.norm.length(change));
        let bias = (here / (here + there).max(f32::MIN_POSITIVE)).min(MOST_BIAS);
        let pixels = benign.pixels().iter().zip(at.pixels()).zip(from_here.iter().zip(&from_benign));
        let pixels = pixels.map(|((benign, at), (from_here, from_benign))| {
            let [here, there] = [at + EXTRAPOLATION * from_here, benign + EXTRAPOLATION * from_benign];
            ((1.0 - bias) * here + bias * there).clamp(0.0, 1.0)
        });
        at.with_pixels(pixels.collect())
    }
}

/// Nearer to the benign picture or farther off, on the same line.
fn scaled(benign: &Picture, at: &Picture, by: f32) -> Picture {
    let pixels = benign.pixels().iter().zip(at.pixels());
    at.with_pixels(pixels.map(|(benign, at)| (benign + by * (at - benign)).clamp(0.0, 1.0)).collect())
}
