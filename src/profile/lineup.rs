//! From the configuration of one guarded model to its parts, loaded and checked against each other.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{DetectorWeight, ModelIdentity, Profile, detector_weights};
use crate::config::{self, Batching, DetectorConfig, DetectorKind, Located, Mistake};
use crate::detect::{Companion, Panel, Role, SENTINEL_CLASSES};
use crate::model::{
    Classifier, InputSpec, OnnxModel, OutputSpec, Port, Runtime, Signature, Workers, resolve_input, resolve_output,
};
use crate::squeeze::Catalogue;
use crate::squeeze::text::Vocabulary;
use crate::tensor::{Datatype, Kind};

/// Loads models for this process: the library, the threads, and how many of them one prediction may use.
#[derive(Clone)]
pub struct Loader {
    /// The loaded ONNX Runtime.
    pub runtime: Runtime,
    /// The threads that predict.
    pub workers: Arc<Workers>,
    /// Those that predict where nobody waits for it.
    pub idle_workers: Arc<Workers>,
    /// Threads inside one prediction.
    pub intra_threads: usize,
    /// How predictions of a guarded model, and of a companion, are made together.
    pub batching: Batching,
}

/// What is known of a guarded model beside its files and configuration.
#[derive(Default)]
pub struct Known {
    /// What it takes and answers, where there is no file to tell it.
    pub signature: Option<Signature>,
    /// Words of benign texts.
    pub vocabulary: Arc<Vocabulary>,
}

/// The parts of one guarded model.
pub struct Lineup {
    /// What it is, for the profile.
    pub identity: ModelIdentity,
    /// The model where its file is at hand.
    pub teacher: Option<Classifier>,
    /// What looks at its inputs.
    pub panel: Panel,
    /// What the companions are, for the profile.
    pub companions: Vec<ModelIdentity>,
}

