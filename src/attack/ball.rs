//! How far an attack may go: balls around benign pictures.

use rand::{Rng, RngExt};

use crate::tensor::Picture;

/// How the distance of two pictures is measured, over all pixel values in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// The sum of all changes.
    L1,
    /// The root of the sum of their squares.
    L2,
    /// The largest change.
    Linf,
}

impl Norm {
    /// The length of a change.
    pub fn length(self, change: &[f32]) -> f32 {
        match self {
            Self::L1 => change.iter().map(|value| value.abs()).sum(),
            Self::L2 => change.iter().map(|value| value * value).sum::<f32>().sqrt(),
            Self::Linf => change.iter().fold(0.0, |largest, value| value.abs().max(largest)),
        }
    }

    /// The change of length one that goes up fastest. Within L1 that would be one pixel; the steepest hundredth of them
    /// share the step (Tramer, Boneh 2019).
    pub fn steepest(self, gradient: &[f32]) -> Vec<f32> {
        match self {
            Self::Linf => gradient.iter().map(|&slope| sign(slope)).collect(),
            Self::L2 => scaled(gradient, self.length(gradient)),
            Self::L1 => {
                let mut steepness: Vec<f32> = gradient.iter().map(|slope| slope.abs()).collect();
                let count = (gradient.len() / 100).max(1);
                let (_, &mut least, _) = steepness.select_nth_unstable_by(count - 1, |a, b| b.total_cmp(a));
                let steep = |&slope: &f32| if slope.abs() >= least { sign(slope) } else { 0.0 };
                let direction: Vec<f32> = gradient.iter().map(steep).collect();
                let length = self.length(&direction);
                scaled(&direction, length)
            }
        }
    }
}

/// Changes of a length of at most `eps`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ball {
    /// How it is measured.
    pub norm: Norm,
    /// The largest length.
    pub eps: f32,
}

impl Ball {
    /// Within a largest change of each pixel.
    pub fn linf(eps: f32) -> Self {
        Self { norm: Norm::Linf, eps }
    }

    /// The picture of these `pixels`, brought back into the ball around `benign` and into [0, 1].
    pub fn inside(self, benign: &Picture, pixels: impl IntoIterator<Item = f32>) -> Picture {
        let pairs = benign.pixels().iter().zip(pixels);
        let mut change: Vec<f32> = pairs.map(|(benign, pixel)| pixel - benign).collect();
        self.shorten(&mut change);
        let moved = benign.pixels().iter().zip(change).map(|(benign, change)| (benign + change).clamp(0.0, 1.0));
        benign.with_pixels(moved.collect())
    }

    /// A random picture within the ball around `benign`.
    pub fn random(self, benign: &Picture, random: &mut impl Rng) -> Picture {
        let count = benign.pixels().len();
        let change: Vec<f32> = match self.norm {
            Norm::Linf => (0..count).map(|_| random.random_range(-self.eps..=self.eps)).collect(),
            Norm::L1 | Norm::L2 => {
                let direction: Vec<f32> = (0..count).map(|_| random.random_range(-1.0..=1.0)).collect();
                let length = self.norm.length(&direction) / (self.eps * random.random_range(0.0..=1.0f32));
                scaled(&direction, length)
            }
        };
        self.inside(benign, benign.pixels().iter().zip(change).map(|(pixel, change)| pixel + change))
    }

    /// Brings a change back into the ball.
    pub(super) fn shorten(self, change: &mut [f32]) {
        match self.norm {
            Norm::Linf => change.iter_mut().for_each(|value| *value = value.clamp(-self.eps, self.eps)),
            Norm::L2 => {
                let length = self.norm.length(change);
                if length > self.eps {
                    change.iter_mut().for_each(|value| *value *= self.eps / length);
                }
            }
            Norm::L1 => {
                let least = soft_threshold(change, self.eps);
                change.iter_mut().for_each(|value| *value = sign(*value) * (value.abs() - least).max(0.0));
            }
        }
    }
}

/// What every value has to give up for their sum to be `eps` (Duchi et al. 2008).
fn soft_threshold(change: &[f32], eps: f32) -> f32 {
    if Norm::L1.length(change) <= eps {
        return 0.0;
    }
    let mut sizes: Vec<f32> = change.iter().map(|value| value.abs()).collect();
    sizes.sort_unstable_by(|a, b| b.total_cmp(a));
    let (mut sum, mut threshold) = (0.0, 0.0);
    for (count, size) in (1u16..).zip(sizes) {
        sum += size;
        let candidate = (sum - eps) / f32::from(count);
        if candidate >= size {
            break;
        }
        threshold = candidate;
    }
    threshold
}

fn scaled(direction: &[f32], length: f32) -> Vec<f32> {
    let by = if length > 0.0 { 1.0 / length } else { 0.0 };
    direction.iter().map(|value| value * by).collect()
}

/// -1, 0 or 1.
pub(super) fn sign(slope: f32) -> f32 {
    if slope == 0.0 { 0.0 } else { slope.signum() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const NORMS: [Norm; 3] = [Norm::L1, Norm::L2, Norm::Linf];

    fn picture(pixels: Vec<f32>) -> Picture {
        Picture::new(1, 1, pixels.len(), pixels).unwrap()
    }

    fn distance(norm: Norm, a: &Picture, b: &Picture) -> f32 {
        norm.length(&a.pixels().iter().zip(b.pixels()).map(|(a, b)| a - b).collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn whatever_is_brought_inside_is_inside(
            pairs in prop::collection::vec((0.0f32..=1.0, -3.0f32..3.0), 1..200), eps in 0.01f32..4.0, seed: u64,
        ) {
            let (benign, moved): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let benign = picture(benign);
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            for norm in NORMS {
                let ball = Ball { norm, eps };
                for found in [ball.inside(&benign, moved.iter().copied()), ball.random(&benign, &mut random)] {
                    prop_assert!(distance(norm, &found, &benign) <= eps * 1.0001 + 1e-5);
                    prop_assert!(found.pixels().iter().all(|pixel| (0.0..=1.0).contains(pixel)));
                }
            }
        }

        #[test]
        fn what_is_inside_stays(benign in prop::collection::vec(0.3f32..=0.7, 1..100), seed: u64) {
            let benign = picture(benign);
            for norm in NORMS {
                let ball = Ball { norm, eps: 0.2 };
                let start = ball.random(&benign, &mut ChaCha8Rng::seed_from_u64(seed));
                let again = ball.inside(&benign, start.pixels().iter().copied());
                prop_assert!(distance(Norm::Linf, &start, &again) < 1e-5);
            }
        }

        #[test]
        fn the_steepest_step_has_length_one_and_goes_up(gradient in prop::collection::vec(-1.0f32..1.0, 1..300)) {
            prop_assume!(gradient.iter().any(|slope| slope.abs() > 1e-3));
            for norm in NORMS {
                let step = norm.steepest(&gradient);
                prop_assert!((norm.length(&step) - 1.0).abs() < 1e-4);
                prop_assert!(step.iter().zip(&gradient).map(|(step, slope)| step * slope).sum::<f32>() > 0.0);
            }
        }
    }

    #[test]
    fn within_l1_the_nearest_point_gives_up_small_changes_first() {
        let found = Ball { norm: Norm::L1, eps: 0.5 }.inside(&picture(vec![0.0; 3]), [0.6, 0.3, 0.1]);
        let expected = [0.4, 0.1, 0.0];
        assert!(found.pixels().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    }
}
