//! White-box access to a classifier and to all that watches over it.

use crate::attack::{AttackError, Gradient, Loss, WhiteBox};
use crate::detect::{Combination, Observation, Panel};
use crate::model::{Classifier, Distribution, Runtime};
use crate::squeeze::{ItemSqueezer, Squeezer};
use crate::tensor::Picture;

/// A classifier, its panel, and the combination of the panel's scores.
pub struct Guarded<'a> {
    teacher: WhiteBox,
    companions: Vec<WhiteBox>,
    panel: &'a Panel,
    combination: &'a Combination,
}

/// What can be known of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// The classifier's logits.
    pub logits: Vec<f32>,
    /// The combined score.
    pub score: f64,
    /// How the score changes with each pixel. What a squeezer does to a pixel counts as if it left it alone (backward
    /// pass differentiable approximation, Athalye et al. 2018).
    pub slope: Vec<f32>,
}

impl<'a> Guarded<'a> {
    /// Differentiates the classifier and every companion.
    ///
    /// # Errors
    /// When one of them has no gradients here, or a companion takes pictures of another shape.
    pub fn open(
        runtime: &Runtime,
        teacher: &Classifier,
        panel: &'a Panel,
        combination: &'a Combination,
    ) -> Result<Self, AttackError> {
        let open_companion = |companion: &crate::detect::Companion| {
            if companion.classifier.input().pictures()?.item_shape() != teacher.input().pictures()?.item_shape() {
                return Err(AttackError::CompanionShape(companion.name.clone()));
            }
            WhiteBox::open(runtime, &companion.classifier)
        };
        Ok(Self {
            teacher: WhiteBox::open(runtime, teacher)?,
            companions: panel.companions().iter().map(open_companion).collect::<Result<_, _>>()?,
            panel,
            combination,
        })
    }

    /// The classifier.
    pub fn teacher(&self) -> &WhiteBox {
        &self.teacher
    }

    /// Looks at pictures that are rounded to their depth.
    ///
    /// # Errors
    /// When a model fails or gives no prediction.
    pub fn look(&self, pictures: &[Picture]) -> Result<Vec<Look>, AttackError> {
        let squeezers: Vec<&dyn Squeezer> =
            self.panel.squeezers().iter().filter_map(ItemSqueezer::of_pictures).collect();
        let copies = |picture: &Picture| -> Vec<Picture> {
            let squeezed = squeezers.iter().map(|squeezer| squeezer.squeeze(picture));
            std::iter::once(picture.clone()).chain(squeezed).collect()
        };
        let asked: Vec<Picture> = pictures.iter().flat_map(copies).collect();
        let teacher = self.teacher.logits(&asked)?;
        let companions: Vec<Vec<Vec<f32>>> =
            self.companions.iter().map(|companion| companion.logits(pictures)).collect::<Result<_, _>>()?;

        let mut looks = Vec::with_capacity(pictures.len());
        let mut teacher_losses = Vec::with_capacity(asked.len());
        let mut companion_losses = vec![Vec::with_capacity(pictures.len()); self.companions.len()];
        for (index, own) in teacher.chunks_exact(1 + squeezers.len()).enumerate() {
            let observation = Observation {
                original: Distribution::from_logits(&own[0])?,
                squeezed: distributions(own[1..].iter())?,
                companions: distributions(companions.iter().map(|logits| &logits[index]))?,
            };
            let score = self.combination.weigh(self.panel.detectors(), &observation)?.1;
            let gradient = self.combination.gradient(self.panel.detectors(), &observation);
            let classes = own[0].len();
            teacher_losses.push(linear(Some(gradient.original), classes));
            teacher_losses.extend(gradient.squeezed.into_iter().map(|part| linear(part, classes)));
            let parts = companion_losses.iter_mut().zip(&companions).zip(gradient.companions);
            // A sentinel has classes of its own.
            parts.for_each(|((losses, logits), part)| losses.push(linear(part, logits[index].len())));
            looks.push(Look { logits: own[0].clone(), score, slope: vec![0.0; pictures[index].pixels().len()] });
        }
        let by_teacher = self.teacher.gradients(&asked, &teacher_losses)?;
        looks.iter_mut().zip(by_teacher.chunks_exact(1 + squeezers.len())).for_each(|(look, found)| look.add(found));
        for (companion, losses) in self.companions.iter().zip(&companion_losses) {
            let found = companion.gradients(pictures, losses)?;
            looks.iter_mut().zip(found.chunks_exact(1)).for_each(|(look, found)| look.add(found));
        }
        Ok(looks)
    }
}

impl Look {
    fn add(&mut self, found: &[Gradient]) {
        for gradient in found {
            self.slope.iter_mut().zip(&gradient.pixels).for_each(|(sum, slope)| *sum += slope);
        }
    }
}

fn distributions<'a>(logits: impl Iterator<Item = &'a Vec<f32>>) -> Result<Vec<Distribution>, AttackError> {
    logits.map(|logits| Ok(Distribution::from_logits(logits)?)).collect()
}

fn linear(slope: Option<Vec<f64>>, classes: usize) -> Loss {
    Loss::Linear(
        slope.map_or_else(|| vec![0.0; classes], |slope| slope.into_iter().map(|value| value as f32).collect()),
    )
}
