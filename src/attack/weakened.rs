//! As little of an attack as still reaches its goal.

use super::{AttackError, Seed, WhiteBox};
use crate::tensor::{Picture, quantised};

/// Bisections of the way from a benign picture to what was made of it.
const HALVINGS: usize = 5;

/// What was made of each seed, brought back towards it as far as the goal stays reached; as it is where it never was.
///
/// # Errors
/// When ONNX Runtime fails.
pub fn weakened(victim: &WhiteBox, seeds: &[Seed], made: Vec<Picture>) -> Result<Vec<Picture>, AttackError> {
    let mut nearest = made.clone();
    let mut reached = vec![1.0; seeds.len()];
    let mut failed = vec![0.0; seeds.len()];
    for _ in 0..HALVINGS {
        let halfway: Vec<f32> = failed.iter().zip(&reached).map(|(&low, &high)| f32::midpoint(low, high)).collect();
        let pairs = seeds.iter().zip(&made).zip(&halfway);
        let tried: Vec<Picture> = pairs.map(|((seed, made), &share)| between(&seed.picture, made, share)).collect();
        let answers = victim.logits(&tried)?;
        for (at, (picture, logits)) in tried.into_iter().zip(answers).enumerate() {
            if seeds[at].goal.is_reached_by(&logits) {
                (nearest[at], reached[at]) = (picture, halfway[at]);
            } else {
                failed[at] = halfway[at];
            }
        }
    }
    Ok(nearest)
}

/// The picture at this share of the way from one to the other, rounded to its depth.
fn between(from: &Picture, to: &Picture, share: f32) -> Picture {
    let pairs = from.pixels().iter().zip(to.pixels());
    quantised(&from.with_pixels(pairs.map(|(from, to)| from + share * (to - from)).collect()))
}
