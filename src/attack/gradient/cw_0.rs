//! The attack of Carlini and Wagner (2017) within L0: as few pixels as possible.

use super::cw_2::{CarliniWagner2, Search};
use crate::attack::{Attack, AttackError, Loss, Seed, WhiteBox, change, pictures};
use crate::tensor::Picture;

/// Searches within L2 again and again, each time with fewer pixels, as long as the goal is reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CarliniWagner0 {
    /// The search within L2.
    pub inner: CarliniWagner2,
    /// How often it searches at most.
    pub rounds: usize,
    /// The share of the pixels still moved that is given up each time: those that matter least.
    pub share: f32,
}

impl Attack for CarliniWagner0 {
    fn rounds(&self) -> usize {
        self.rounds * self.inner.rounds()
    }

    fn run(&self, victim: &WhiteBox, seeds: &[Seed], watch: &mut dyn FnMut()) -> Result<Vec<Picture>, AttackError> {
        let mut made = pictures(seeds);
        let mut left: Vec<(usize, Option<Vec<bool>>)> = (0..seeds.len()).map(|index| (index, None)).collect();
        for _ in 0..self.rounds {
            let begin = left.iter().map(|(at, free)| Search::new(seeds[*at].clone(), self.inner.c, free.clone()));
            let found = self.inner.search(victim, begin.collect(), watch)?;
            let reached =
                left.iter().zip(found).filter_map(|((at, _), search)| Some((*at, search.nearest.picture()?.clone())));
            let reached: Vec<(usize, Picture)> = reached.collect();
            let tried: Vec<Picture> = reached.iter().map(|(_, picture)| picture.clone()).collect();
            let losses: Vec<Loss> = reached.iter().map(|(at, _)| Loss::Margin(seeds[*at].goal)).collect();
            let gradients = victim.gradients(&tried, &losses)?;
            left.clear();
            for ((at, picture), gradient) in reached.into_iter().zip(gradients) {
                left.push((at, Some(self.fewer(&seeds[at].picture, &picture, &gradient.pixels))));
                made[at] = picture;
            }
        }
        Ok(made)
    }
}

impl CarliniWagner0 {
    /// The pixels to move next: those that moved, but for the ones whose change brought the least. All channels of a
    /// pixel go together.
    fn fewer(&self, benign: &Picture, picture: &Picture, gradient: &[f32]) -> Vec<bool> {
        let area = benign.height() * benign.width();
        let change = change(benign, picture);
        let of_pixel = |at: usize| (0..benign.channels()).map(move |channel| channel * area + at);
        let mut moved: Vec<(f32, usize)> = (0..area)
            .filter(|&at| of_pixel(at).any(|index| change[index] != 0.0))
            .map(|at| (of_pixel(at).map(|index| (change[index] * gradient[index]).abs()).sum(), at))
            .collect();
        moved.sort_by(|a, b| a.0.total_cmp(&b.0));
        let given_up = ((moved.len() as f32 * self.share).ceil() as usize).min(moved.len());
        let mut free = vec![false; benign.pixels().len()];
        moved[given_up..].iter().flat_map(|&(_, at)| of_pixel(at)).for_each(|index| free[index] = true);
        free
    }
}