impl Loader {
    /// One with threads of its own: `count` for either use (0: one a core), over queues of `queue` jobs. A prediction
    /// takes one thread, and is made alone.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(runtime: Runtime, count: usize, queue: usize) -> io::Result<Self> {
        let workers = Arc::new(Workers::start(count, queue)?);
        let idle_workers = Arc::new(Workers::start_idle(count, queue)?);
        Ok(Self { runtime, workers, idle_workers, intra_threads: 1, batching: Batching::ALONE })
    }

    /// The same, for models whose predictions nobody waits for.
    pub fn unhurried(&self) -> Self {
        Self { workers: self.idle_workers.clone(), ..self.clone() }
    }

    fn load(&self, path: &Located<std::path::PathBuf>) -> Result<Arc<OnnxModel>, Mistake> {
        OnnxModel::load(&self.runtime, &path.value, self.workers.count(), self.intra_threads)
            .map(Arc::new)
            .map_err(|error| Mistake { at: path.at.clone(), message: error.to_string() })
    }

    fn classifier(
        &self,
        model: Arc<OnnxModel>,
        file: &Located<std::path::PathBuf>,
        input: InputSpec,
        output: OutputSpec,
    ) -> Result<Classifier, Mistake> {
        Classifier::new(model, self.workers.clone(), input, output)
            .in_batches(self.batching)
            .map_err(|error| file.mistake(format!("{}: {error}", file.display())))
    }

    /// Loads what is configured for one model.
    ///
    /// # Errors
    /// Everything that is missing, broken or contradictory.
    pub fn line_up(&self, configured: &config::GuardedModel, known: Known) -> Result<Lineup, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let model =
            configured.path.as_ref().and_then(|path| keep(self.load(path).map_err(|one| vec![one]), &mut mistakes));
        let signature = model.as_deref().map(Signature::of).or(known.signature);
        let contract = signature
            .as_ref()
            .and_then(|signature| keep(contract(&configured.input, &configured.output, signature), &mut mistakes));
        if signature.is_none() && mistakes.is_empty() {
            let message = "nothing tells what the model takes: give its path, or calibrate against the upstream first";
            mistakes.push(Mistake { at: configured.name.at.clone(), message: message.into() });
        }
        if let Some((_, output)) = &contract {
            mistakes.extend(unknown_classes(&configured.detectors, output.classes));
        }
        let companions = self.companions(configured, contract.as_ref(), &mut mistakes);
        let kind =
            contract.as_ref().map_or_else(|| kind_by_squeezers(&configured.detectors), |(input, _)| input.kind());
        let catalogue = Catalogue::of(kind, known.vocabulary);
        let panel = Panel::new(&catalogue, &configured.detectors, configured.cascade.as_ref(), companions);
        let panel = keep(panel, &mut mistakes);
        let (Some((input, output)), Some(panel)) = (contract, panel.filter(|_| mistakes.is_empty())) else {
            return Err(mistakes);
        };
        let identity = ModelIdentity {
            name: configured.name.value.clone(),
            sha256: model.as_deref().map(|model| model.sha256().to_owned()),
            input: input.clone(),
            output: output.clone(),
        };
        let classifier = |(model, file)| self.classifier(model, file, input, output).map_err(|one| vec![one]);
        let teacher = model.zip(configured.path.as_ref()).map(classifier).transpose()?;
        let companions = panel.companions().iter().map(companion_identity).collect();
        Ok(Lineup { identity, teacher, panel, companions })
    }

    fn companions(
        &self,
        configured: &config::GuardedModel,
        teacher: Option<&(InputSpec, OutputSpec)>,
        mistakes: &mut Vec<Mistake>,
    ) -> Vec<Companion> {
        let mut companions = Vec::new();
        let students = configured.students.iter().map(|student| (Role::Student, student));
        let sentinels = configured.sentinels.iter().map(|sentinel| (Role::Sentinel, sentinel));
        for (role, companion) in students.chain(sentinels) {
            match self.companion(role, companion, teacher) {
                Ok(companion) => companions.push(companion),
                Err(more) => mistakes.extend(more),
            }
        }
        companions
    }

    fn companion(
        &self,
        role: Role,
        configured: &config::Companion,
        teacher: Option<&(InputSpec, OutputSpec)>,
    ) -> Result<Companion, Vec<Mistake>> {
        let model = self.load(&configured.path).map_err(|one| vec![one])?;
        let (input, output) = contract(&configured.input, &configured.output, &Signature::of(&model))?;
        let wrong = |message| vec![Mistake { at: configured.path.at.clone(), message }];
        match (role, teacher) {
            (_, Some((expected, _))) if expected.kind() != input.kind() => {
                return Err(wrong(format!("it takes {}, the guarded model {}", input.kind(), expected.kind())));
            }
            (Role::Student, Some((_, expected))) if expected.classes != output.classes => {
                let message = format!("it has {} classes, the guarded model {}", output.classes, expected.classes);
                return Err(wrong(message));
            }
            (Role::Sentinel, _) if output.classes != SENTINEL_CLASSES => {
                let message = format!("a sentinel answers benign or adversarial, this has {} classes", output.classes);
                return Err(wrong(message));
            }
            _ => {}
        }
        let classifier = self.classifier(model, &configured.path, input, output).map_err(|one| vec![one])?;
        Ok(Companion { name: configured.name.value.clone(), role, classifier })
    }
}

impl Lineup {
    /// The same models, watched by other detectors.
    ///
    /// # Errors
    /// Every unknown squeezer and companion.
    pub fn watched_by(
        self,
        catalogue: &Catalogue,
        detectors: &[config::DetectorConfig],
        cascade: Option<&config::CascadeConfig>,
    ) -> Result<Self, Vec<Mistake>> {
        Ok(Self { panel: Panel::new(catalogue, detectors, cascade, self.panel.companions().to_vec())?, ..self })
    }

    /// Names, definitions and weights of the detectors.
    pub fn detector_weights(&self) -> Vec<DetectorWeight> {
        detector_weights(self.panel.detectors(), self.panel.weights())
    }

