//! Known words that are spelt nearly alike, found by symmetric deletion (Garbe 2012).

use std::collections::HashMap;

use strsim::osa_distance;

use super::Vocabulary;
use super::words::lowercase;

/// Known words, each listed under what is left of its beginning without a few letters: two words that are near each
/// other have something left in common.
#[derive(Debug)]
pub(super) struct Neighbours {
    /// The most frequent first.
    words: Vec<(String, u32)>,
    by_rest: HashMap<u64, Vec<u32>>,
    distance: usize,
}

/// A known word near another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Neighbour<'a> {
    pub(super) word: &'a str,
    /// Its place among the known words, the most frequent being 0.
    pub(super) rank: u32,
    /// Insertions, deletions, replacements and swaps of letters between the two (optimal string alignment).
    pub(super) distance: usize,
}

/// Letters of the beginnings; what comes after them is only compared.
const BEGINNING: usize = 7;
/// Shorter words have no neighbours, for too many others are near, and longer ones were not written by a person.
const FEWEST_LETTERS: usize = 4;
const MOST_LETTERS: usize = 32;
/// Shorter words have neighbours at the distance 1 only.
const LETTERS_FOR_MORE: usize = 6;
/// The most words, by frequency, that are listed under one rest.
const MOST_ALIKE: usize = 32;
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

impl Neighbours {
    /// Of the words that `vocabulary` counts `least` times or more, those up to `distance` changes away.
    pub(super) fn new(vocabulary: &Vocabulary, least: u32, distance: usize) -> Self {
        let frequent = vocabulary.by_frequency().into_iter().take_while(|(_, count)| *count >= least);
        let words: Vec<(String, u32)> = frequent.map(|(word, count)| (word.to_owned(), count)).collect();
        let mut by_rest: HashMap<u64, Vec<u32>> = HashMap::new();
        for (rank, (word, _)) in (0..).zip(&words) {
            each_rest(word, distance, |rest| {
                let alike = by_rest.entry(rest).or_default();
                if alike.len() < MOST_ALIKE && alike.last() != Some(&rank) {
                    alike.push(rank);
                }
            });
        }
        Self { words, by_rest, distance }
    }

    /// The known words near `word`, itself included if it is known; none for what begins with a digit.
    pub(super) fn around(&self, word: &str) -> Vec<Neighbour<'_>> {
        let word = lowercase(word);
        let farthest = match word.chars().take(MOST_LETTERS + 1).count() {
            _ if !word.starts_with(char::is_alphabetic) => return vec![],
            FEWEST_LETTERS..LETTERS_FOR_MORE => self.distance.min(1),
            LETTERS_FOR_MORE..=MOST_LETTERS => self.distance,
            _ => return vec![],
        };
        let mut near = vec![];
        each_rest(&word, farthest, |rest| {
            for &rank in self.by_rest.get(&rest).into_iter().flatten() {
                let (known, _) = &self.words[rank as usize];
                let is_listed = near.iter().any(|listed: &Neighbour| listed.rank == rank);
                if !is_listed && known.len().abs_diff(word.len()) <= farthest * size_of::<char>() {
                    let distance = osa_distance(known, &word);
                    if distance <= farthest {
                        near.push(Neighbour { word: known, rank, distance });
                    }
                }
            }
        });
        near
    }
}

/// Calls `see` with a hash (FNV-1a) of what is left of the beginning of `word` without any of its letters up to so many.
fn each_rest(word: &str, without: usize, mut see: impl FnMut(u64)) {
    let beginning: Vec<char> = word.chars().take(BEGINNING).collect();
    for left_out in 0..1_u32 << beginning.len() {
        if left_out.count_ones() as usize <= without {
            let letters = (0..).zip(&beginning).filter(|(at, _)| left_out >> at & 1 == 0);
            see(letters.fold(FNV_BASIS, |hash, (_, &letter)| (hash ^ u64::from(letter)).wrapping_mul(FNV_PRIME)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(word: &str, distance: usize) -> Vec<(String, usize)> {
        let vocabulary = Vocabulary::fit(["message message free free fee entry reward"]);
        let neighbours = Neighbours::new(&vocabulary, 1, distance);
        let near = neighbours.around(word);
        near.iter().map(|near| (near.word.to_owned(), near.distance)).collect()
    }

    #[test]
    fn a_change_anywhere_is_found() {
        for (word, known) in [
            ("mesage", "message"),
            ("messsage", "message"),
            ("mesasge", "message"),
            ("MESSAGe", "message"),
            ("messagx", "message"),
            ("xessage", "message"),
            ("rewards", "reward"),
            ("frre", "free"),
        ] {
            assert!(around(word, 1).iter().any(|(near, _)| near == known), "{word}: {:?}", around(word, 1));
        }
        assert_eq!(around("emsasge", 2), [("message".to_owned(), 2)]);
    }

    #[test]
    fn short_and_endless_words_and_numbers_have_none() {
        let endless = "free".repeat(1_000_000);
        for word in ["fre", "feee1", "12345", "5free", &endless, "", "frxx", "xntrx"] {
            assert_eq!(around(word, 2), [], "{}", &word[..word.len().min(9)]);
        }
    }
}
