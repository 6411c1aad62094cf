//! DeepWordBug (Gao et al. 2018).

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::edits::random;
use super::session::Session;
use super::word_by_word::word_by_word;
use super::{AttackError, TextAttack};

/// One letter of a word is swapped with the next, replaced, left out, or doubled by another one; of the four changes the
/// one that helps most is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeepWordBug {
    /// The share of words that may be changed, from 0 to 1.
    pub share: f64,
    /// Seed of letters and places.
    pub seed: u64,
}

impl TextAttack for DeepWordBug {
    fn attack(&self, session: &mut Session, index: u64) -> Result<(), AttackError> {
        let mut random = random(self.seed, index);
        word_by_word(session, self.share, |word| typos(word, &mut random))
    }
}

/// Of a word of two letters or more: a swap, a replacement, a gap and an insertion, each at a random place.
fn typos(word: &str, random: &mut ChaCha8Rng) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    if letters.len() < 2 {
        return vec![];
    }
    let mut any_letter = || char::from(random.random_range(b'a'..=b'z'));
    let [replaced, inserted] = [any_letter(), any_letter()];
    let mut changed = [letters.clone(), letters.clone(), letters.clone(), letters];
    let mut place = |within| random.random_range(0..within);
    let len = changed[0].len();
    let at = place(len - 1);
    changed[0].swap(at, at + 1);
    changed[1][place(len)] = replaced;
    changed[2].remove(place(len));
    changed[3].insert(place(len + 1), inserted);
    changed.map(String::from_iter).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_typo_is_one_change_of_a_letter() {
        let mut random = random(7, 0);
        for _ in 0..100 {
            for typo in typos("urgent", &mut random) {
                assert!(strsim::osa_distance("urgent", &typo) <= 1, "{typo}");
            }
        }
        assert_eq!(typos("u", &mut random), [""; 0]);
    }
}
