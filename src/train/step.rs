//! One step of a training: gradients of both halves of a batch, side by side, then the optimiser.

use std::thread;

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::feed::Batch;
use super::network::{Moments, Network};
use super::objective::Objective;

/// Parts of a batch that are normalised and differentiated by themselves (ghost batches, Hoffer et al. 2017). A fixed
/// number, so that the result is the same on any number of cores.
const PARTS: usize = 2;

/// The network and its optimiser.
pub(super) struct State {
    pub network: Network,
    pub optimiser: ModuleOptimizer,
}

impl State {
    /// Goes one step down the objective's gradient; returns the loss before it. Perturbations start from `seed`.
    pub(super) fn step(
        &mut self,
        objective: &Objective,
        batch: &Batch,
        shape: [usize; 3],
        rate: f64,
        seed: u64,
    ) -> f32 {
        let device = self.network.bias.val().device().without_autodiff();
        let (network, parts) = (&self.network, parts(batch, shape, &device));
        let count = parts.len() as f32;
        let results: Vec<(f32, GradientsParams, Moments)> = thread::scope(|scope| {
            let workers: Vec<_> = (0..)
                .zip(parts)
                .map(|(part, (pixels, targets))| {
                    // Leaves of its own: `burn` locks graphs that share any.
                    let network = network.clone().fork(&network.bias.val().device());
                    scope.spawn(move || {
                        let mut random = ChaCha8Rng::seed_from_u64(seed);
                        random.set_stream(part);
                        let evaluation = objective.evaluate(&network, pixels, targets, &mut random);
                        let loss = evaluation.loss.clone().into_scalar::<f32>();
                        let gradients = (evaluation.loss / count).backward();
                        (loss, GradientsParams::from_grads(gradients, &network), evaluation.moments)
                    })
                })
                .collect();
            workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        let mut sum = GradientsAccumulator::new();
        let (mut loss, mut moments) = (0.0, Vec::new());
        for (of_part, gradients, seen) in results {
            loss += of_part / count;
            sum.accumulate(&self.network, gradients);
            moments.push(seen);
        }
        self.network = self.optimiser.step(rate, self.network.clone(), sum.grads());
        self.network.absorb(mean_moments(moments));
        loss
    }
}

fn parts(batch: &Batch, [channels, height, width]: [usize; 3], device: &Device) -> Vec<(Tensor<4>, Tensor<2>)> {
    let classes = batch.targets.len() / batch.len;
    let each = batch.len.div_ceil(PARTS);
    let pixels = batch.pixels.chunks(each * channels * height * width);
    let targets = batch.targets.chunks(each * classes);
    pixels
        .zip(targets)
        .map(|(pixels, targets)| tensors(pixels, targets, [channels, height, width], classes, device))
        .collect()
}

/// Pixels and targets as tensors.
pub(super) fn tensors(
    pixels: &[f32],
    targets: &[f32],
    [channels, height, width]: [usize; 3],
    classes: usize,
    device: &Device,
) -> (Tensor<4>, Tensor<2>) {
    let items = targets.len() / classes;
    let pixels = TensorData::new(pixels.to_vec(), [items, channels, height, width]);
    let targets = TensorData::new(targets.to_vec(), [items, classes]);
    (Tensor::from_data(pixels, device), Tensor::from_data(targets, device))
}

fn mean_moments(parts: Vec<Moments>) -> Moments {
    let share = 1.0 / parts.len() as f32;
    let mut parts = parts.into_iter();
    let first = parts.next().unwrap_or_default();
    let sum = parts.fold(first, |sum, part| {
        sum.into_iter().zip(part).map(|((mean, variance), other)| (mean + other.0, variance + other.1)).collect()
    });
    sum.into_iter().map(|(mean, variance)| (mean * share, variance * share)).collect()
}
