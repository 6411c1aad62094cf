//! What is minimised: a student's distance from its teacher, on benign and on perturbed pictures.

use burn::tensor::{Tensor, activation};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::adversary::Adversary;
use super::folded::Folded;
use super::network::{Moments, Network};

/// Keeps the logarithm of a target finite.
const SMALLEST: f32 = 1e-12;

/// How a network is made robust.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Adversarially robust distillation (Goldblum et al. 2020): give the benign answer on perturbed pictures.
    Ard,
    /// After TRADES (Zhang et al. 2019): give the benign answer, and the same one on perturbed pictures.
    Trades,
}

/// Training against an adversary.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Robust {
    /// What perturbed pictures are for.
    pub method: Method,
    /// Who perturbs them.
    pub adversary: Adversary,
    /// Weight of the perturbed pictures: a share in (0, 1] for [`Method::Ard`], a factor for [`Method::Trades`].
    pub weight: f32,
}

/// The loss, in nats.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// Softens the network's answer as the targets were softened (Hinton et al. 2015); gradients are scaled by its
    /// square, so that they keep their size.
    pub temperature: f32,
    /// Trains against an adversary as well.
    pub robust: Option<Robust>,
}

/// What the loss is made of over one batch, and the moments that go with it.
pub(super) struct Evaluation {
    pub loss: Tensor<1>,
    pub moments: Moments,
}

impl Objective {
    /// The loss of a network in training on pixels (in [0, 1], without gradients) with targets (`batch x classes`,
    /// distributions at the objective's temperature).
    pub(super) fn evaluate(
        &self,
        network: &Network,
        pixels: Tensor<4>,
        targets: Tensor<2>,
        random: &mut impl Rng,
    ) -> Evaluation {
        let targets_for_gradients = Tensor::from_inner(targets.clone());
        let Some(robust) = self.robust else {
            let (logits, moments) = network.forward(Tensor::from_inner(pixels));
            return Evaluation { loss: self.distance(targets_for_gradients, logits), moments };
        };
        let perturbed = self.perturb(robust, &Folded::of(network), &pixels, &targets, random);
        let batch = pixels.dims()[0];
        let (logits, moments) = network.forward(Tensor::from_inner(Tensor::cat(vec![pixels, perturbed], 0)));
        let (benign, perturbed) = (logits.clone().narrow(0, 0, batch), logits.narrow(0, batch, batch));
        let of_benign = self.distance(targets_for_gradients.clone(), benign.clone());
        let loss = match robust.method {
            Method::Ard => {
                of_benign * (1.0 - robust.weight) + self.distance(targets_for_gradients, perturbed) * robust.weight
            }
            Method::Trades => of_benign + kl(activation::softmax(benign, 1), perturbed) * robust.weight,
        };
        Evaluation { loss, moments }
    }

    /// The perturbed pictures of a batch.
    pub(super) fn perturb(
        &self,
        robust: Robust,
        network: &Folded,
        pixels: &Tensor<4>,
        targets: &Tensor<2>,
        random: &mut impl Rng,
    ) -> Tensor<4> {
        let targets = match robust.method {
            Method::Ard => targets.clone(),
            Method::Trades => activation::softmax(network.forward(pixels.clone()), 1),
        };
        let targets = Tensor::from_inner(targets);
        robust.adversary.perturb(network, pixels, |logits| kl(targets.clone(), logits), random)
    }

    /// T^2 KL(targets || network), the mean over the batch.
    pub(super) fn distance(&self, targets: Tensor<2>, logits: Tensor<2>) -> Tensor<1> {
        kl(targets, logits / self.temperature) * self.temperature.powi(2)
    }
}

/// KL(targets || softmax(logits)), the mean over the batch.
fn kl(targets: Tensor<2>, logits: Tensor<2>) -> Tensor<1> {
    let known = targets.clone().clamp_min(SMALLEST).log();
    (targets * (known - activation::log_softmax(logits, 1))).sum_dim(1).mean()
}
