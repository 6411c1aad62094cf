//! Everything that looks at an input of one guarded model: squeezers, companions and the detectors over them.

use std::time::{Duration, Instant};

use super::underway::{Copies, Prediction, Underway, predict_waiting};
use super::{Detector, Disagreement, FeatureSqueezing, Margin, Observation, Plan, Sentinel};
use crate::config::{CascadeConfig, DetectorConfig, DetectorKind, Located, Mistake};
use crate::model::{Classifier, Distribution, Noted};
use crate::squeeze::{Catalogue, ItemSqueezer};
use crate::tensor::Item;

/// What a second model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It knows the same classes, and may disagree.
    Student,
    /// It tells adversarial from benign inputs.
    Sentinel,
}

impl Role {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Student => "student",
            Self::Sentinel => "sentinel",
        }
    }
}

/// A second model that looks at the input beside the classifier.
#[derive(Clone)]
pub struct Companion {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// The model; a sentinel's classes are benign and adversarial.
    pub classifier: Classifier,
}

/// Which of the squeezers and companions are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Those that look at every input: all, without a cascade.
    First,
    /// Those that a cascade asks only now and then.
    Rest,
}

/// Squeezers, companions, and the detectors that compare what they lead to. In a cascade, those come first that look at
/// every input.
pub struct Panel {
    squeezers: Vec<ItemSqueezer>,
    companions: Vec<Companion>,
    detectors: Vec<Box<dyn Detector>>,
    weights: Vec<f64>,
    cascade: Option<Parting>,
}

/// Where a cascade parts a panel: how many of each come first.
struct Parting {
    plan: Plan,
    squeezers: usize,
    companions: usize,
    compares_with_original: bool,
}

impl Panel {
    /// Puts a panel together from the configured detectors, with squeezers of the `catalogue`; one that several of them
    /// use works once.
    ///
    /// # Errors
    /// Every unknown squeezer and companion.
    pub fn new(
        catalogue: &Catalogue,
        configured: &[DetectorConfig],
        cascade: Option<&CascadeConfig>,
        companions: Vec<Companion>,
    ) -> Result<Self, Vec<Mistake>> {
        let comes_first = |detector: &&DetectorConfig| cascade.is_none_or(|cascade| cascade.comes_first(detector));
        let (first, rest): (Vec<_>, Vec<_>) = configured.iter().partition(comes_first);
        let asked =
            |companion: &Companion| cascade.is_none() || first.iter().any(|detector| detector.asks(&companion.name));
        let (mut ahead, behind): (Vec<_>, Vec<_>) = companions.into_iter().partition(asked);
        let companions_ahead = ahead.len();
        ahead.extend(behind);
        let mut panel = Self {
            squeezers: Vec::new(),
            companions: ahead,
            detectors: Vec::new(),
            weights: Vec::new(),
            cascade: None,
        };
        let mut mistakes = panel.add(catalogue, &first);
        panel.cascade = cascade.map(|cascade| Parting {
            plan: Plan { first: first.len(), share: cascade.share },
            squeezers: panel.squeezers.len(),
            companions: companions_ahead,
            compares_with_original: panel.detectors.iter().any(|detector| detector.compares_with_original()),
        });
        mistakes.extend(panel.add(catalogue, &rest));
        if mistakes.is_empty() { Ok(panel) } else { Err(mistakes) }
    }

