//! Where attacks begin that see no scores: at pictures on which the goal is reached, however far off.

use rand::{Rng, RngExt};

use crate::attack::{AttackError, Norm, Oracle, Seed, change};
use crate::tensor::{Picture, quantised};

/// Other seeds that are tried, then pictures of noise.
const OTHERS: usize = 8;
const NOISES: usize = 8;

/// For one seed: the nearest other seed that reaches the goal, or else noise that does; with the questions it took.
pub(super) fn start(
    oracle: &mut dyn Oracle,
    seeds: &[Seed],
    index: usize,
    random: &mut impl Rng,
) -> Result<(Option<Picture>, usize), AttackError> {
    let seed = &seeds[index];
    let mut others: Vec<(f32, &Picture)> = (0..seeds.len())
        .filter(|&other| other != index && seeds[other].goal != seed.goal)
        .map(|other| (Norm::L2.length(&change(&seed.picture, &seeds[other].picture)), &seeds[other].picture))
        .collect();
    others.sort_by(|a, b| a.0.total_cmp(&b.0));
    let others = others.into_iter().take(OTHERS).map(|(_, picture)| picture.clone());
    let mut tried: Vec<Picture> = others.collect();
    tried.extend((0..NOISES).map(|_| {
        let noise = (0..seed.picture.pixels().len()).map(|_| random.random_range(0.0..=1.0));
        quantised(&seed.picture.with_pixels(noise.collect()))
    }));
    let answers = oracle.ask(&tried)?;
    let queries = tried.len();
    let found = tried.into_iter().zip(answers).find(|(_, answer)| answer.reaches(seed.goal));
    Ok((found.map(|(picture, _)| picture), queries))
}
