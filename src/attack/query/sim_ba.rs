//! SimBA (Guo et al. 2019): one direction after the other, each kept if it helps.

use std::f32::consts::PI;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::attack::{Answer, AttackError, Goal, Made, Oracle, QueryAttack, Seed};
use crate::tensor::{Picture, quantised};

/// Directions are waves of low frequency (of the discrete cosine transform), which classifiers listen to most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimBa {
    /// Length of a step in L2.
    pub step: f32,
    /// The share of the frequencies, from the lowest on, of each side.
    pub frequencies: f32,
    /// The most questions for one picture.
    pub queries: usize,
    /// Seed of the directions' order.
    pub seed: u64,
}

impl QueryAttack for SimBa {
    fn rounds(&self, _: usize) -> usize {
        self.queries
    }

    fn queries(&self) -> usize {
        self.queries
    }

    fn run(&self, oracle: &mut dyn Oracle, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Made>, AttackError> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut order = |seed: &Seed| {
            let mut waves = waves(&seed.picture, self.frequencies);
            for last in (1..waves.len()).rev() {
                waves.swap(last, random.random_range(0..=last));
            }
            waves
        };
        let mut climbs: Vec<Climb> = seeds.iter().map(|seed| Climb::new(seed, order(seed))).collect();
        for _ in 0..self.queries {
            let mut left: Vec<&mut Climb> = climbs.iter_mut().filter(|climb| !climb.is_over()).collect();
            if left.is_empty() {
                break;
            }
            let proposed: Vec<Picture> = left.iter().map(|climb| climb.propose(self.step)).collect();
            let answers = oracle.ask(&proposed.iter().map(quantised).collect::<Vec<_>>())?;
            let seen = left.iter_mut().zip(proposed).zip(answers);
            seen.for_each(|((climb, picture), answer)| climb.see(picture, &answer));
            watch();
        }
        let made = climbs.into_iter().map(|climb| Made { picture: quantised(&climb.at), queries: climb.queries });
        Ok(made.collect())
    }
}

/// A wave of one channel: its half-periods down and across.
#[derive(Debug, Clone, Copy)]
struct Wave {
    channel: usize,
    down: usize,
    across: usize,
}

fn waves(picture: &Picture, share: f32) -> Vec<Wave> {
    let count = |side: usize| ((share * side as f32).ceil() as usize).clamp(1, side);
    let (rows, columns) = (count(picture.height()), count(picture.width()));
    let all = (0..picture.channels()).flat_map(|channel| {
        (0..rows).flat_map(move |down| (0..columns).map(move |across| Wave { channel, down, across }))
    });
    all.collect()
}

impl Wave {
    /// `picture` and so much of this wave, which is of length one.
    fn added(self, picture: &Picture, length: f32) -> Picture {
        let (height, width) = (picture.height(), picture.width());
        let cosine = |half_periods: usize, sides: usize| -> Vec<f32> {
            let norm = if half_periods == 0 { 1.0 } else { 2.0f32 } / sides as f32;
            (0..sides)
                .map(|at| norm.sqrt() * (PI * half_periods as f32 * (at as f32 + 0.5) / sides as f32).cos())
                .collect()
        };
        let (down, across) = (cosine(self.down, height), cosine(self.across, width));
        let mut pixels = picture.pixels().to_vec();
        let area = height * width;
        for (row, pixels) in pixels[self.channel * area..][..area].chunks_exact_mut(width).enumerate() {
            for (pixel, across) in pixels.iter_mut().zip(&across) {
                *pixel = (*pixel + length * down[row] * across).clamp(0.0, 1.0);
            }
        }
        picture.with_pixels(pixels)
    }
}

/// The way of one seed.
struct Climb {
    goal: Goal,
    at: Picture,
    margin: f32,
    waves: std::vec::IntoIter<Wave>,
    current: Option<Wave>,
    /// Whether the current wave was tried one way already.
    is_turned: bool,
    reached: bool,
    queries: usize,
}

impl Climb {
    fn new(seed: &Seed, waves: Vec<Wave>) -> Self {
        let mut waves = waves.into_iter();
        let current = waves.next();
        Self {
            goal: seed.goal,
            at: seed.picture.clone(),
            margin: f32::NEG_INFINITY,
            waves,
            current,
            is_turned: false,
            reached: false,
            queries: 0,
        }
    }

    fn is_over(&self) -> bool {
        self.reached || self.current.is_none()
    }

    /// The benign picture itself first, so that its margin is known.
    fn propose(&self, step: f32) -> Picture {
        match self.current {
            Some(wave) if self.queries > 0 => wave.added(&self.at, if self.is_turned { -step } else { step }),
            _ => self.at.clone(),
        }
    }

    fn see(&mut self, picture: Picture, answer: &Answer) {
        let is_first = self.queries == 0;
        self.queries += 1;
        let margin = match answer {
            Answer::Scores(scores) => self.goal.margin(scores),
            Answer::Refused => f32::NEG_INFINITY,
        };
        let helps = margin > self.margin;
        if helps {
            (self.at, self.margin) = (picture, margin);
            self.reached = answer.reaches(self.goal);
        }
        if is_first {
            return;
        }
        if helps || self.is_turned {
            self.current = self.waves.next();
        }
        self.is_turned = !helps && !self.is_turned;
    }
}
