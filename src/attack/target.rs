//! What an attack aims at.

use super::Goal;

/// What the classifier is to be made to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Anything but what it is.
    AnyOther,
    /// The class after the right one.
    Next,
    /// The class that it holds least likely.
    LeastLikely,
    /// This class.
    Class(usize),
}

impl Target {
    /// The goal for a picture of class `truth` to which the classifier gives these scores, one a class.
    pub fn goal(self, truth: usize, scores: &[f32]) -> Goal {
        match self {
            Self::AnyOther => Goal::Not(truth),
            Self::Next => Goal::Read((truth + 1) % scores.len().max(1)),
            Self::LeastLikely => Goal::Read(smallest(scores)),
            Self::Class(class) => Goal::Read(class),
        }
    }
}

/// The class with the smallest score; the first of equals.
fn smallest(scores: &[f32]) -> usize {
    (0..scores.len()).fold(0, |best, index| if scores[index] < scores[best] { index } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_follow_from_what_is_on_the_picture_and_what_is_read() {
        let scores = [0.2, -3.0, 1.0];
        let goals = [Target::AnyOther, Target::Next, Target::LeastLikely, Target::Class(0)];
        let goals = goals.map(|target| target.goal(2, &scores));
        assert_eq!(goals, [Goal::Not(2), Goal::Read(0), Goal::Read(1), Goal::Read(0)]);
    }
}
