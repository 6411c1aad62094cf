//! Greedy forward selection: which few of many candidates tell adversarial from benign inputs best together.

use serde::Serialize;

use crate::detect::Ranks;

/// The false-positive rate at which candidates are compared.
pub const SELECTION_RATE: f64 = 0.05;

/// The least that a candidate must add to be worth a prediction: half a percentage point.
pub const LEAST_GAIN: f64 = 0.005;

/// The raw scores that candidates gave: a row a picture, a column a candidate, never negative.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateScores {
    /// Of benign pictures, at least 19 of them; with fewer nothing is flagged at [`SELECTION_RATE`].
    pub benign: Vec<Vec<f64>>,
    /// Of the successful pictures of each attack.
    pub attacks: Vec<Vec<Vec<f64>>>,
}

/// What is found at [`SELECTION_RATE`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Power {
    /// The true-positive rate on each attack, 0 to 1.
    pub by_attack: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// The smallest of them.
    pub worst: f64,
}

impl Power {
    fn of(by_attack: Vec<f64>) -> Self {
        let mean = by_attack.iter().sum::<f64>() / by_attack.len().max(1) as f64;
        let worst = by_attack.iter().copied().reduce(f64::min).unwrap_or(0.0);
        Self { by_attack, mean, worst }
    }

    /// What a selection raises: the mean of [`Power::mean`] and [`Power::worst`], 0 to 1.
    pub fn objective(&self) -> f64 {
        f64::midpoint(self.mean, self.worst)
    }
}

impl CandidateScores {
    /// What some candidates find together: their joint score is the largest of theirs, as in
    /// [`FeatureSqueezing`](crate::detect::FeatureSqueezing).
    pub fn power(&self, together: &[usize]) -> Power {
        let joint = |row: &Vec<f64>| together.iter().map(|&candidate| row[candidate]).fold(0.0, f64::max);
        let ranks = Ranks::new(self.benign.iter().map(joint).collect());
        let threshold = ranks.ok().and_then(|ranks| ranks.threshold(SELECTION_RATE)).unwrap_or(f64::INFINITY);
        let found = |rows: &Vec<Vec<f64>>| {
            let above = rows.iter().filter(|row| joint(row) > threshold).count();
            above as f64 / rows.len().max(1) as f64
        };
        Power::of(self.attacks.iter().map(found).collect())
    }

    /// How much each candidate would raise the objective beside those that are `chosen`.
    fn gains(&self, chosen: &[usize]) -> Vec<f64> {
        let reached = self.power(chosen).objective();
        let candidates = self.benign.first().map_or(0, Vec::len);
        (0..candidates).map(|candidate| self.power(&[chosen, &[candidate]].concat()).objective() - reached).collect()
    }
}

/// Which candidates were chosen, and why the others were not.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The chosen candidates, in the order of the choice.
    chosen: Vec<usize>,
    /// What each candidate would have added beside none of the chosen, beside the first of them, and so on to all.
    gains: Vec<Vec<f64>>,
}

/// What became of a candidate. Gains are of the objective, so that 0.01 is one percentage point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// It was chosen.
    Chosen {
        /// In which round, from 1.
        round: usize,
        /// What it added then.
        gain: f64,
    },
    /// It would add something, but the budget was used up.
    OverBudget {
        /// What it would add.
        gain: f64,
    },
    /// It would add less than [`LEAST_GAIN`], or even take something off.
    Redundant {
        /// The chosen candidate that made it so; `None` where it finds nothing even by itself.
        beside: Option<usize>,
        /// What it would add.
        gain: f64,
    },
}

/// Chooses at most `budget` candidates, one a round: the one that raises the objective most beside those chosen so far,
/// the first of equals, until none adds [`LEAST_GAIN`].
pub fn select(scores: &CandidateScores, budget: usize) -> Selection {
    let mut selection = Selection { chosen: Vec::new(), gains: vec![scores.gains(&[])] };
    while selection.chosen.len() < budget
        && let Some(best) = selection.best()
    {
        selection.chosen.push(best);
        selection.gains.push(scores.gains(&selection.chosen));
    }
    selection
}

impl Selection {
    /// The chosen candidates, in the order of the choice.
    pub fn chosen(&self) -> &[usize] {
        &self.chosen
    }

    /// What became of `candidate`.
    pub fn verdict(&self, candidate: usize) -> Verdict {
        if let Some(round) = self.chosen.iter().position(|&chosen| chosen == candidate) {
            return Verdict::Chosen { round: round + 1, gain: self.gains[round][candidate] };
        }
        let gain = self.gains[self.chosen.len()][candidate];
        if gain >= LEAST_GAIN {
            return Verdict::OverBudget { gain };
        }
        let last_useful = self.gains.iter().rposition(|gains| gains[candidate] >= LEAST_GAIN);
        Verdict::Redundant { beside: last_useful.map(|round| self.chosen[round]), gain }
    }

