//! The attack that robust training trains against: projected gradient descent (Madry et al. 2018).

use burn::tensor::{Tensor, TensorData};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::folded::Folded;

/// How long a step is, so that all together can cross the ball and come back.
const REACH: f32 = 2.5;
/// The only step of a one-step attack overshoots the ball a little, which keeps it from going stale (Wong et al. 2020).
const ONE_STEP: f32 = 1.25;

/// Changes no pixel by more than `eps`, in `steps` steps from a random start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Adversary {
    /// Largest change of a pixel, pixels being in [0, 1].
    pub eps: f32,
    /// Gradients taken; at least one.
    pub steps: usize,
}

impl Adversary {
    /// Perturbs `pixels` (`batch x channels x height x width` in [0, 1], on a device without gradients) so that `loss`
    /// of the network's logits grows.
    pub(super) fn perturb(
        self,
        network: &Folded,
        pixels: &Tensor<4>,
        loss: impl Fn(Tensor<2>) -> Tensor<1>,
        random: &mut impl Rng,
    ) -> Tensor<4> {
        let device = pixels.device();
        let network = network.on(&device.clone().autodiff());
        let (low, high) = (pixels.clone() - self.eps, pixels.clone() + self.eps);
        let inside = |moved: Tensor<4>| moved.max_pair(low.clone()).min_pair(high.clone()).clamp(0.0, 1.0);
        let noise: Vec<f32> =
            (0..pixels.shape().num_elements()).map(|_| random.random_range(-self.eps..=self.eps)).collect();
        let start = Tensor::<4>::from_data(TensorData::new(noise, pixels.shape()), &device);
        let step = self.eps * if self.steps == 1 { ONE_STEP } else { REACH / self.steps as f32 };
        (0..self.steps).fold(inside(pixels.clone() + start), |moved, _| {
            let tracked = Tensor::from_inner(moved.clone()).require_grad();
            let gradients = loss(network.forward(tracked.clone())).backward();
            match tracked.grad(&gradients) {
                Some(gradient) => inside(moved + gradient.sign() * step),
                None => moved,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, activation};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::super::architecture::{Architecture, Size};
    use super::super::front::Front;
    use super::super::network::Network;
    use super::*;

    #[test]
    fn perturbed_pictures_stay_near_and_in_range_and_are_harder() {
        let architecture =
            Architecture { size: Size::Tiny, front: Front::Pixels, channels: 3, height: 12, width: 12, classes: 4 };
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let network = Folded::of(&Network::new(&architecture, &mut random, &Device::flex().autodiff()));
        let pixels: Vec<f32> = (0..5 * 3 * 12 * 12).map(|_| random.random()).collect();
        let benign = Tensor::<4>::from_data(TensorData::new(pixels, [5, 3, 12, 12]), &Device::flex());
        let loss = |logits: Tensor<2>| activation::log_softmax(logits, 1).narrow(1, 0, 1).mean().neg();
        let value = |pixels: &Tensor<4>| loss(network.forward(pixels.clone())).into_scalar::<f32>();
        for steps in [1, 7] {
            let eps = 8.0 / 255.0;
            let moved = Adversary { eps, steps }.perturb(&network, &benign, loss, &mut random);
            let farthest = (moved.clone() - benign.clone()).abs().max().into_scalar::<f32>();
            assert!(farthest > 0.0 && farthest <= eps + 1e-6, "{farthest}");
            let extremes = [moved.clone().min().into_scalar::<f32>(), moved.clone().max().into_scalar::<f32>()];
            assert!(extremes.iter().all(|pixel| (0.0..=1.0).contains(pixel)), "{extremes:?}");
            assert!(value(&moved) > value(&benign), "{steps} steps");
        }
    }
}
