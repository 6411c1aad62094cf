//! A text with gaps that only the seed foresees.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::TextSqueezer;
use super::words::{Edited, words};

/// `dropout(SHARE,SEED)`: every word is left out with the probability SHARE; one stays at least.
///
/// The same text always loses the same words, so that it is always judged alike; whoever does not know SEED can neither
/// foresee them nor learn them from another text's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    share: f64,
    seed: u64,
}

impl Dropout {
    /// What `share` may be.
    pub const SHARE: RangeInclusive<f64> = 0.01..=0.9;
    /// What `seed` may be.
    pub const SEED: RangeInclusive<u64> = 0..=u64::MAX;

    /// A squeezer that leaves out a `share` of the words, within [`Self::SHARE`].
    pub(super) fn new(share: f64, seed: u64) -> Self {
        Self { share, seed }
    }

    /// Random numbers that depend on the seed, and on all of the text.
    fn random(self, text: &str) -> ChaCha8Rng {
        let digest = Sha256::new().chain_update(self.seed.to_le_bytes()).chain_update(text);
        ChaCha8Rng::from_seed(digest.finalize().into())
    }
}

impl TextSqueezer for Dropout {
    fn name(&self) -> String {
        format!("dropout({},{})", self.share, self.seed)
    }

    fn squeeze<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut random = self.random(text);
        let mut edited = Edited::new(text);
        let mut all = words(text).peekable();
        let mut kept = 0;
        while let Some(word) = all.next() {
            let is_last_hope = kept == 0 && all.peek().is_none();
            if random.random_bool(self.share) && !is_last_hope {
                edited.replace(word, "");
            } else {
                kept += 1;
            }
        }
        edited.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_the_words_goes_and_always_the_same_ones() {
        let text = "word ".repeat(10_000);
        let squeezer = Dropout::new(0.3, 7);
        let left = words(&squeezer.squeeze(&text)).count();
        // The standard deviation is 46.
        assert!((6_800..7_200).contains(&left), "{left}");
        assert_eq!(squeezer.squeeze(&text), squeezer.squeeze(&text));
        assert_ne!(squeezer.squeeze(&text), Dropout::new(0.3, 8).squeeze(&text));
        assert_eq!(words(&Dropout::new(0.9, 1).squeeze("a b")).count(), 1);
    }
}