    /// Loads the profile and checks that it belongs to this line-up.
    ///
    /// # Errors
    /// When it can't be used.
    pub fn profile(&self, path: &Path) -> Result<Profile, super::ProfileError> {
        let profile = Profile::load(path)?;
        profile.check_belongs(path, self)?;
        Ok(profile)
    }
}

impl Signature {
    fn of(model: &OnnxModel) -> Self {
        Self { inputs: model.inputs().to_vec(), outputs: model.outputs().to_vec() }
    }

    fn remembered(ModelIdentity { input, output, .. }: &ModelIdentity) -> Self {
        let (names, datatype, sides) = match input {
            InputSpec::Picture(spec) => (vec![spec.name.as_str()], spec.datatype, spec.item_shape().map(Some).to_vec()),
            InputSpec::Text(spec) => {
                (vec![spec.name.as_str()], Datatype::Bytes, Vec::from_iter(spec.in_rows.then_some(Some(1))))
            }
            InputSpec::Tokens(spec) => (spec.names().collect(), spec.datatype, vec![spec.length]),
        };
        let shape: Vec<Option<usize>> = std::iter::once(None).chain(sides).collect();
        let port = |name: &str| Port { name: name.to_owned(), datatype, shape: shape.clone() };
        Self {
            inputs: names.into_iter().map(port).collect(),
            outputs: vec![Port {
                name: output.name.clone(),
                datatype: Datatype::Fp32,
                shape: vec![None, Some(output.classes)],
            }],
        }
    }
}

impl From<&Profile> for Known {
    fn from(profile: &Profile) -> Self {
        Self {
            signature: Some(Signature::remembered(&profile.model)),
            vocabulary: Arc::new(profile.vocabulary.clone()),
        }
    }
}

/// What a model takes by the squeezers that are configured, while nothing else tells it.
fn kind_by_squeezers(detectors: &[DetectorConfig]) -> Kind {
    let squeezers = detectors.iter().filter_map(|detector| match &detector.kind {
        DetectorKind::FeatureSqueezing { squeezers, .. } => Some(squeezers),
        _ => None,
    });
    let texts = Catalogue::of(Kind::Text, Arc::default());
    let is_of_text = squeezers.flatten().any(|name| texts.parse(&name.value).is_ok());
    if is_of_text { Kind::Text } else { Kind::Picture }
}

/// Detectors' classes that the model does not know.
fn unknown_classes(detectors: &[DetectorConfig], classes: usize) -> impl Iterator<Item = Mistake> {
    let hidden = detectors.iter().filter_map(|detector| match &detector.kind {
        DetectorKind::FeatureSqueezing { hidden, .. } | DetectorKind::Disagreement { hidden, .. } => hidden.as_ref(),
        _ => None,
    });
    let unknown = hidden.filter(move |hidden| hidden.value >= classes);
    unknown.map(move |hidden| hidden.mistake(format!("there is no class {}: the model has {classes}", hidden.value)))
}

fn contract(
    input: &config::Input,
    output: &config::Output,
    signature: &Signature,
) -> Result<(InputSpec, OutputSpec), Vec<Mistake>> {
    match (resolve_input(input, signature), resolve_output(output, signature)) {
        (Ok(input), Ok(output)) => Ok((input, output)),
        (input, output) => Err(input.err().into_iter().chain(output.err()).flatten().collect()),
    }
}

fn companion_identity(companion: &Companion) -> ModelIdentity {
    ModelIdentity {
        name: companion.name.clone(),
        sha256: Some(companion.classifier.model().sha256().to_owned()),
        input: companion.classifier.input().clone(),
        output: companion.classifier.output().clone(),
    }
}

/// The value, or `None` and its mistakes on the pile.
fn keep<T>(result: Result<T, Vec<Mistake>>, mistakes: &mut Vec<Mistake>) -> Option<T> {
    result.map_err(|more| mistakes.extend(more)).ok()
}
