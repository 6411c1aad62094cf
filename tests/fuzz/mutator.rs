//! Inputs that are like those of a corpus, and not quite.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// No input grows longer.
const LONGEST: usize = 8 << 10;
/// How likely it is that an input is changed once more.
const ONCE_MORE: f64 = 0.5;

/// Numbers at which something may turn over; any of their lower bytes too.
const TURNING_POINTS: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
];
/// The same for text.
const WRITTEN: [&str; 12] =
    ["0", "-1", "1e999", "1e39", "nan", "inf", "9223372036854775807", "18446744073709551616", "\"\"", "[", "{", "\0"];

/// Changes inputs. The same seed gives the same inputs.
pub struct Mutator<'a> {
    corpus: &'a [Vec<u8>],
    random: ChaCha8Rng,
}

impl<'a> Mutator<'a> {
    /// Of a corpus with at least one input.
    pub fn new(corpus: &'a [Vec<u8>], seed: u64) -> Self {
        Self { corpus, random: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// The next input.
    pub fn input(&mut self) -> Vec<u8> {
        let mut input = self.any().to_vec();
        self.change(&mut input);
        while self.random.random_bool(ONCE_MORE) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn any(&mut self) -> &'a [u8] {
        &self.corpus[self.random.random_range(0..self.corpus.len())]
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let (start, end) = self.range(input.len());
        match self.random.random_range(0..9) {
            0 if start < end => input[start] ^= 1 << self.random.random_range(0..8),
            1 if start < end => input[start] = self.random.random(),
            2 if start < end => {
                input[start] = input[start].wrapping_add(self.random.random_range(0..32)).wrapping_sub(16)
            }
            3 => self.overwrite(&mut input[start..]),
            4 => drop(input.drain(start..end)),
            5 => input.truncate(end),
            6 => {
                let copy = input[start..end].to_vec();
                input.splice(start..start, copy.repeat(self.random.random_range(1..4)));
            }
            7 => {
                let written = WRITTEN[self.random.random_range(0..WRITTEN.len())];
                input.splice(start..end.min(start + written.len()), written.bytes());
            }
            _ => {
                let other = self.any();
                let (from, to) = self.range(other.len());
                input.splice(start..end, other[from..to].iter().copied());
            }
        }
    }

    /// Puts a turning point over what is there, in one of the ways in which numbers are stored.
    fn overwrite(&mut self, input: &mut [u8]) {
        let point = TURNING_POINTS[self.random.random_range(0..TURNING_POINTS.len())];
        let size = 1 << self.random.random_range(0..4);
        let mut bytes = point.to_le_bytes();
        let bytes = &mut bytes[..size];
        if self.random.random() {
            bytes.reverse();
        }
        let size = size.min(input.len());
        input[..size].copy_from_slice(&bytes[..size]);
    }

    /// A part of so many bytes, mostly a short one.
    fn range(&mut self, len: usize) -> (usize, usize) {
        let start = self.random.random_range(0..=len);
        let longest = 1 << self.random.random_range(0..10);
        (start, len.min(start + self.random.random_range(0..=longest)))
    }
}
