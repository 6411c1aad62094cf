//! A classifier taken for linear around a picture.

use crate::attack::{AttackError, Goal, Loss, WhiteBox};
use crate::tensor::Picture;

/// Where one other class would be read.
pub(super) struct Plane {
    /// The logit that is to fall minus the one that is to rise: negative on the far side.
    pub distance: f32,
    /// How the difference falls with each pixel.
    pub slope: Vec<f32>,
}

/// What surrounds a picture.
pub(super) struct Surroundings {
    pub logits: Vec<f32>,
    pub planes: Vec<Plane>,
}

/// The planes around each picture: of the `rivals` likeliest other classes where any of them will do, of the class to be
/// read and the likeliest other where it is one.
pub(super) fn surroundings(
    victim: &WhiteBox,
    pictures: &[Picture],
    goals: &[Goal],
    rivals: usize,
) -> Result<Vec<Surroundings>, AttackError> {
    let logits = victim.logits(pictures)?;
    let pairs: Vec<Vec<(usize, usize)>> =
        goals.iter().zip(&logits).map(|(goal, logits)| pairs(*goal, logits, rivals)).collect();
    let (mut asked, mut losses) = (Vec::new(), Vec::new());
    for (picture, pairs) in pictures.iter().zip(&pairs) {
        for &(down, up) in pairs {
            let mut factors = vec![0.0; victim.classes()];
            (factors[up], factors[down]) = (1.0, -1.0);
            asked.push(picture.clone());
            losses.push(Loss::Linear(factors));
        }
    }
    let mut gradients = victim.gradients(&asked, &losses)?.into_iter();
    let around = logits.into_iter().zip(pairs).map(|(logits, pairs)| {
        let planes = pairs.into_iter().zip(gradients.by_ref());
        let planes = planes
            .map(|((down, up), found)| Plane { distance: logits[down] - logits[up], slope: found.pixels })
            .collect();
        Surroundings { logits, planes }
    });
    Ok(around.collect())
}

/// The classes whose logits are to fall and to rise.
fn pairs(goal: Goal, logits: &[f32], rivals: usize) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    match goal {
        Goal::Not(truth) => {
            order.into_iter().filter(|&class| class != truth).take(rivals).map(|up| (truth, up)).collect()
        }
        Goal::Read(target) => {
            order.into_iter().find(|&class| class != target).map(|down| (down, target)).into_iter().collect()
        }
    }
}
