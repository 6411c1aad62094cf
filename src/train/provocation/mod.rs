//! What a sentinel learns from: benign pictures, noisy ones, and what attacks of many kinds make of them.

use std::panic::resume_unwind;
use std::thread;

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::TrainError;
use crate::attack::{Attack, AttackError, Ball, Bim, Goal, Norm, Pgd, Seed, WhiteBox, largest};
use crate::model::{Classifier, Runtime};
use crate::tensor::{Picture, to_8_bit};

/// Pictures that are attacked in the same way.
const GROUP: usize = 8;
/// Numbers of steps that an attack may make.
const STEPS: [usize; 6] = [1, 1, 2, 3, 5, 10];
/// Shares of attacks within L2 and within L1; the rest are within Linf.
const L2_SHARE: f32 = 0.25;
const L1_SHARE: f32 = 0.15;
/// Shares of attacks that have a target, and of those that begin at random where they need not.
const TARGETED_SHARE: f32 = 0.35;
const RANDOM_START_SHARE: f32 = 0.5;
/// The share of benign pictures that come a second time, with noise: noise alone is no attack.
const NOISY_SHARE: f32 = 0.5;
/// The smallest change of a pixel: one grey level of 8 bits.
const LEAST: f32 = 1.0 / 255.0;
/// How long a step is as a share of the ball: so that all together can cross it and come back.
const REACH: f32 = 2.0;

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

    /// The pictures with what they are: each as it is, some of them noisy, and what an attack of a random kind makes of
    /// those that it succeeds on; mixed. A few pictures share a kind, never all: a batch in which everything adversarial is
    /// alike would be known as a whole.
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
        let before = read(pictures)?;
        let goals = self.goals(&before, random);
        let seeds: Vec<Seed> =
            pictures.iter().zip(goals).map(|(picture, goal)| Seed { picture: picture.clone(), goal }).collect();
        let made = self.attack(random).run(&self.victim, &seeds, &mut || ())?;
        let after = read(&made)?;
        let mut examples = Vec::new();
        for (index, (picture, made)) in pictures.iter().zip(made).enumerate() {
            if random.random::<f32>() < NOISY_SHARE {
                examples.push((self.noisy(picture, random), BENIGN));
            }
            examples.push((picture.clone(), BENIGN));
            if after[index] != before[index] {
                examples.push((made, ADVERSARIAL));
            }
        }
        Ok(examples)
    }

    /// Away from what is read, or for all towards another class.
    fn goals(&self, reading: &[usize], random: &mut impl Rng) -> Vec<Goal> {
        let classes = self.victim.classes();
        let is_targeted = random.random::<f32>() < TARGETED_SHARE;
        let mut other = |class: usize| (class + random.random_range(1..classes.max(2))) % classes.max(1);
        let goal = |&class: &usize| if is_targeted { Goal::Read(other(class)) } else { Goal::Not(class) };
        reading.iter().map(goal).collect()
    }

    fn attack(&self, random: &mut impl Rng) -> Box<dyn Attack> {
        let steps = STEPS.choose(random).copied().unwrap_or(1);
        let levels = self.strength(random);
        let pixels = self.victim.pixels() as f32;
        let kind: f32 = random.random();
        let ball = if kind < L1_SHARE {
            Ball { norm: Norm::L1, eps: 0.2 * levels * pixels }
        } else if kind < L1_SHARE + L2_SHARE {
            Ball { norm: Norm::L2, eps: 0.5 * levels * pixels.sqrt() }
        } else {
            Ball::linf(levels)
        };
        let step = ball.eps * if steps == 1 { 1.0 } else { REACH / steps as f32 };
        if ball.norm == Norm::Linf && random.random::<f32>() >= RANDOM_START_SHARE {
            return Box::new(Bim { eps: ball.eps, step, steps });
        }
        Box::new(Pgd { ball, step, steps, starts: 1, seed: random.random() })
    }

    /// As many small as large changes of a pixel, on a logarithmic scale.
    fn strength(&self, random: &mut impl Rng) -> f32 {
        let low = LEAST.min(self.eps);
        low * (self.eps / low).powf(random.random())
    }

    /// The picture with noise of a random strength: each value up or down by as much, or by up to as much.
    fn noisy(&self, picture: &Picture, random: &mut impl Rng) -> Picture {
        let (strength, is_even) = (self.strength(random), random.random::<bool>());
        let mut noise = || {
            let drawn: f32 = random.random_range(-1.0..=1.0);
            strength * if is_even { drawn.signum() } else { 1.5 * drawn }
        };
        let moved = picture.pixels().iter().map(|pixel| (pixel + noise()).clamp(0.0, 1.0)).collect();
        to_8_bit(&picture.with_pixels(moved))
    }
}
