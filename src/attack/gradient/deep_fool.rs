//! DeepFool (Moosavi-Dezfooli et al. 2016): step by step over the nearest boundary of a classifier taken for linear.

use super::planes::{Plane, surroundings};
use crate::attack::{Attack, AttackError, Goal, Norm, Seed, WhiteBox, pictures};
use crate::tensor::{Picture, quantised};

/// Carries a step over a boundary that it has reached.
const TINY: f32 = 1e-4;
/// What the overshoot grows by where the boundary is passed, but rounding takes the picture back.
const GROWTH: f32 = 2.0;

/// Goes on until the rounded picture is over the boundary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeepFool {
    /// By which share of the way it goes beyond the boundary.
    pub overshoot: f32,
    /// The most steps.
    pub steps: usize,
    /// How many likeliest other classes are looked at.
    pub rivals: usize,
}

impl Attack for DeepFool {
    fn rounds(&self) -> usize {
        self.steps
    }

    fn gradients_a_round(&self) -> usize {
        self.rivals + 1
    }

    fn run(&self, victim: &WhiteBox, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Picture>, AttackError> {
        let mut made = pictures(seeds);
        let way =
            |index: usize| Way { index, overshoot: self.overshoot, change: vec![0.0; made[index].pixels().len()] };
        let mut ways: Vec<Way> = (0..seeds.len()).map(way).collect();
        for _ in 0..self.steps {
            let at: Vec<Picture> = ways.iter().map(|way| way.picture(&seeds[way.index], 0.0)).collect();
            let goals: Vec<Goal> = ways.iter().map(|way| seeds[way.index].goal).collect();
            let around = surroundings(victim, &at, &goals, self.rivals)?;
            for (way, around) in ways.iter_mut().zip(&around) {
                way.step(&around.planes, seeds[way.index].goal.is_reached_by(&around.logits));
                made[way.index] = quantised(&way.picture(&seeds[way.index], way.overshoot));
            }
            let rounded: Vec<Picture> = ways.iter().map(|way| made[way.index].clone()).collect();
            let reads = victim.logits(&rounded)?;
            let left = ways.into_iter().zip(reads).filter(|(way, logits)| !seeds[way.index].goal.is_reached_by(logits));
            ways = left.map(|(way, _)| way).collect();
            watch();
            if ways.is_empty() {
                break;
            }
        }
        Ok(made)
    }
}

/// How far one seed has come.
struct Way {
    index: usize,
    overshoot: f32,
    change: Vec<f32>,
}

impl Way {
    fn picture(&self, seed: &Seed, overshoot: f32) -> Picture {
        let moved = seed.picture.pixels().iter().zip(&self.change);
        seed.picture
            .with_pixels(moved.map(|(benign, change)| (benign + (1.0 + overshoot) * change).clamp(0.0, 1.0)).collect())
    }

    /// Onto the nearest plane; a way that is over it already only overshoots more.
    fn step(&mut self, planes: &[Plane], is_over: bool) {
        if is_over {
            self.overshoot *= GROWTH;
            return;
        }
        let length = |plane: &Plane| Norm::L2.length(&plane.slope).max(f32::MIN_POSITIVE);
        let far = |plane: &Plane| plane.distance.abs() / length(plane);
        let Some(nearest) = planes.iter().min_by(|a, b| far(a).total_cmp(&far(b))) else { return };
        let by = (nearest.distance.abs() + TINY) / length(nearest).powi(2);
        self.change.iter_mut().zip(&nearest.slope).for_each(|(change, slope)| *change += by * slope);
    }
}
