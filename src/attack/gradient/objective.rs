//! Losses of which an attack wants to know the value too.

use crate::attack::{Goal, Loss};

/// Keeps differences of equal logits from dividing by zero.
const TINY: f32 = 1e-12;

/// What is to grow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Objective {
    /// The cross-entropy.
    CrossEntropy(Goal),
    /// The margin of the goal over the distance of the largest logit from the third (Croce, Hein 2020).
    Dlr(Goal),
    /// The margin of class `target` over class `truth`, over the distance of the largest logit from the mean of the
    /// third and the fourth.
    Targeted { truth: usize, target: usize },
}

impl Objective {
    /// The ways to a goal: towards each of `count` likeliest other classes, or the one that is asked for.
    pub fn towards(goal: Goal, logits: &[f32], count: usize) -> Vec<Self> {
        let order = descending(logits);
        match goal {
            Goal::Read(target) => {
                let truth = order.into_iter().find(|&class| class != target);
                truth.map(|truth| Self::Targeted { truth, target }).into_iter().collect()
            }
            Goal::Not(truth) => {
                let others = order.into_iter().filter(|&class| class != truth).take(count);
                others.map(|target| Self::Targeted { truth, target }).collect()
            }
        }
    }

    /// Whether [`Objective::loss`] looks at the logits.
    pub fn needs_logits(self) -> bool {
        !matches!(self, Self::CrossEntropy(_))
    }

    /// Its value at these logits.
    pub fn value(self, logits: &[f32]) -> f32 {
        match self {
            Self::CrossEntropy(goal) => {
                let (class, sign) = goal.loss();
                let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let sum: f32 = logits.iter().map(|logit| (logit - most).exp()).sum();
                sign * (most + sum.ln() - logits[class])
            }
            Self::Dlr(_) | Self::Targeted { .. } => self.ratio(logits).value(),
        }
    }

    /// Its gradient by the logits.
    pub fn loss(self, logits: &[f32]) -> Loss {
        match self {
            Self::CrossEntropy(goal) => Loss::CrossEntropy(goal),
            Self::Dlr(_) | Self::Targeted { .. } => Loss::Linear(self.ratio(logits).gradient(logits.len())),
        }
    }

    fn ratio(self, logits: &[f32]) -> Ratio {
        let order = descending(logits);
        let at = |rank: usize| order[rank.min(order.len() - 1)];
        let difference = |up: usize, down: &[usize]| {
            let share = -1.0 / down.len() as f32;
            let terms = std::iter::once((up, 1.0)).chain(down.iter().map(|&class| (class, share)));
            Difference::new(terms.collect(), logits)
        };
        match self {
            Self::Targeted { truth, target } => {
                Ratio { above: difference(target, &[truth]), below: difference(at(0), &[at(2), at(3)]) }
            }
            Self::CrossEntropy(goal) | Self::Dlr(goal) => {
                let (class, sign) = goal.loss();
                let rival = order.iter().copied().find(|&other| other != class).unwrap_or(class);
                let (up, down) = if sign > 0.0 { (rival, class) } else { (class, rival) };
                Ratio { above: difference(up, &[down]), below: difference(at(0), &[at(2)]) }
            }
        }
    }
}

/// A sum of logits, each times a number.
struct Difference {
    terms: Vec<(usize, f32)>,
    value: f32,
}

impl Difference {
    fn new(terms: Vec<(usize, f32)>, logits: &[f32]) -> Self {
        let value = terms.iter().map(|&(class, factor)| factor * logits[class]).sum();
        Self { terms, value }
    }
}

struct Ratio {
    above: Difference,
    below: Difference,
}

impl Ratio {
    fn value(&self) -> f32 {
        self.above.value / (self.below.value + TINY)
    }

    fn gradient(&self, classes: usize) -> Vec<f32> {
        let mut gradient = vec![0.0; classes];
        let below = self.below.value + TINY;
        self.above.terms.iter().for_each(|&(class, factor)| gradient[class] += factor / below);
        self.below.terms.iter().for_each(|&(class, factor)| gradient[class] -= factor * self.value() / below);
        gradient
    }
}

/// The classes, the likeliest first.
fn descending(logits: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn gradients_are_what_values_do(logits in prop::collection::vec(-3.0f32..3.0, 6), class in 0usize..6) {
            let order = descending(&logits);
            let least = order.windows(2).map(|pair| logits[pair[0]] - logits[pair[1]]).fold(f32::MAX, f32::min);
            prop_assume!(least > 0.05);
            let target = Objective::Targeted { truth: 1, target: 4 };
            for objective in [Objective::Dlr(Goal::Not(2)), Objective::Dlr(Goal::Read(3)), target] {
                let Loss::Linear(gradient) = objective.loss(&logits) else { panic!("not linear") };
                let at = |by: f32| {
                    let mut moved = logits.clone();
                    moved[class] += by;
                    objective.value(&moved)
                };
                let measured = (at(0.01) - at(-0.01)) / 0.02;
                prop_assert!((measured - gradient[class]).abs() < 0.02 * measured.abs().max(1.0));
            }
        }

        #[test]
        fn the_ratio_is_positive_once_the_goal_is_reached(logits in prop::collection::vec(-3.0f32..3.0, 5)) {
            for goal in [Goal::Not(2), Goal::Read(1)] {
                let value = Objective::Dlr(goal).value(&logits);
                prop_assert_eq!(value > 0.0, goal.margin(&logits) > 0.0);
            }
        }
    }
}