    /// Adds detectors; what is wrong with them.
    fn add(&mut self, catalogue: &Catalogue, configured: &[&DetectorConfig]) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        for detector in configured {
            match self.detector(catalogue, detector) {
                Ok(ready) => {
                    self.detectors.push(ready);
                    self.weights.push(detector.weight);
                }
                Err(more) => mistakes.extend(more),
            }
        }
        mistakes
    }

    fn detector(
        &mut self,
        catalogue: &Catalogue,
        configured: &DetectorConfig,
    ) -> Result<Box<dyn Detector>, Vec<Mistake>> {
        match &configured.kind {
            DetectorKind::FeatureSqueezing { squeezers, hidden } => {
                let mut positions = Vec::new();
                let mut mistakes = Vec::new();
                for name in squeezers {
                    match catalogue.parse(&name.value) {
                        Ok(squeezer) => positions.push(self.position(squeezer)),
                        Err(error) => mistakes.push(Mistake { at: name.at.clone(), message: error.to_string() }),
                    }
                }
                if mistakes.is_empty() {
                    let hidden = hidden.as_ref().map(|hidden| hidden.value);
                    Ok(Box::new(FeatureSqueezing::new(&configured.name, positions).of_hidden(hidden)))
                } else {
                    Err(mistakes)
                }
            }
            DetectorKind::Disagreement { student, measure, temperature, hidden } => {
                let student = self.companion(Role::Student, student)?;
                let hidden = hidden.as_ref().map(|hidden| hidden.value);
                Ok(Box::new(Disagreement::new(&configured.name, student, *measure, *temperature).of_hidden(hidden)))
            }
            DetectorKind::Margin => Ok(Box::new(Margin::new(&configured.name))),
            DetectorKind::Sentinel { sentinel } => {
                Ok(Box::new(Sentinel::new(&configured.name, self.companion(Role::Sentinel, sentinel)?)))
            }
        }
    }

    /// Where a companion stands among the panel's, with its name.
    fn companion(&self, role: Role, wanted: &Located<String>) -> Result<(usize, String), Vec<Mistake>> {
        let mut known = self.companions.iter();
        let position = known.position(|known| known.role == role && known.name == wanted.value);
        let position = position.ok_or_else(|| {
            let message = format!("there is no {} '{}'", role.name(), wanted.value);
            vec![Mistake { at: wanted.at.clone(), message }]
        })?;
        Ok((position, wanted.value.clone()))
    }

    /// Where a squeezer stands among the panel's, added if it is new, with its name.
    fn position(&mut self, squeezer: ItemSqueezer) -> (usize, String) {
        let name = squeezer.name();
        let position = self.squeezers.iter().position(|known| known.name() == name).unwrap_or_else(|| {
            self.squeezers.push(squeezer);
            self.squeezers.len() - 1
        });
        (position, name)
    }

    /// The squeezers, each once.
    pub fn squeezers(&self) -> &[ItemSqueezer] {
        &self.squeezers
    }

    /// The squeezers of one part.
    pub fn squeezers_of(&self, part: Part) -> &[ItemSqueezer] {
        let first = self.cascade.as_ref().map_or(self.squeezers.len(), |cascade| cascade.squeezers);
        part.of(&self.squeezers, first)
    }

    /// The companions of one part.
    pub fn companions_of(&self, part: Part) -> &[Companion] {
        let first = self.cascade.as_ref().map_or(self.companions.len(), |cascade| cascade.companions);
        part.of(&self.companions, first)
    }

    /// The cascade, if there is one.
    pub fn cascade(&self) -> Option<Plan> {
        self.cascade.as_ref().map(|cascade| cascade.plan)
    }

    /// Whether it takes the classifier's prediction on the input to know which detectors to ask.
    pub fn parts_by_original(&self) -> bool {
        self.cascade.as_ref().is_some_and(|cascade| cascade.compares_with_original)
    }

    /// The companions.
    pub fn companions(&self) -> &[Companion] {
        &self.companions
    }

    /// The companions that know the classifier's classes.
    pub fn students(&self) -> impl Iterator<Item = &Companion> {
        self.companions.iter().filter(|companion| companion.role == Role::Student)
    }

    /// The detectors.
    pub fn detectors(&self) -> &[Box<dyn Detector>] {
        &self.detectors
    }

    /// The detectors' weights in the combination.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Predictions that one part of an examination costs beyond the original.
    pub fn extra_predictions(&self, part: Part) -> usize {
        self.squeezers_of(part).len() + self.companions_of(part).len()
    }

    /// The predictions of an observation, each with where it comes from: `original`, a squeezer's name or
    /// `student NAME` or `sentinel NAME`.
    pub fn label<'a>(&'a self, observation: &'a Observation) -> impl Iterator<Item = (String, &'a Distribution)> {
        let squeezers = self.squeezers.iter().map(|squeezer| squeezer.name());
        let companions =
            self.companions.iter().map(|companion| format!("{} {}", companion.role.name(), companion.name));
        std::iter::once(("original".to_owned(), &observation.original))
            .chain(squeezers.zip(&observation.squeezed))
            .chain(companions.zip(&observation.companions))
    }

    /// What the input shows if the classifier's own prediction is not to be believed: the mean of what it predicts on
    /// the squeezed copies, as one voice, and of the students'. `None` where there is neither.
    pub fn consensus(&self, observation: &Observation) -> Option<Distribution> {
        let copies = Distribution::mean(&observation.squeezed);
        let companions = self.companions.iter().zip(&observation.companions);
        let students =
            companions.filter(|(companion, _)| companion.role == Role::Student).map(|(_, prediction)| prediction);
        Distribution::mean(copies.iter().chain(students))
    }

    /// Queues what the companions of one part have to say of `item`; `noted` says who is told how long each took.
    pub fn ask_companions(
        &self,
        part: Part,
        item: &Item,
        deadline: Option<Instant>,
        noted: impl Fn(&Companion) -> Option<Noted>,
    ) -> Vec<Prediction> {
        self.companions_of(part)
            .iter()
            .map(|companion| {
                let item = item.clone();
                companion.classifier.noting(noted(companion)).predict(deadline, move || item)
            })
            .collect()
    }

    /// Queues what `teacher` has to say of `item`'s squeezed copies of one part; each is squeezed on the worker that
    /// predicts. `squeezed` is told by which squeezer and how long each squeezing took.
    pub fn ask_about_copies(
        &self,
        part: Part,
        teacher: &Classifier,
        item: &Item,
        deadline: Option<Instant>,
        squeezed: impl Fn(&ItemSqueezer, Duration) + Clone + Send + 'static,
    ) -> Copies {
        let copying = |squeezer: &ItemSqueezer| {
            let (squeezer, item, squeezed) = (squeezer.clone(), item.clone(), squeezed.clone());
            move || {
                let began = Instant::now();
                let copy = squeezer.squeeze(&item);
                squeezed(&squeezer, began.elapsed());
                copy
            }
        };
        let copies = self.squeezers_of(part).iter().map(copying);
        match item {
            Item::Picture(_) => Copies::Apart(copies.map(|copy| teacher.predict(deadline, copy)).collect()),
            Item::Text(_) | Item::Tokens(_) => Copies::Together(teacher.predict_all(deadline, copies.collect())),
        }
    }

    /// Observes one item with `teacher` at leisure, waiting for room in the queue: for offline work.
    pub fn begin(&self, teacher: &Classifier, item: &Item) -> Underway {
        let copying = |squeezer: &ItemSqueezer| {
            let (squeezer, item) = (squeezer.clone(), item.clone());
            move || squeezer.squeeze(&item)
        };
        let copies = self.squeezers.iter().map(copying);
        let squeezed = match item {
            Item::Picture(_) => Copies::Apart(copies.map(|copy| teacher.predict_waiting(copy)).collect()),
            Item::Text(_) | Item::Tokens(_) => Copies::Together(teacher.predict_all_waiting(copies.collect())),
        };
        Underway { original: predict_waiting(teacher, item), squeezed, companions: self.begin_companions(item) }
    }

    /// As [`Panel::begin`], the companions alone.
    pub fn begin_companions(&self, item: &Item) -> Vec<Prediction> {
        self.companions.iter().map(|companion| predict_waiting(&companion.classifier, item)).collect()
    }
}

impl Part {
    fn of<T>(self, all: &[T], first: usize) -> &[T] {
        match self {
            Self::First => &all[..first],
            Self::Rest => &all[first..],
        }
    }
}
