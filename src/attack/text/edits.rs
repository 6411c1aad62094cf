//! Small changes of a word.

use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Random numbers for the seed with this index, of an attack with a seed of its own.
pub(super) fn random(seed: u64, index: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(index);
    random
}

/// The word with each letter replaced by what `replacement` has for it, and with one such letter replaced at random: none
/// where no letter has another.
pub(super) fn replacing(
    word: &str,
    random: &mut ChaCha8Rng,
    replacement: impl Fn(char) -> Option<char>,
) -> Vec<String> {
    let open: Vec<usize> =
        (0..).zip(word.chars()).filter(|(_, letter)| replacement(*letter).is_some()).map(|(at, _)| at).collect();
    if open.is_empty() {
        return vec![];
    }
    let chosen = open[random.random_range(0..open.len())];
    let replaced = |is_meant: &dyn Fn(usize) -> bool| -> String {
        let letters = word.chars().enumerate();
        letters.map(|(at, letter)| replacement(letter).filter(|_| is_meant(at)).unwrap_or(letter)).collect()
    };
    vec![replaced(&|at| at == chosen), replaced(&|_| true)]
}

/// The word with `between` put before a random letter that is not the first, and before each of these: none for a single
/// letter.
pub(super) fn inserting(word: &str, random: &mut ChaCha8Rng, between: &str) -> Vec<String> {
    let letters: Vec<String> = word.chars().map(String::from).collect();
    if letters.len() < 2 {
        return vec![];
    }
    let chosen = random.random_range(1..letters.len());
    vec![[letters[..chosen].concat(), letters[chosen..].concat()].join(between), letters.join(between)]
}
