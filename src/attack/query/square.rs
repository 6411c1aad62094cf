//! Square Attack (Andriushchenko et al. 2020): random squares, each kept if it helps.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::attack::{Answer, AttackError, Ball, Made, Oracle, QueryAttack, Seed};
use crate::tensor::{Picture, quantised};

/// After so many of ten thousand queries the squares' share of the picture is halved.
const HALVINGS: [f32; 8] = [10.0, 50.0, 200.0, 500.0, 1_000.0, 2_000.0, 4_000.0, 6_000.0];
const OF_QUERIES: f32 = 10_000.0;

/// Changes every pixel by `eps`, up or down, a square at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Square {
    /// Change of a pixel, pixels being in [0, 1].
    pub eps: f32,
    /// The most questions for one picture.
    pub queries: usize,
    /// The share of the picture that the first squares cover.
    pub share: f32,
    /// Seed of the squares.
    pub seed: u64,
}

impl QueryAttack for Square {
    fn rounds(&self, _: usize) -> usize {
        self.queries
    }

    fn queries(&self) -> usize {
        self.queries
    }

    fn run(&self, oracle: &mut dyn Oracle, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Made>, AttackError> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut climbs: Vec<Climb> = seeds.iter().map(Climb::new).collect();
        for query in 0..self.queries {
            let mut left: Vec<&mut Climb> = climbs.iter_mut().filter(|climb| !climb.reached).collect();
            if left.is_empty() {
                break;
            }
            let side = |climb: &Climb| self.side(climb.seed, query);
            let proposed = left.iter().map(|climb| match &climb.best {
                None => self.stripes(climb.seed, &mut random),
                Some(best) => self.square(climb.seed, best, side(climb), &mut random),
            });
            let proposed: Vec<Picture> = proposed.collect();
            let answers = oracle.ask(&proposed)?;
            left.iter_mut()
                .zip(proposed)
                .zip(answers)
                .for_each(|((climb, picture), answer)| climb.see(picture, &answer));
            watch();
        }
        Ok(climbs.into_iter().map(Climb::made).collect())
    }
}

impl Square {
    /// Side of the squares of this query, in pixels.
    fn side(&self, seed: &Seed, query: usize) -> usize {
        let at = OF_QUERIES * query as f32 / self.queries as f32;
        let halvings = HALVINGS.iter().filter(|&&halving| at > halving).count();
        let (height, width) = (seed.picture.height(), seed.picture.width());
        let area = self.share * 0.5f32.powi(i32::try_from(halvings).unwrap_or(i32::MAX)) * (height * width) as f32;
        (area.sqrt().round() as usize).clamp(1, (height.min(width) - 1).max(1))
    }

    /// Every column of every channel up or down.
    fn stripes(&self, seed: &Seed, random: &mut impl Rng) -> Picture {
        let benign = &seed.picture;
        let width = benign.width();
        let signs: Vec<f32> = (0..benign.channels() * width).map(|_| self.up_or_down(random)).collect();
        let area = benign.height() * width;
        let pixels = benign.pixels().iter().enumerate();
        let moved = pixels.map(|(at, pixel)| pixel + signs[at / area * width + at % width]);
        quantised(&Ball::linf(self.eps).inside(benign, moved))
    }

    /// `best` with one square of every channel up or down.
    fn square(&self, seed: &Seed, best: &Picture, side: usize, random: &mut impl Rng) -> Picture {
        let benign = &seed.picture;
        let (height, width) = (benign.height(), benign.width());
        let top = random.random_range(0..=height.saturating_sub(side));
        let left = random.random_range(0..=width.saturating_sub(side));
        let mut pixels = best.pixels().to_vec();
        for (plane, original) in pixels.chunks_exact_mut(height * width).zip(benign.planes()) {
            let change = self.up_or_down(random);
            for row in top..(top + side).min(height) {
                let columns = row * width + left..row * width + (left + side).min(width);
                plane[columns.clone()]
                    .iter_mut()
                    .zip(&original[columns])
                    .for_each(|(pixel, benign)| *pixel = benign + change);
            }
        }
        quantised(&Ball::linf(self.eps).inside(benign, pixels))
    }

    fn up_or_down(&self, random: &mut impl Rng) -> f32 {
        if random.random_bool(0.5) { self.eps } else { -self.eps }
    }
}

/// The way of one seed.
struct Climb<'a> {
    seed: &'a Seed,
    best: Option<Picture>,
    margin: f32,
    reached: bool,
    queries: usize,
}

impl<'a> Climb<'a> {
    fn new(seed: &'a Seed) -> Self {
        Self { seed, best: None, margin: f32::NEG_INFINITY, reached: false, queries: 0 }
    }

    fn see(&mut self, picture: Picture, answer: &Answer) {
        self.queries += 1;
        let Answer::Scores(scores) = answer else { return };
        let margin = self.seed.goal.margin(scores);
        if margin > self.margin {
            (self.best, self.margin) = (Some(picture), margin);
            self.reached = answer.reaches(self.seed.goal);
        }
    }

    fn made(self) -> Made {
        Made { picture: self.best.unwrap_or_else(|| quantised(&self.seed.picture)), queries: self.queries }
    }
}
