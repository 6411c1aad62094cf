//! Natural evolution strategies (Ilyas et al. 2018): gradient steps, the gradient being estimated from answers.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::attack::{Answer, AttackError, Ball, Made, Oracle, QueryAttack, Seed, sign};
use crate::tensor::{Picture, quantised};

/// Steps within a ball, each from pairs of questions on either side of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nes {
    /// Largest change of a pixel.
    pub eps: f32,
    /// Change of a pixel in one step.
    pub step: f32,
    /// How far off the picture is asked about, a pixel; more than a grey level, or rounding would swallow it.
    pub spread: f32,
    /// Pairs of questions for each step.
    pub pairs: usize,
    /// The most questions for one picture.
    pub queries: usize,
    /// Seed of the questions.
    pub seed: u64,
}

impl QueryAttack for Nes {
    fn rounds(&self, _: usize) -> usize {
        self.queries / (2 * self.pairs + 1)
    }

    fn queries(&self) -> usize {
        self.queries
    }

    fn run(&self, oracle: &mut dyn Oracle, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Made>, AttackError> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut made: Vec<Made> = seeds.iter().map(|seed| Made { picture: seed.picture.clone(), queries: 0 }).collect();
        let mut left: Vec<usize> = (0..seeds.len()).collect();
        for _ in 0..self.rounds(seeds.len()) {
            let directions: Vec<Vec<f32>> = left
                .iter()
                .flat_map(|&at| std::iter::repeat_n(seeds[at].picture.pixels().len(), self.pairs))
                .map(|len| (0..len).map(|_| if random.random_bool(0.5) { 1.0 } else { -1.0 }).collect())
                .collect();
            let probes = left.iter().flat_map(|&at| std::iter::repeat_n(at, self.pairs)).zip(&directions);
            let probes: Vec<Picture> = probes
                .flat_map(|(at, direction)| {
                    [1.0, -1.0].map(|side| moved(&made[at].picture, direction, side * self.spread))
                })
                .map(|picture| quantised(&picture))
                .collect();
            let answers = oracle.ask(&probes)?;
            let of_seeds = answers.chunks_exact(2 * self.pairs).zip(directions.chunks_exact(self.pairs));
            for (&at, (answers, directions)) in left.iter().zip(of_seeds) {
                let slope = slope(&seeds[at], answers, directions);
                let ahead = moved(&made[at].picture, &slope, self.step);
                made[at].picture = Ball::linf(self.eps).inside(&seeds[at].picture, ahead.pixels().iter().copied());
                made[at].queries += 2 * self.pairs + 1;
            }
            let now: Vec<Picture> = left.iter().map(|&at| quantised(&made[at].picture)).collect();
            let answers = oracle.ask(&now)?;
            let going = left.into_iter().zip(answers).filter(|(at, answer)| !answer.reaches(seeds[*at].goal));
            left = going.map(|(at, _)| at).collect();
            watch();
            if left.is_empty() {
                break;
            }
        }
        made.iter_mut().for_each(|made| made.picture = quantised(&made.picture));
        Ok(made)
    }
}

fn moved(picture: &Picture, heading: &[f32], by: f32) -> Picture {
    let pixels = picture.pixels().iter().zip(heading);
    picture.with_pixels(pixels.map(|(pixel, heading)| (pixel + by * heading).clamp(0.0, 1.0)).collect())
}

/// The signs of the slope. A pair of which one side was refused tells nothing.
fn slope(seed: &Seed, answers: &[Answer], directions: &[Vec<f32>]) -> Vec<f32> {
    let mut slope = vec![0.0; seed.picture.pixels().len()];
    for (sides, direction) in answers.chunks_exact(2).zip(directions) {
        if let [Answer::Scores(ahead), Answer::Scores(behind)] = sides {
            let rise = seed.goal.margin(ahead) - seed.goal.margin(behind);
            slope.iter_mut().zip(direction).for_each(|(slope, direction)| *slope += rise * direction);
        }
    }
    slope.into_iter().map(sign).collect()
}
