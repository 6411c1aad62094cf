//! TextBugger (Li et al. 2019), as a black box.

use std::sync::Arc;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use strsim::osa_distance;

use super::edits::random;
use super::homoglyphs::look_alike;
use super::session::Session;
use super::word_by_word::word_by_word;
use super::{AttackError, Lexicon, TextAttack};

/// Five bugs of which the best is kept: a space is put into the word, an inner letter left out, two inner letters swapped,
/// a letter replaced by one that looks alike or is its neighbour on the keyboard, or the word by another.
///
/// The paper takes the other word from word vectors, which are not at hand: here it is one of the wanted class's that is
/// spelt nearly alike.
#[derive(Debug, Clone, PartialEq)]
pub struct TextBugger {
    /// What an attacker knows of words.
    pub lexicon: Arc<Lexicon>,
    /// The share of words that may be changed, from 0 to 1.
    pub share: f64,
    /// Seed of letters and places.
    pub seed: u64,
}

/// The rows of a keyboard.
const KEYBOARD: [&str; 3] = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];

impl TextAttack for TextBugger {
    fn attack(&self, session: &mut Session, index: u64) -> Result<(), AttackError> {
        let mut random = random(self.seed, index);
        let wanted = self.lexicon.wanted(session.goal());
        word_by_word(session, self.share, |word| {
            let mut bugs = bugs(word, &mut random);
            bugs.extend(similar(word, &wanted).map(str::to_owned));
            bugs
        })
    }
}

/// The bugs that leave the word readable.
fn bugs(word: &str, random: &mut ChaCha8Rng) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let len = letters.len();
    let mut bugs = vec![];
    let mut changed = |change: &dyn Fn(&mut Vec<char>)| {
        let mut letters = letters.clone();
        change(&mut letters);
        bugs.push(String::from_iter(letters));
    };
    if len >= 2 {
        let at = random.random_range(1..len);
        changed(&|letters| letters.insert(at, ' '));
    }
    if len >= 3 {
        let at = random.random_range(1..len - 1);
        changed(&|letters| _ = letters.remove(at));
    }
    if len >= 4 {
        let at = random.random_range(1..len - 2);
        changed(&|letters| letters.swap(at, at + 1));
    }
    if len >= 1 {
        let at = random.random_range(0..len);
        let is_left = random.random_bool(0.5);
        for other in [look_alike(letters[at]), beside(letters[at], is_left)].into_iter().flatten() {
            changed(&|letters| letters[at] = other);
        }
    }
    bugs
}

/// The letter beside a letter on the keyboard, on the other side where there is none.
fn beside(letter: char, is_left: bool) -> Option<char> {
    let lower = letter.to_ascii_lowercase();
    let row = KEYBOARD.iter().find(|row| row.contains(lower))?;
    let at = row.find(lower)?;
    let [left, right] = [at.checked_sub(1), Some(at + 1)].map(|at| at.and_then(|at| row[at..].chars().next()));
    if is_left { left.or(right) } else { right.or(left) }
}

/// Words up to two changes of letters away, of those as long as four letters.
fn similar<'a>(word: &str, wanted: &[&'a str]) -> impl Iterator<Item = &'a str> {
    const MOST: usize = 5;
    let word = word.to_lowercase();
    let is_similar = |other: &&&str| other.chars().count() >= 4 && **other != word && osa_distance(other, &word) <= 2;
    let similar: Vec<&str> = wanted.iter().filter(is_similar).take(MOST).copied().collect();
    similar.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bugs_leave_the_word_readable() {
        let mut random = random(7, 0);
        for _ in 0..100 {
            for bug in bugs("Urgent", &mut random) {
                assert!(strsim::osa_distance("Urgent", &bug) <= 1, "{bug}");
            }
        }
        assert_eq!(
            [beside('q', true), beside('S', true), beside('m', false), beside('ı', true)],
            [Some('w'), Some('a'), Some('n'), None]
        );
        assert_eq!(similar("Cash", &["call", "cold", "at", "cash", "wash", "c"]).collect::<Vec<_>>(), ["call", "wash"]);
    }
}
