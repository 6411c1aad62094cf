//! A training from its first batch to its last, or on from where it was interrupted.

use std::path::Path;
use std::time::{Duration, Instant};

use burn::grad_clipping::GradientClippingConfig;
use burn::module::Module;
use burn::optim::{AdamWConfig, ModuleOptimizer};
use burn::store::{ModuleRecord, RecordError};
use burn::tensor::{Bytes, Device};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::checkpoint::{Checkpoint, Progress};
use super::examples::Examples;
use super::feed::{Batch, Feed};
use super::folded::Folded;
use super::measure::measure;
use super::network::Network;
use super::schedule::one_cycle;
use super::step::State;
use super::{Accelerator, Architecture, Augment, FEWEST, Objective, Supervision, TrainError};
use crate::model::fingerprint;

/// Share of the pictures that validate, and how many at most.
const VALIDATION: (f64, usize) = (0.1, 1000);
/// Largest length of a gradient; longer ones are shortened.
const LONGEST_GRADIENT: f32 = 2.0;
/// How often the state is saved.
const SAVED_EVERY: Duration = Duration::from_secs(30);

/// Everything that decides what comes out, besides the pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The network.
    pub architecture: Architecture,
    /// What it learns.
    pub objective: Objective,
    /// How its pictures are changed.
    pub augment: Augment,
    /// Times that each picture is seen.
    pub epochs: usize,
    /// Pictures a step.
    pub batch: usize,
    /// The largest learning rate of the cycle.
    pub learning_rate: f64,
    /// Decay of the weights a step, times the learning rate (AdamW, Loshchilov, Hutter 2019).
    pub weight_decay: f32,
    /// Epochs without a better validation loss after which to stop, if at all.
    pub patience: Option<usize>,
    /// Seed of the weights, the order, the changes and the perturbations.
    pub seed: u64,
}

/// What one epoch came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Mean training loss.
    pub training: f64,
    /// Loss on the validation pictures as they are; for a robust network, as the objective weighs them.
    pub validation: f64,
    /// Share of the validation pictures on which the network answers as it should.
    pub agreement: f64,
    /// The same on perturbed pictures, for a robust network.
    pub perturbed: Option<f64>,
}

/// What happens during a training.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// It goes on from an earlier one's epochs.
    Resumed(&'a [Epoch]),
    /// So many of all steps are done; the epoch's mean loss so far.
    Step(usize, usize, f64),
    /// An epoch is over.
    Epoch(&'a [Epoch]),
}

/// A trained network.
pub struct Trained {
    pub(super) network: Folded,
    /// Its epochs.
    pub history: Vec<Epoch>,
    /// Index of the epoch that its weights are of: the one with the smallest validation loss.
    pub best: usize,
    /// Pictures that it was trained on, and validated with.
    pub pictures: [usize; 2],
    /// Validation pictures as tensors, to check an export with.
    pub(super) validation: Vec<Batch>,
}

/// Trains on `examples`. The state is saved at `checkpoint` now and then; a training that finds its own there goes on
/// from it and ends as if it had never stopped.
///
/// # Errors
/// When there are too few pictures, the teacher fails, the loss is not finite, a file cannot be written, or the
/// checkpoint belongs to something else.
pub fn train(
    plan: &Plan,
    examples: &Examples<'_>,
    supervision: &Supervision,
    accelerator: Accelerator,
    checkpoint: &Path,
    mut watch: impl FnMut(Event<'_>),
) -> Result<Trained, TrainError> {
    if examples.len() < FEWEST {
        return Err(TrainError::TooFew(examples.len()));
    }
    let (chosen, held_out) = split(examples.len(), plan.seed);
    let feed = Feed {
        examples,
        supervision,
        augment: plan.augment,
        temperature: plan.objective.temperature,
        batch: plan.batch.min(chosen.len()),
        seed: plan.seed,
    };
    let validation = feed.still(&held_out)?;
    let identity = fingerprint(&(plan, examples.len(), supervision.identity()));
    let (mut run, resumed) = Run::begin(plan, identity, feed, accelerator, checkpoint)?;
    if resumed {
        watch(Event::Resumed(&run.progress.history));
    }
    while run.progress.history.len() < plan.epochs && !run.is_stale() {
        run.epoch(&chosen, &validation, &mut watch)?;
        watch(Event::Epoch(&run.progress.history));
    }
    let Run { progress, best, .. } = run;
    let network = Folded::of(&best);
    let pictures = [chosen.len(), held_out.len()];
    Ok(Trained { network, best: progress.best.unwrap_or(0), history: progress.history, pictures, validation })
}

/// Examples to train on, and to validate with.
fn split(len: usize, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..len).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let validation = ((len as f64 * VALIDATION.0) as usize).clamp(1, VALIDATION.1);
    let held_out = order.split_off(len - validation);
    (order, held_out)
}

/// A training under way.
struct Run<'a> {
    plan: &'a Plan,
    feed: Feed<'a>,
    device: Device,
    path: &'a Path,
    state: State,
    best: Network,
    progress: Progress,
    saved: Instant,
}

