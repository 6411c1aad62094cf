//! What a sentinel learns from: benign pictures, blemished ones, and what attacks of many kinds make of them.

mod attacks;
mod blemish;

use std::panic::resume_unwind;
use std::thread;

use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::TrainError;
use crate::attack::{AttackError, Goal, Seed, WhiteBox, largest, weakened};
use crate::model::{Classifier, Runtime};
use crate::tensor::Picture;

/// Pictures that are attacked in the same way.
const GROUP: usize = 8;
/// The share of attacks that have a target.
const TARGETED_SHARE: f32 = 0.35;
/// The share of pictures that are blemished first, attacked or not: else whatever is noisy would be known for benign, and
/// whatever is clean and then disturbed for adversarial.
const BLEMISHED_SHARE: f32 = 0.5;
/// The share of attacks of which as little is left as still deceives: else what stops at a boundary would be rare, and the
/// strongest attacks stop there.
const WEAKENED_SHARE: f32 = 0.35;
/// The smallest change of a pixel: one grey level of 8 bits.
const LEAST: f32 = 1.0 / 255.0;

/// What a sentinel is to answer.
const BENIGN: usize = 0;
const ADVERSARIAL: usize = 1;

/// Attacks on one classifier.
pub struct Provocation {
    classifier: Classifier,
    victim: WhiteBox,
    eps: f32,
}

impl Provocation {
    /// Attacks on `classifier` that change no pixel by more than `eps`, pixels being in [0, 1], or go about as far within
    /// another norm.
    ///
    /// # Errors
    /// When the classifier has no gradients here.
    pub fn new(runtime: &Runtime, classifier: Classifier, eps: f32) -> Result<Self, AttackError> {
        let victim = WhiteBox::open(runtime, &classifier)?;
        Ok(Self { classifier, victim, eps })
    }

    /// Who is attacked.
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// The largest change of a pixel.
    pub fn eps(&self) -> f32 {
        self.eps
    }

    /// The pictures with what they are: each as it is or blemished, and what an attack of a random kind makes of those that
    /// it succeeds on; mixed. A few pictures share a kind, never all: a batch in which everything adversarial is alike would
    /// be known as a whole.
    pub(super) fn examples(
        &self,
        pictures: Vec<Picture>,
        random: &mut impl Rng,
    ) -> Result<Vec<(Picture, usize)>, TrainError> {
        let groups: Vec<(&[Picture], u64)> = pictures.chunks(GROUP).map(|group| (group, random.random())).collect();
        let made: Vec<Result<Vec<(Picture, usize)>, TrainError>> = thread::scope(|scope| {
            let attack = |(group, seed): (_, u64)| {
                scope.spawn(move || self.of_group(group, &mut ChaCha8Rng::seed_from_u64(seed)))
            };
            let underway: Vec<_> = groups.into_iter().map(attack).collect();
            let join =
                |group: thread::ScopedJoinHandle<'_, _>| group.join().unwrap_or_else(|panic| resume_unwind(panic));
            underway.into_iter().map(join).collect()
        });
        let mut examples = made.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        examples.shuffle(random);
        Ok(examples)
    }

    fn of_group(&self, pictures: &[Picture], random: &mut impl Rng) -> Result<Vec<(Picture, usize)>, TrainError> {
        let read = |pictures: &[Picture]| -> Result<Vec<usize>, TrainError> {
            Ok(self.victim.logits(pictures)?.iter().map(|logits| largest(logits)).collect())
        };
        let pictures = self.some_blemished(pictures, random);
        let before = read(&pictures)?;
        let goals = self.goals(&before, random);
        let seeds: Vec<Seed> =
            pictures.iter().cloned().zip(goals).map(|(picture, goal)| Seed { picture, goal }).collect();
        let mut made = self.attack(&seeds, random)?;
        if random.random::<f32>() < WEAKENED_SHARE {
            made = weakened(&self.victim, &seeds, made)?;
        }
        let after = read(&made)?;
        let fooled = made.into_iter().zip(before.iter().zip(after)).filter(|(_, (before, after))| *before != after);
        let adversarial = fooled.map(|(made, _)| (made, ADVERSARIAL));
        Ok(pictures.into_iter().map(|picture| (picture, BENIGN)).chain(adversarial).collect())
    }

    fn some_blemished(&self, pictures: &[Picture], random: &mut impl Rng) -> Vec<Picture> {
        let blemish = |picture: &Picture| {
            if random.random::<f32>() >= BLEMISHED_SHARE {
                return picture.clone();
            }
            let other = &pictures[random.random_range(0..pictures.len())];
            let strength = self.strength(random);
            blemish::blemished(picture, other, strength, random)
        };
        pictures.iter().map(blemish).collect()
    }

    /// Away from what is read, or for all towards another class.
    fn goals(&self, reading: &[usize], random: &mut impl Rng) -> Vec<Goal> {
        let classes = self.victim.classes();
        let is_targeted = random.random::<f32>() < TARGETED_SHARE;
        let mut other = |class: usize| (class + random.random_range(1..classes.max(2))) % classes.max(1);
        let goal = |&class: &usize| if is_targeted { Goal::Read(other(class)) } else { Goal::Not(class) };
        reading.iter().map(goal).collect()
    }

    /// As many small as large changes of a pixel.
    fn strength(&self, random: &mut impl Rng) -> f32 {
        logarithmic(LEAST.min(self.eps), self.eps, random)
    }
}

/// Between both, any ratio as likely as another.
fn logarithmic(low: f32, high: f32, random: &mut impl Rng) -> f32 {
    low * (high / low).powf(random.random())
}
