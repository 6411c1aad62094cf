//! The most recent scores.

use std::collections::VecDeque;

/// How many of them are looked at.
const WINDOW: usize = 1000;
/// Fewer say nothing.
const FEWEST: usize = 100;
/// They are looked at once in so many scores, since a look takes far longer than adding one.
const LOOK_EVERY: usize = 50;

/// A window over recent scores, in the order of their arrival.
#[derive(Debug, Default)]
pub struct Window {
    recent: VecDeque<f64>,
    since_look: usize,
}

impl Window {
    /// Takes a score in; the oldest of a full window goes. Where it is time for a look, all that the window holds:
    /// 100 to 1000 scores, in any order.
    pub fn add(&mut self, score: f64) -> Option<Vec<f64>> {
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(score);
        self.since_look += 1;
        if self.recent.len() < FEWEST || self.since_look < LOOK_EVERY {
            return None;
        }
        self.since_look = 0;
        Some(self.recent.iter().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_due_at_a_hundred_scores_and_then_every_fifty() {
        let mut window = Window::default();
        let looks = (1..=1200).map(|score| window.add(f64::from(score))).enumerate();
        let looks: Vec<(usize, Vec<f64>)> = looks.filter_map(|(index, look)| Some((index + 1, look?))).collect();
        let times: Vec<usize> = looks.iter().map(|(time, _)| *time).collect();
        assert_eq!(times, Vec::from_iter((100..=1200).step_by(50)));
        assert!(looks.iter().all(|(time, look)| look.len() == (*time).min(WINDOW)));
        assert_eq!(looks.last().map(|(_, look)| look[0]), Some(201.0), "the oldest have gone");
    }
}