impl<'a> Run<'a> {
    fn begin(
        plan: &'a Plan,
        identity: String,
        feed: Feed<'a>,
        accelerator: Accelerator,
        path: &'a Path,
    ) -> Result<(Self, bool), TrainError> {
        let device = accelerator.device().autodiff();
        let network = Network::new(&plan.architecture, &mut ChaCha8Rng::seed_from_u64(plan.seed), &device);
        let optimiser = AdamWConfig::new()
            .with_weight_decay(plan.weight_decay)
            .with_grad_clipping(Some(GradientClippingConfig::Norm(LONGEST_GRADIENT)))
            .init();
        let progress = Progress { identity: identity.clone(), ..Progress::default() };
        let best = network.clone();
        let state = State { network, optimiser };
        let mut run = Self { plan, feed, device, path, state, best, progress, saved: Instant::now() };
        let Some(saved) = Checkpoint::read(path)? else { return Ok((run, false)) };
        if saved.progress.identity != identity {
            return Err(TrainError::OtherTraining(path.to_owned()));
        }
        let broken = |error: RecordError| TrainError::Checkpoint { path: path.to_owned(), problem: error.to_string() };
        run.restore(saved).map_err(broken)?;
        Ok((run, true))
    }

    fn restore(&mut self, saved: Checkpoint) -> Result<(), RecordError> {
        let load = |bytes| {
            self.state.network.clone().try_load_record(ModuleRecord::from_bytes(Bytes::from_elems::<u8>(bytes))?)
        };
        let best = if saved.best.is_empty() { self.best.clone() } else { load(saved.best)? };
        self.state.network = load(saved.network)?;
        let optimiser: ModuleOptimizer = self.state.optimiser.clone();
        self.state.optimiser = optimiser.from_bytes(Bytes::from_elems::<u8>(saved.optimiser))?;
        (self.best, self.progress) = (best, saved.progress);
        Ok(())
    }

    fn save(&mut self) -> Result<(), TrainError> {
        let broken =
            |error: RecordError| TrainError::Checkpoint { path: self.path.to_owned(), problem: error.to_string() };
        let pack = |network: &Network| network.clone().into_record().into_bytes().map(|bytes| bytes.to_vec());
        let saved = Checkpoint {
            progress: self.progress.clone(),
            network: pack(&self.state.network).map_err(broken)?,
            optimiser: self.state.optimiser.into_bytes().map_err(broken)?.to_vec(),
            best: if self.progress.best.is_some() { pack(&self.best).map_err(broken)? } else { Vec::new() },
        };
        self.saved = Instant::now();
        saved.write(self.path)
    }

    /// Whether the last epochs have all been worse than the best.
    fn is_stale(&self) -> bool {
        let since = self.progress.best.map_or(0, |best| self.progress.history.len() - 1 - best);
        self.plan.patience.is_some_and(|patience| since >= patience)
    }

    fn epoch(
        &mut self,
        chosen: &[usize],
        validation: &[Batch],
        watch: &mut impl FnMut(Event<'_>),
    ) -> Result<(), TrainError> {
        let per_epoch = chosen.len() / self.feed.batch;
        let (epoch, steps) = (self.progress.history.len(), self.plan.epochs * per_epoch);
        let Feed { examples, supervision, augment, temperature, batch, seed } = self.feed;
        let feed = Feed { examples, supervision, augment, temperature, batch, seed };
        feed.epoch(chosen, epoch, self.progress.batches, |batch| {
            let step = epoch * per_epoch + self.progress.batches;
            let rate = one_cycle(step, steps, self.plan.learning_rate);
            let seed = self.plan.seed ^ (step as u64) << 20;
            let loss = self.state.step(&self.plan.objective, &batch, examples.shape(), rate, seed);
            if !loss.is_finite() {
                return Err(TrainError::Diverged { step, rate: self.plan.learning_rate });
            }
            self.progress.batches += 1;
            self.progress.loss += f64::from(loss);
            watch(Event::Step(step + 1, steps, self.progress.loss / self.progress.batches as f64));
            if self.saved.elapsed() > SAVED_EVERY { self.save() } else { Ok(()) }
        })?;
        let training = self.progress.loss / self.progress.batches.max(1) as f64;
        let network = Folded::of(&self.state.network);
        let device = self.device.clone().without_autodiff();
        let measured = measure(&network, &self.plan.objective, validation, examples.shape(), &device, self.plan.seed);
        self.progress.history.push(Epoch { training, ..measured });
        let best = self.progress.best.map_or(f64::INFINITY, |best| self.progress.history[best].validation);
        if measured.validation < best || self.progress.best.is_none() {
            self.progress.best = Some(epoch);
            self.best = self.state.network.clone();
        }
        (self.progress.batches, self.progress.loss) = (0, 0.0);
        self.save()
    }
}
