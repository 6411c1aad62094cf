//! Turned and moved pictures (Engstrom et al. 2019): nothing is added to them at all.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::attack::warp::Warp;
use crate::attack::{Answer, AttackError, Made, Oracle, QueryAttack, Seed};
use crate::tensor::{Picture, quantised};

/// The worst of some random turns and moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spatial {
    /// The most it is turned either way, in degrees.
    pub turn: f32,
    /// The most it is moved either way, as a share of its side.
    pub shift: f32,
    /// The most questions for one picture.
    pub queries: usize,
    /// Seed of turns and moves.
    pub seed: u64,
}

impl QueryAttack for Spatial {
    fn rounds(&self, _: usize) -> usize {
        self.queries
    }

    fn queries(&self) -> usize {
        self.queries
    }

    fn moves_pixels(&self) -> bool {
        true
    }

    fn run(&self, oracle: &mut dyn Oracle, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Made>, AttackError> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut made: Vec<Made> =
            seeds.iter().map(|seed| Made { picture: quantised(&seed.picture), queries: 0 }).collect();
        let mut best = vec![f32::NEG_INFINITY; seeds.len()];
        let mut left: Vec<usize> = (0..seeds.len()).collect();
        for _ in 0..self.queries {
            let mut within = |most: f32| random.random_range(-most..=most);
            let tried: Vec<Picture> = left
                .iter()
                .map(|&at| {
                    let picture = &seeds[at].picture;
                    let sides = [picture.width(), picture.height()].map(|side| side as f32);
                    let middle = sides.map(|side| (side - 1.0) / 2.0);
                    let to = [0, 1].map(|axis| middle[axis] + within(self.shift) * sides[axis]);
                    quantised(&Warp::new(within(self.turn), 1.0, middle, to).apply(picture))
                })
                .collect();
            let answers = oracle.ask(&tried)?;
            for ((&at, picture), answer) in left.iter().zip(tried).zip(&answers) {
                made[at].queries += 1;
                let Answer::Scores(scores) = answer else { continue };
                let margin = seeds[at].goal.margin(scores);
                if margin > best[at] {
                    (made[at].picture, best[at]) = (picture, margin);
                }
            }
            left = left
                .into_iter()
                .zip(&answers)
                .filter(|(at, answer)| !answer.reaches(seeds[*at].goal))
                .map(|(at, _)| at)
                .collect();
            watch();
            if left.is_empty() {
                break;
            }
        }
        Ok(made)
    }
}
