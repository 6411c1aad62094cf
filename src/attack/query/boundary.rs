//! The boundary attack (Brendel et al. 2018): a random walk along the boundary, ever nearer to the benign picture.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::start::start;
use crate::attack::{AttackError, Made, Norm, Oracle, QueryAttack, Seed, change};
use crate::tensor::{Picture, quantised};

/// First lengths of a step around the benign picture and towards it, as shares of the distance.
const AROUND: f32 = 0.1;
const TOWARDS: f32 = 0.05;
/// What a length grows by after a step that was taken, and shrinks by after one that was not.
const LONGER: f32 = 1.15;
const SHORTER: f32 = 0.9;
/// Lengths as shares of the distance stay between these.
const LENGTHS: [f32; 2] = [0.002, 0.5];

/// Steps that are taken as long as the goal stays reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Boundary {
    /// The most questions for one picture.
    pub queries: usize,
    /// Seed of starts and steps.
    pub seed: u64,
}

impl QueryAttack for Boundary {
    fn rounds(&self, _: usize) -> usize {
        self.queries
    }

    fn queries(&self) -> usize {
        self.queries
    }

    fn comes_from_afar(&self) -> bool {
        true
    }

    fn run(&self, oracle: &mut dyn Oracle, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Made>, AttackError> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut walks = Vec::with_capacity(seeds.len());
        for (index, seed) in seeds.iter().enumerate() {
            let (at, queries) = start(oracle, seeds, index, &mut random)?;
            walks.push(Walk { seed, at, queries, around: AROUND, towards: TOWARDS });
        }
        for _ in 0..self.queries {
            let mut going: Vec<&mut Walk> =
                walks.iter_mut().filter(|walk| walk.at.is_some() && walk.queries < self.queries).collect();
            if going.is_empty() {
                break;
            }
            let proposed: Vec<Picture> = going.iter().filter_map(|walk| walk.propose(&mut random)).collect();
            let answers = oracle.ask(&proposed)?;
            for ((walk, picture), answer) in going.iter_mut().zip(proposed).zip(answers) {
                walk.see(picture, answer.reaches(walk.seed.goal));
            }
            watch();
        }
        let made = walks.into_iter().map(|walk| Made {
            picture: walk.at.unwrap_or_else(|| quantised(&walk.seed.picture)),
            queries: walk.queries,
        });
        Ok(made.collect())
    }
}

/// The way of one seed.
struct Walk<'a> {
    seed: &'a Seed,
    /// Where the goal is reached.
    at: Option<Picture>,
    queries: usize,
    around: f32,
    towards: f32,
}

impl Walk<'_> {
    /// A step around the benign picture, at the same distance, then one towards it.
    fn propose(&self, random: &mut impl Rng) -> Option<Picture> {
        let at = self.at.as_ref()?;
        let so_far = change(&self.seed.picture, at);
        let far = Norm::L2.length(&so_far);
        let noise: Vec<f32> = (0..so_far.len()).map(|_| random.random_range(-1.0..=1.0)).collect();
        let by = self.around * far / Norm::L2.length(&noise).max(f32::MIN_POSITIVE);
        let moved: Vec<f32> = so_far.iter().zip(&noise).map(|(change, noise)| change + by * noise).collect();
        let to_length = (1.0 - self.towards) * far / Norm::L2.length(&moved).max(f32::MIN_POSITIVE);
        let pixels = self.seed.picture.pixels().iter().zip(&moved);
        let pixels = pixels.map(|(benign, change)| (benign + to_length * change).clamp(0.0, 1.0));
        Some(quantised(&at.with_pixels(pixels.collect())))
    }

    fn see(&mut self, picture: Picture, reaches: bool) {
        self.queries += 1;
        let distance = |picture: &Picture| Norm::L2.length(&change(&self.seed.picture, picture));
        let nearer = self.at.as_ref().is_none_or(|at| distance(&picture) < distance(at));
        let by = if reaches { LONGER } else { SHORTER };
        let [least, most] = LENGTHS;
        self.around = (self.around * by).clamp(least, most);
        self.towards = (self.towards * by).clamp(least, most);
        if reaches && nearer {
            self.at = Some(picture);
        }
    }
}
