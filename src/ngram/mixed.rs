//! Messages with words of others in them.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Example;
use crate::squeeze::text::words;

/// The most words that are put around a message, for each of its own.
const MOST_AROUND: f64 = 1.5;
/// The share of words that others take the place of.
const REPLACED: f64 = 0.3;

/// The examples, and of each so many `copies` in which random words of all messages stand before it, after it or in the
/// place of some of its own, in turns. What should be answered stays as it is: whoever learns from these is not led astray
/// by benign words, as a classifier is that sums up all words.
pub fn mixed(examples: &[Example], copies: usize, seed: u64) -> Vec<Example> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let pool: Vec<Vec<&str>> = examples.iter().map(|example| words_of(&example.text)).collect();
    let mut pool: Vec<&[&str]> = pool.iter().map(Vec::as_slice).collect();
    let own = pool.clone();
    pool.retain(|words| !words.is_empty());
    let mut all = examples.to_vec();
    if pool.is_empty() {
        return all;
    }
    for (example, own) in examples.iter().zip(own) {
        for copy in 0..copies {
            let text = match copy % 3 {
                0 => format!("{} {}", around(own.len(), &pool, &mut random), example.text),
                1 => format!("{} {}", example.text, around(own.len(), &pool, &mut random)),
                _ => replaced(own, &pool, &mut random),
            };
            all.push(Example { text, target: example.target.clone() });
        }
    }
    all
}

fn words_of(text: &str) -> Vec<&str> {
    words(text).map(|word| &text[word]).collect()
}

/// A word of a random message.
fn any<'a>(pool: &[&[&'a str]], random: &mut impl Rng) -> &'a str {
    let message = pool[random.random_range(0..pool.len())];
    message[random.random_range(0..message.len())]
}

fn around(own: usize, pool: &[&[&str]], random: &mut impl Rng) -> String {
    let most = (MOST_AROUND * own as f64) as usize;
    let words: Vec<&str> = (0..random.random_range(0..=most)).map(|_| any(pool, random)).collect();
    words.join(" ")
}

fn replaced(own: &[&str], pool: &[&[&str]], random: &mut impl Rng) -> String {
    let word = |own: &&str| if random.random_bool(REPLACED) { any(pool, random).to_owned() } else { (*own).to_owned() };
    own.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_keep_most_of_a_message_and_its_answer() {
        let example = |text: &str, spam: f64| Example { text: text.to_owned(), target: vec![1.0 - spam, spam] };
        let examples =
            [example("win a prize of 500 pounds today", 0.9), example("", 0.1), example("see you at home", 0.2)];
        let all = mixed(&examples, 6, 7);
        assert_eq!((all.len(), &all[..3]), (3 + 18, &examples[..]));
        for (index, copy) in all[3..].iter().enumerate() {
            let original = &examples[index / 6];
            assert_eq!(copy.target, original.target);
            let kept = words_of(&original.text).iter().filter(|word| copy.text.contains(**word)).count();
            assert!(2 * kept >= words_of(&original.text).len(), "{}", copy.text);
        }
        assert_eq!(all, mixed(&examples, 6, 7));
        assert_eq!(mixed(&examples[1..2], 6, 7), examples[1..2]);
    }
}