    /// The candidate that adds most beside the chosen ones, if it adds enough.
    fn best(&self) -> Option<usize> {
        let gains = self.gains.last()?;
        let better = |best: usize, other: usize| if gains[other] > gains[best] { other } else { best };
        (0..gains.len()).reduce(better).filter(|&best| gains[best] >= LEAST_GAIN)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Forty benign pictures that move nobody, and one attack a row: for each of its pictures, who is moved by it.
    fn scores(candidates: usize, attacks: &[&[&[usize]]]) -> CandidateScores {
        let moved = |who: &&[usize]| (0..candidates).map(|one| if who.contains(&one) { 1.0 } else { 0.0 }).collect();
        CandidateScores {
            benign: vec![vec![0.1; candidates]; 40],
            attacks: attacks.iter().map(|pictures| pictures.iter().map(moved).collect()).collect(),
        }
    }

    #[test]
    fn a_strong_candidate_comes_first_and_what_it_makes_redundant_does_not_come() {
        // The second finds three of four, the first two of these, the third the fourth.
        let scores = scores(3, &[&[&[0, 1], &[0, 1], &[1], &[2]]]);
        let selection = select(&scores, 3);
        assert_eq!(selection.chosen(), [1, 2]);
        assert_eq!(selection.verdict(1), Verdict::Chosen { round: 1, gain: 0.75 });
        assert_eq!(selection.verdict(2), Verdict::Chosen { round: 2, gain: 0.25 });
        assert_eq!(selection.verdict(0), Verdict::Redundant { beside: Some(1), gain: 0.0 });
        assert_eq!(scores.power(selection.chosen()), Power { by_attack: vec![1.0], mean: 1.0, worst: 1.0 });
    }

    #[test]
    fn the_budget_ends_the_choice_and_is_named_as_the_reason() {
        let selection = select(&scores(2, &[&[&[0], &[0], &[0], &[1]]]), 1);
        assert_eq!(selection.chosen(), [0]);
        assert_eq!(selection.verdict(1), Verdict::OverBudget { gain: 0.25 });
    }

    #[test]
    fn where_nobody_finds_anything_nobody_is_chosen() {
        let selection = select(&scores(2, &[&[&[], &[]]]), 3);
        assert_eq!(selection.chosen(), [0; 0]);
        assert_eq!(selection.verdict(0), Verdict::Redundant { beside: None, gain: 0.0 });
    }

    #[test]
    fn of_equals_the_first_is_chosen() {
        assert_eq!(select(&scores(3, &[&[&[1, 2], &[1, 2]]]), 3).chosen(), [1]);
    }

    #[test]
    fn the_worst_attack_counts_as_much_as_the_mean() {
        // The first finds all of one attack and nothing of the other, the second half of both.
        let scores = scores(2, &[&[&[0, 1], &[0]], &[&[1], &[]]]);
        assert_eq!([scores.power(&[0]).objective(), scores.power(&[1]).objective()], [0.25, 0.5]);
        assert_eq!(select(&scores, 1).chosen(), [1]);
    }

    #[test]
    fn one_that_cries_wolf_is_left_out() {
        // It would find the fourth picture, but a tenth of the benign ones with it, just as loudly.
        let mut scores = scores(2, &[&[&[0], &[0], &[0], &[1]]]);
        scores.benign.iter_mut().take(4).for_each(|row| row[1] = 2.0);
        let selection = select(&scores, 2);
        assert_eq!(selection.chosen(), [0]);
        assert_eq!(selection.verdict(1), Verdict::Redundant { beside: None, gain: -0.75 });
    }

    #[test]
    fn too_few_benign_pictures_promise_no_rate_so_that_nothing_is_flagged() {
        let mut scores = scores(1, &[&[&[0]]]);
        scores.benign.truncate(18);
        assert_eq!(scores.power(&[0]).objective(), 0.0);
    }

    /// Scores of four candidates in coarse steps, so that there are ties.
    fn any_scores() -> impl Strategy<Value = CandidateScores> {
        let row = || prop::collection::vec((0..5_u8).prop_map(f64::from), 4);
        let attack = prop::collection::vec(row(), 1..30);
        (prop::collection::vec(row(), 19..60), prop::collection::vec(attack, 1..4))
            .prop_map(|(benign, attacks)| CandidateScores { benign, attacks })
    }

    proptest! {
        #[test]
        fn every_round_adds_enough_and_all_of_them_what_the_chosen_find(scores in any_scores(), budget in 1..6_usize) {
            let selection = select(&scores, budget);
            prop_assert!(selection.chosen().len() <= budget);
            let mut sum = 0.0;
            for (at, &chosen) in selection.chosen().iter().enumerate() {
                prop_assert!(!selection.chosen()[..at].contains(&chosen));
                let Verdict::Chosen { round, gain } = selection.verdict(chosen) else { panic!("it is chosen") };
                prop_assert!(round == at + 1 && gain >= LEAST_GAIN);
                sum += gain;
            }
            prop_assert!((scores.power(selection.chosen()).objective() - sum).abs() < 1e-9);
        }

        #[test]
        fn neither_the_pictures_order_nor_a_copy_of_a_candidate_changes_the_choice(
            scores in any_scores(), copied in 0..4_usize,
        ) {
            let mut other = scores.clone();
            let pictures = other.attacks.iter_mut().chain([&mut other.benign]);
            pictures.for_each(|rows| {
                rows.reverse();
                rows.iter_mut().for_each(|row| row.push(row[copied]));
            });
            let [selection, again] = [&scores, &other].map(|scores| select(scores, 4));
            prop_assert_eq!(selection.chosen(), again.chosen());
        }
    }
}
