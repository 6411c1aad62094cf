//! Batches for training: chosen, changed and answered by seed, ahead of time and in order.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::augment::Augment;
use super::examples::Examples;
use super::{Supervision, TrainError};
use crate::detect::SENTINEL_CLASSES;
use crate::model::Classifier;
use crate::tensor::Picture;

/// Batches that are made ahead of the one in training.
const AHEAD: usize = 3;
/// The epoch whose random numbers validation has: one that no training reaches.
const BEYOND: usize = u32::MAX as usize;

/// Labels with the share that each has in a picture.
type Weights = Vec<(usize, f32)>;

/// Planar pixels in [0, 1] of some pictures, and a distribution over the classes for each.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Batch {
    pub pixels: Vec<f32>,
    pub targets: Vec<f32>,
    pub len: usize,
}

/// Where batches come from.
pub(super) struct Feed<'a> {
    pub examples: &'a Examples<'a>,
    pub supervision: &'a Supervision,
    pub augment: Augment,
    pub temperature: f32,
    pub batch: usize,
    pub seed: u64,
}

impl Feed<'_> {
    /// Hands the batches of `epoch` to `take`, from the batch `first` on; those at the end that fill none are left out.
    /// Stops at the first error, its own or `take`'s.
    pub(super) fn epoch<E: From<TrainError>>(
        &self,
        chosen: &[usize],
        epoch: usize,
        first: usize,
        mut take: impl FnMut(Batch) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut order = chosen.to_vec();
        order.shuffle(&mut self.random(epoch, 0));
        thread::scope(|scope| {
            let (sender, receiver): (SyncSender<_>, Receiver<Result<Batch, TrainError>>) = sync_channel(AHEAD);
            scope.spawn(move || {
                for (index, chosen) in order.chunks_exact(self.batch).enumerate().skip(first) {
                    let batch = self.changed(chosen, &mut self.random(epoch, 1 + index));
                    let stop = batch.is_err();
                    if sender.send(batch).is_err() || stop {
                        break;
                    }
                }
            });
            receiver.into_iter().try_for_each(|batch| take(batch?))
        })
    }

    /// The examples `chosen` as they are on disk, in batches: for validation.
    pub(super) fn still(&self, chosen: &[usize]) -> Result<Vec<Batch>, TrainError> {
        let batch = |(index, chosen): (usize, &[usize])| {
            let pictures = chosen.iter().map(|&at| Ok((self.examples.picture(at)?, self.label(at)?)));
            let pictures = pictures.collect::<Result<Vec<_>, TrainError>>()?;
            self.answered(pictures, &mut self.random(BEYOND, index))
        };
        chosen.chunks(self.batch).enumerate().map(batch).collect()
    }

    fn random(&self, epoch: usize, stream: usize) -> ChaCha8Rng {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(((epoch as u64) << 32) | stream as u64);
        random
    }

    fn label(&self, at: usize) -> Result<Weights, TrainError> {
        Ok(self.examples.label(at).map(|label| (label, 1.0)).into_iter().collect())
    }

    fn changed(&self, chosen: &[usize], random: &mut ChaCha8Rng) -> Result<Batch, TrainError> {
        let [_, height, width] = self.examples.shape();
        let mut pictures = Vec::with_capacity(chosen.len());
        for &at in chosen {
            let picture = self.examples.picture(at)?;
            let pixels = self.augment.apply(picture.pixels(), [height, width], random);
            pictures.push((picture.with_pixels(pixels), self.label(at)?));
        }
        self.mix(&mut pictures, random);
        self.answered(pictures, random)
    }

    /// Blends some pictures with their neighbours, and their labels alike.
    fn mix(&self, pictures: &mut [(Picture, Weights)], random: &mut ChaCha8Rng) {
        for at in 1..pictures.len() {
            let share: f32 = random.random();
            if random.random::<f32>() >= self.augment.mix {
                continue;
            }
            let (before, rest) = pictures.split_at_mut(at);
            let (other, (picture, labels)) = (&before[at - 1], &mut rest[0]);
            let pixels = picture.pixels().iter().zip(other.0.pixels()).map(|(a, b)| a * share + b * (1.0 - share));
            *picture = picture.with_pixels(pixels.collect());
            let theirs = other.1.iter().map(|&(label, weight)| (label, weight * (1.0 - share)));
            *labels = labels.iter().map(|&(label, weight)| (label, weight * share)).chain(theirs).collect();
        }
    }

    fn answered(&self, pictures: Vec<(Picture, Weights)>, random: &mut ChaCha8Rng) -> Result<Batch, TrainError> {
        match self.supervision {
            Supervision::Teacher(teacher) => {
                let pictures: Vec<Picture> = pictures.into_iter().map(|(picture, _)| picture).collect();
                let pixels = pictures.iter().flat_map(Picture::pixels).copied().collect();
                let len = pictures.len();
                Ok(Batch { pixels, targets: self.told_by(teacher, pictures)?, len })
            }
            Supervision::Labels { classes } => Ok(labelled(&pictures, *classes)),
            Supervision::Attacks(attacks) => {
                let pictures = pictures.into_iter().map(|(picture, _)| picture).collect();
                let examples = attacks.examples(pictures, random)?;
                let sure = |(picture, answer)| (picture, vec![(answer, 1.0)]);
                Ok(labelled(&examples.into_iter().map(sure).collect::<Vec<_>>(), SENTINEL_CLASSES))
            }
        }
    }

    /// The teacher's distributions at the temperature.
    fn told_by(&self, teacher: &Classifier, pictures: Vec<Picture>) -> Result<Vec<f32>, TrainError> {
        let mut targets = Vec::with_capacity(pictures.len() * teacher.output().classes);
        let ask = |picture| {
            let picture = Arc::new(picture);
            teacher.predict_waiting(move || picture)
        };
        for answer in pictures.into_iter().map(ask).collect::<Vec<_>>() {
            let answer = answer.wait().map_err(|error| TrainError::Teacher(error.into()))?;
            let answer = answer.map_err(TrainError::Teacher)?.at_temperature(f64::from(self.temperature));
            targets.extend(answer.probabilities().iter().map(|&probability| probability as f32));
        }
        Ok(targets)
    }
}

/// The pictures with their labels as distributions.
fn labelled(pictures: &[(Picture, Weights)], classes: usize) -> Batch {
    let len = pictures.len();
    let mut targets = vec![0.0; len * classes];
    for (row, (_, labels)) in targets.chunks_exact_mut(classes).zip(pictures) {
        for &(label, weight) in labels {
            row[label] += weight;
        }
    }
    let pixels = pictures.iter().flat_map(|(picture, _)| picture.pixels()).copied().collect();
    Batch { pixels, targets, len }
}
