//! The Jacobian-based saliency map attack (Papernot et al. 2016): a few values of a few pixels, turned all the way up or
//! down (as Wiyatno, Xu 2018 have it).

use crate::attack::{Attack, AttackError, Goal, Loss, Seed, WhiteBox, largest, pictures};
use crate::tensor::Picture;

/// Values of which all pairs are weighed, the most promising ones alone.
const CANDIDATES: usize = 128;

/// Turns two values at a time, the pair that moves the classifier most towards the target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jsma {
    /// The most values that are turned, as a share of all.
    pub share: f32,
    /// The most steps, two values each.
    pub steps: usize,
}

impl Attack for Jsma {
    fn rounds(&self) -> usize {
        self.steps
    }

    fn gradients_a_round(&self) -> usize {
        2
    }

    fn run(&self, victim: &WhiteBox, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Picture>, AttackError> {
        let start = pictures(seeds);
        let likeliest = victim.logits(&start)?;
        let way = |((picture, seed), logits): ((Picture, &Seed), &Vec<f32>)| {
            let most = (self.share * picture.pixels().len() as f32) as usize;
            Way { turned: vec![false; picture.pixels().len()], picture, target: target(seed.goal, logits), left: most }
        };
        let mut ways: Vec<Way> = start.into_iter().zip(seeds).zip(&likeliest).map(way).collect();
        let mut left: Vec<usize> = (0..seeds.len()).collect();
        for _ in 0..self.steps {
            let twice: Vec<Picture> = left.iter().flat_map(|&at| vec![ways[at].picture.clone(); 2]).collect();
            let losses: Vec<Loss> = left.iter().flat_map(|&at| sides(ways[at].target, victim.classes())).collect();
            let found = victim.gradients(&twice, &losses)?;
            let sides = left.iter().zip(found.chunks_exact(2));
            let goes_on = sides.filter_map(|(&at, sides)| {
                let is_done = seeds[at].goal.is_reached_by(&sides[0].logits);
                (!is_done && ways[at].turn(&sides[0].pixels, &sides[1].pixels)).then_some(at)
            });
            left = goes_on.collect();
            watch();
            if left.is_empty() {
                break;
            }
        }
        Ok(ways.into_iter().map(|way| way.picture).collect())
    }
}

/// The class to be read: the likeliest other one where any will do.
fn target(goal: Goal, logits: &[f32]) -> usize {
    match goal {
        Goal::Read(target) => target,
        Goal::Not(truth) => {
            let mut others = logits.to_vec();
            others[truth] = f32::NEG_INFINITY;
            largest(&others)
        }
    }
}

/// The target's logit, and the sum of all others.
fn sides(target: usize, classes: usize) -> [Loss; 2] {
    let own = |class: usize| f32::from(u8::from(class == target));
    [(0..classes).map(own).collect(), (0..classes).map(|class| 1.0 - own(class)).collect()].map(Loss::Linear)
}

/// How far one seed has come.
struct Way {
    picture: Picture,
    target: usize,
    turned: Vec<bool>,
    /// Values that may still be turned.
    left: usize,
}

impl Way {
    /// Turns the best pair; false where there is none.
    fn turn(&mut self, own: &[f32], others: &[f32]) -> bool {
        let [up, down] = [1.0, -1.0].map(|direction| self.best(own, others, direction));
        let best = [(up, 1.0), (down, 0.0)].into_iter().filter_map(|(pair, end)| Some((pair?, end)));
        let Some(((_, pair), end)) = best.max_by(|a, b| a.0.0.total_cmp(&b.0.0)) else { return false };
        let mut pixels = self.picture.pixels().to_vec();
        for at in pair {
            (pixels[at], self.turned[at]) = (end, true);
        }
        self.picture = self.picture.with_pixels(pixels);
        self.left = self.left.saturating_sub(2);
        true
    }

    /// The pair that raises the target's logit and lowers the others most when both values go in `direction`.
    fn best(&self, own: &[f32], others: &[f32], direction: f32) -> Option<(f32, [usize; 2])> {
        if self.left < 2 {
            return None;
        }
        let end = if direction > 0.0 { 1.0 } else { 0.0 };
        let can_move = |&at: &usize| !self.turned[at] && self.picture.pixels()[at] != end;
        let gain = |at: usize| direction * (own[at] - others[at]);
        let mut free: Vec<usize> = (0..own.len()).filter(can_move).collect();
        let count = CANDIDATES.min(free.len());
        if count < 2 {
            return None;
        }
        free.select_nth_unstable_by(count - 1, |&a, &b| gain(b).total_cmp(&gain(a)).then(a.cmp(&b)));
        free.truncate(count);
        free.sort_unstable();
        let pairs = free.iter().enumerate().flat_map(|(index, &a)| free[index + 1..].iter().map(move |&b| [a, b]));
        let saliency = |[a, b]: [usize; 2]| {
            let (rise, fall) = (direction * (own[a] + own[b]), -direction * (others[a] + others[b]));
            (rise > 0.0 && fall > 0.0).then_some((rise * fall, [a, b]))
        };
        pairs.filter_map(saliency).max_by(|a, b| a.0.total_cmp(&b.0))
    }
}
