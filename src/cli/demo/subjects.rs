//! What the demonstration sends: benign pictures, and adversarial ones that are made on the spot.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use portcullis::attack::{Attack, Ball, Fgsm, Goal, Pgd, Seed, WhiteBox};
use portcullis::data::{Dataset, Options};
use portcullis::model::{Classifier, Distribution};
use portcullis::profile::{Loader, Profile};
use portcullis::tensor::Picture;

use super::story::Story;
use crate::cli::pictures;

/// One grey level of 8 bits.
const LEVEL: f32 = 1.0 / 255.0;
/// Steps of an iterative attack.
const STEPS: usize = 20;

/// A picture that is sent, and what the classifier reads when it is asked without the gateway.
pub struct Subject {
    pub picture: Picture,
    pub reading: Distribution,
    /// The picture that an attack began with, and what is on it.
    pub seed: Option<(Picture, usize)>,
}

/// Benign pictures, or the successful examples of one attack.
pub struct Kind {
    pub name: String,
    pub made: Option<usize>,
    pub subjects: Vec<Subject>,
}

/// The classifier without its gateway, and the names of its classes.
pub struct Victim {
    story: &'static Story,
    classifier: Classifier,
    white_box: WhiteBox,
    pub classes: Vec<String>,
}

impl Victim {
    /// Takes the classifier apart for those who know everything of it.
    pub fn new(story: &'static Story, classifier: Classifier, loader: &Loader) -> Result<Self> {
        let white_box = WhiteBox::open(&loader.runtime, &classifier)?;
        let classes = open(story.benign, &classifier)?.classes().unwrap_or_default();
        let expected = classifier.output().classes;
        ensure!(classes.len() == expected, "the classifier has {expected} classes, the pictures {}", classes.len());
        Ok(Self { story, classifier, white_box, classes })
    }

    /// Benign pictures, then those of each attack that fool the classifier; none that the profile has seen.
    pub fn kinds(&self, profile: &Profile) -> Result<Vec<Kind>> {
        let fresh = |(picture, _): &(Picture, usize)| !profile.has_seen(picture);
        let benign = self.read_set(self.story.benign)?.into_iter().filter(fresh).map(|(picture, _)| picture).collect();
        let subjects =
            self.read(benign)?.into_iter().map(|(picture, reading)| Subject { picture, reading, seed: None });
        let mut kinds = vec![Kind { name: "benign".to_owned(), made: None, subjects: subjects.collect() }];
        let seeds: Vec<(Picture, usize)> = self.read_set(self.story.seeds)?.into_iter().filter(fresh).collect();
        let originals = self.read(seeds.iter().map(|seed| seed.0.clone()).collect())?;
        let correct = seeds.into_iter().zip(originals).filter(|((_, truth), (_, reading))| reading.top().0 == *truth);
        let seeds: Vec<(Picture, usize)> = correct.map(|(seed, _)| seed).collect();
        kinds.extend(self.attack(&seeds)?);
        Ok(kinds)
    }

    fn attack(&self, seeds: &[(Picture, usize)]) -> Result<Vec<Kind>> {
        let wanted = self.story.target;
        let target = self.classes.iter().position(|class| class == wanted);
        let target = target.with_context(|| format!("no class is called {wanted}"))?;
        let away: Vec<(Seed, usize)> = seeds.iter().map(|seed| aim(seed, Goal::Not(seed.1))).collect();
        let others = seeds.iter().filter(|seed| seed.1 != target);
        let towards: Vec<(Seed, usize)> = others.map(|seed| aim(seed, Goal::Read(target))).collect();
        let bar = pictures::progress("attacking", 3 * STEPS);
        let pgd = |levels: f32, seeds: &[Seed]| {
            let ball = Ball::linf(levels * LEVEL);
            let pgd = Pgd { ball, step: ball.eps / 4.0, steps: STEPS, starts: 1, seed: 1 };
            pgd.run(&self.white_box, seeds, &mut || bar.inc(1))
        };
        let fgsm = |seeds: &[Seed]| Fgsm { eps: 8.0 * LEVEL }.run(&self.white_box, seeds, &mut || ());
        let kinds = vec![
            self.kind("FGSM 8/255", &away, fgsm)?,
            self.kind("PGD 4/255", &away, |seeds| pgd(4.0, seeds))?,
            self.kind("PGD 8/255", &away, |seeds| pgd(8.0, seeds))?,
            self.kind(&format!("PGD 8/255 to {wanted}"), &towards, |seeds| pgd(8.0, seeds))?,
        ];
        bar.finish_and_clear();
        Ok(kinds)
    }

    /// What an attack made of its seeds, as far as it reached its goal.
    fn kind<E: std::error::Error + Send + Sync + 'static>(
        &self,
        name: &str,
        aimed: &[(Seed, usize)],
        attack: impl FnOnce(&[Seed]) -> Result<Vec<Picture>, E>,
    ) -> Result<Kind> {
        let seeds: Vec<Seed> = aimed.iter().map(|(seed, _)| seed.clone()).collect();
        let readings = self.read(attack(&seeds)?)?.into_iter().zip(aimed);
        let reached = readings.filter(|((_, reading), (seed, _))| seed.goal.is_reached(reading.top().0));
        let subjects = reached.map(|((picture, reading), (seed, truth))| Subject {
            picture,
            reading,
            seed: Some((seed.picture.clone(), *truth)),
        });
        Ok(Kind { name: name.to_owned(), made: Some(seeds.len()), subjects: subjects.collect() })
    }

    fn read_set(&self, set: &str) -> Result<Vec<(Picture, usize)>> {
        let dataset = open(set, &self.classifier)?;
        let bar = pictures::progress("drawing", dataset.len());
        let samples = dataset.samples(true).inspect(|_| bar.inc(1));
        let labelled = samples.map(|sample| {
            let sample = sample?;
            Ok((sample.picture, sample.label.context("a picture has no label")?))
        });
        let labelled = labelled.collect();
        bar.finish_and_clear();
        labelled
    }

    /// What the classifier reads when it is asked directly.
    fn read(&self, pictures: Vec<Picture>) -> Result<Vec<(Picture, Distribution)>> {
        let asked: Vec<_> = pictures
            .into_iter()
            .map(|picture| {
                let shared = Arc::new(picture.clone());
                (picture, self.classifier.predict_waiting(move || shared))
            })
            .collect();
        let answers = asked.into_iter().map(|(picture, pending)| {
            let reading = pending.wait().context("the classifier was not asked")?;
            Ok((picture, reading.context("the classifier failed")?))
        });
        answers.collect()
    }
}

fn aim(seed: &(Picture, usize), goal: Goal) -> (Seed, usize) {
    (Seed { picture: seed.0.clone(), goal }, seed.1)
}

/// The pictures at the classifier's size.
fn open(set: &str, classifier: &Classifier) -> Result<Dataset> {
    let input = classifier.input().pictures()?;
    Ok(Dataset::open(Path::new(set), &Options::of(input))?)
}
