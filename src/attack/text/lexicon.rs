//! The words that an attacker knows to be typical of a class.

use std::collections::{BTreeMap, BTreeSet};

use crate::attack::Goal;
use crate::squeeze::text::words;

/// Words of messages of each class, the most typical first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lexicon {
    classes: Vec<Vec<String>>,
}

/// The most words of a class.
const MOST_WORDS: usize = 500;

impl Lexicon {
    /// From messages and the indices of their classes. A word is typical of a class in whose messages it is: the logarithm
    /// of how much more often than in others (with one message added to both), weighed by how often.
    pub fn fit<'a>(messages: impl IntoIterator<Item = (&'a str, usize)>) -> Self {
        let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
        let mut counts: BTreeMap<String, BTreeMap<usize, usize>> = BTreeMap::new();
        for (message, class) in messages {
            *sizes.entry(class).or_default() += 1;
            let seen: BTreeSet<String> = words(message).map(|word| message[word].to_lowercase()).collect();
            for word in seen.into_iter().filter(|word| word.chars().all(char::is_alphabetic)) {
                *counts.entry(word).or_default().entry(class).or_default() += 1;
            }
        }
        let all: usize = sizes.values().sum();
        let of_class = |class: usize| {
            let size = sizes.get(&class).copied().unwrap_or(0);
            let mut scored: Vec<(f64, &String)> = counts
                .iter()
                .map(|(word, counts)| {
                    let inside = counts.get(&class).copied().unwrap_or(0);
                    let outside = counts.values().sum::<usize>() - inside;
                    let share = |count: usize, of: usize| (count + 1) as f64 / (of + 2) as f64;
                    let ratio = (share(inside, size) / share(outside, all - size)).ln();
                    (ratio * inside as f64, word)
                })
                .filter(|(score, _)| *score > 0.0)
                .collect();
            scored.sort_by(|(one, _), (other, _)| other.total_cmp(one));
            scored.into_iter().take(MOST_WORDS).map(|(_, word)| word.clone()).collect()
        };
        let classes = sizes.keys().next_back().map_or(0, |last| last + 1);
        Self { classes: (0..classes).map(of_class).collect() }
    }

    /// The words of the classes by which `goal` is reached, the most typical of each first.
    pub(super) fn wanted(&self, goal: Goal) -> Vec<&str> {
        let classes = (0..).zip(&self.classes).filter(|(class, _)| goal.is_reached(*class));
        let lists: Vec<&Vec<String>> = classes.map(|(_, words)| words).collect();
        let longest = lists.iter().map(|words| words.len()).max().unwrap_or(0);
        (0..longest).flat_map(|at| lists.iter().filter_map(move |words| words.get(at))).map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typical_words_are_frequent_in_one_class_only() {
        let lexicon = Lexicon::fit([
            ("see you at home", 0),
            ("at home with you", 0),
            ("home late", 0),
            ("win a prize at 8", 1),
            ("Prize for you", 1),
        ]);
        assert_eq!(lexicon.wanted(Goal::Not(1))[0], "home");
        assert_eq!(lexicon.wanted(Goal::Read(1))[0], "prize");
        assert!(!lexicon.wanted(Goal::Read(1)).contains(&"8"));
        assert_eq!(Lexicon::fit([]).wanted(Goal::Not(0)), [""; 0]);
    }
}
