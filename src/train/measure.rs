//! How well a network does what it should on pictures that it was not trained on.

use burn::tensor::{Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::feed::Batch;
use super::fit::Epoch;
use super::folded::Folded;
use super::objective::{Method, Objective};
use super::step::tensors;

/// Loss and agreement over `batches`; perturbations start from `seed`. The training loss is left at zero.
pub(super) fn measure(
    network: &Folded,
    objective: &Objective,
    batches: &[Batch],
    shape: [usize; 3],
    device: &Device,
    seed: u64,
) -> Epoch {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut items, mut benign, mut perturbed) = (0, Sum::default(), Sum::default());
    for batch in batches {
        let classes = batch.targets.len() / batch.len;
        let (pixels, targets) = tensors(&batch.pixels, &batch.targets, shape, classes, device);
        benign.add(objective, network.forward(pixels.clone()), &targets, batch.len);
        if let Some(robust) = objective.robust {
            let moved = objective.perturb(robust, network, &pixels, &targets, &mut random);
            perturbed.add(objective, network.forward(moved), &targets, batch.len);
        }
        items += batch.len;
    }
    let mean = |sum: f64| sum / items.max(1) as f64;
    let weight = objective.robust.map(|robust| match robust.method {
        Method::Ard => f64::from(robust.weight),
        Method::Trades => f64::from(robust.weight / (1.0 + robust.weight)),
    });
    let weight = weight.unwrap_or(0.0);
    Epoch {
        training: 0.0,
        validation: mean(benign.loss) * (1.0 - weight) + mean(perturbed.loss) * weight,
        agreement: mean(benign.agreeing),
        perturbed: objective.robust.map(|_| mean(perturbed.agreeing)),
    }
}

#[derive(Default)]
struct Sum {
    loss: f64,
    agreeing: f64,
}

impl Sum {
    fn add(&mut self, objective: &Objective, logits: Tensor<2>, targets: &Tensor<2>, items: usize) {
        let same = logits.clone().argmax(1).equal(targets.clone().argmax(1)).int().sum().into_scalar::<i32>();
        self.agreeing += f64::from(same);
        self.loss += f64::from(objective.distance(targets.clone(), logits).into_scalar::<f32>()) * items as f64;
    }
}
