//! White-box access to a classifier: how its loss changes with each pixel.

use std::path::Path;
use std::sync::Arc;

use super::Goal;
use crate::model::{
    Classifier, JobError, ModelError, NotPictures, OnnxModel, Pending, PictureSpec, PredictError, Runtime, Workers,
};
use crate::onnx::{Attribute, GradientError, Graph, GraphError, ReadError, Trace, UpgradeError, Value};
use crate::tensor::{Datatype, Elements, OutputKind, Picture, PictureError, Tensor, TensorError};

/// Pictures that one worker differentiates at once.
const BATCH: usize = 16;
/// Pictures of the run that shows the shapes, where the model takes any number.
const TRACED: usize = 2;

/// Names of what the differentiated model takes and answers beside the classifier's own.
const GIVEN: &str = "portcullis.given";
const WEIGHTS: &str = "portcullis.weights";
const LOGITS: &str = "portcullis.logits";
const GRADIENT: &str = "portcullis.gradient";
/// What keeps a class from being its own rival: larger than any logit.
const OUT_OF_REACH: f32 = 1e9;

/// Why an attack came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum AttackError {
    /// The classifier's file can't be read any more.
    #[error("cannot read {path}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The classifier's file is none that can be worked on.
    #[error("cannot differentiate {path}")]
    Read {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong.
        source: ReadError,
    },
    /// The classifier's file is of an operator set that can't be brought up to date.
    #[error(transparent)]
    Upgrade(#[from] UpgradeError),
    /// The classifier is not differentiable here.
    #[error(transparent)]
    Gradient(#[from] GradientError),
    /// The differentiated model is not sound.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The classifier has no such input or output.
    #[error("the classifier has no tensor '{0}'")]
    Missing(String),
    /// ONNX Runtime failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A job was not run.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The classifier looks at something else.
    #[error(transparent)]
    NotPictures(#[from] NotPictures),
    /// The classifier gave no prediction.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// The gateway gave no answer.
    #[error("the gateway was asked and failed: {0}")]
    Gateway(String),
    /// Pixels are no tensor of the model's.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// A second model sees other pictures than the classifier, so that no gradient leads through both.
    #[error("'{0}' takes pictures of another shape than the classifier: adaptive attacks can't go through both")]
    CompanionShape(String),
    /// An observation has no score.
    #[error(transparent)]
    Score(#[from] crate::detect::ScoreError),
    /// Logits are no prediction.
    #[error(transparent)]
    Distribution(#[from] crate::model::DistributionError),
    /// Pixels are no picture.
    #[error(transparent)]
    Picture(#[from] PictureError),
}

/// What is to grow, as a function of the logits.
#[derive(Debug, Clone, PartialEq)]
pub enum Loss {
    /// The cross-entropy of the class to get away from, or minus that of the class to reach.
    CrossEntropy(Goal),
    /// The largest other logit minus that of the class to get away from, or the logit of the class to reach minus the
    /// largest other (Carlini, Wagner 2017): positive once the goal is reached.
    Margin(Goal),
    /// The logits' sum, each times its number here: one a class.
    Linear(Vec<f32>),
}

/// A loss's change with each pixel.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient {
    /// The classifier's logits, one a class; logarithms of its probabilities where it has no others.
    pub logits: Vec<f32>,
    /// The gradient, planar as [`Picture::pixels`].
    pub pixels: Vec<f32>,
}

/// A classifier with its gradients.
pub struct WhiteBox {
    forward: Arc<OnnxModel>,
    differentiated: Arc<OnnxModel>,
    workers: Arc<Workers>,
    input: PictureSpec,
    classes: usize,
    batch: usize,
}

impl WhiteBox {
    /// Differentiates the classifier's file. The gradients run where its predictions run.
    ///
    /// # Errors
    /// When the file can't be read or an operator has no gradient here.
    pub fn open(runtime: &Runtime, classifier: &Classifier) -> Result<Self, AttackError> {
        let (workers, input) = (classifier.workers(), classifier.input().pictures()?);
        let path = classifier.model().path().to_owned();
        let bytes = std::fs::read(&path).map_err(|source| AttackError::File { path: path.clone(), source })?;
        let graph = Graph::decode(&bytes).map_err(|source| AttackError::Read { path: path.clone(), source })?;
        let fixed = classifier.model().fixed_batch();
        let trace = trace(runtime, workers, &path, &graph, input, fixed.unwrap_or(TRACED))?;
        let mut graph = graph.upgraded(&trace)?;
        let logits = logits(&mut graph, classifier)?;
        let load = |graph: &Graph| -> Result<Arc<OnnxModel>, AttackError> {
            let bytes = graph.encode(&[])?;
            Ok(Arc::new(OnnxModel::from_bytes(runtime, &path, &bytes, workers.count(), 1)?))
        };
        Ok(Self {
            forward: load(&graph)?,
            differentiated: load(&differentiated(graph, logits, classifier, &trace)?)?,
            workers: workers.clone(),
            input: input.clone(),
            classes: classifier.output().classes,
            batch: fixed.unwrap_or(BATCH),
        })
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Number of values of a picture, all channels counted.
    pub fn pixels(&self) -> usize {
        self.input.item_shape().into_iter().product()
    }

    /// The logits of each picture.
    ///
    /// # Errors
    /// When ONNX Runtime fails.
    pub fn logits(&self, pictures: &[Picture]) -> Result<Vec<Vec<f32>>, AttackError> {
        let inputs = |part: &[Picture], _| Ok(vec![self.input.batch(self.filled(part))?]);
        let answers = self.run(&self.forward, &[LOGITS], pictures, inputs)?;
        Ok(answers.into_iter().flatten().collect())
    }

    /// For each picture the gradient of its loss, and the logits that it was taken at.
    ///
    /// # Errors
    /// When ONNX Runtime fails.
    pub fn gradients(&self, pictures: &[Picture], losses: &[Loss]) -> Result<Vec<Gradient>, AttackError> {
        let inputs = |part: &[Picture], first: usize| self.inputs(part, &losses[first..first + part.len()]);
        let answers = self.run(&self.differentiated, &[LOGITS, GRADIENT], pictures, inputs)?;
        let gradients = answers.into_iter().map(|answer| {
            let [logits, gradient] = <[Vec<f32>; 2]>::try_from(answer).unwrap_or_default();
            Gradient { logits, pixels: self.input.by_pixels(&gradient) }
        });
        Ok(gradients.collect())
    }

    /// Runs `model` on batches, which the workers share; each picture's part of each wanted output.
    fn run(
        &self,
        model: &Arc<OnnxModel>,
        wanted: &[&str],
        pictures: &[Picture],
        inputs: impl Fn(&[Picture], usize) -> Result<Vec<Tensor>, AttackError>,
    ) -> Result<Vec<Vec<Vec<f32>>>, AttackError> {
        let mut pending: Vec<(usize, Pending<_>)> = Vec::new();
        let share = pictures.len().div_ceil(self.workers.count().max(1)).max(1);
        let size = model.fixed_batch().unwrap_or(self.batch.min(share));
        for (at, part) in pictures.chunks(size).enumerate() {
            let (inputs, model) = (inputs(part, at * size)?, model.clone());
            let wanted: Vec<String> = wanted.iter().map(|&name| name.to_owned()).collect();
            pending.push((part.len(), self.workers.submit_waiting(move |worker| model.run(worker, &inputs, &wanted))));
        }
        let mut answers = Vec::with_capacity(pictures.len());
        for (count, pending) in pending {
            let first = answers.len();
            answers.resize(first + count, Vec::with_capacity(wanted.len()));
            for output in pending.wait()?? {
                let (items, elements) = (output.shape[0].max(1), output.elements.to_f32().unwrap_or_default());
                let parts = elements.chunks_exact((elements.len() / items).max(1));
                answers[first..].iter_mut().zip(parts).for_each(|(answer, part)| answer.push(part.to_vec()));
            }
        }
        Ok(answers)
    }

    /// The pictures; the last one again where the model insists on more.
    fn filled<'a>(&self, pictures: &'a [Picture]) -> impl Iterator<Item = &'a Picture> + use<'a> {
        let count = self.differentiated.fixed_batch().unwrap_or(pictures.len());
        (0..count).map(|index| &pictures[index.min(pictures.len() - 1)])
    }

    fn inputs(&self, pictures: &[Picture], losses: &[Loss]) -> Result<Vec<Tensor>, AttackError> {
        let count = self.filled(pictures).count();
        let mut given = vec![0.0; count * self.classes];
        let mut weights = vec![0.0; count * 2];
        let rows = given.chunks_exact_mut(self.classes).zip(weights.chunks_exact_mut(2));
        for ((given, weights), loss) in rows.zip(losses) {
            match loss {
                Loss::CrossEntropy(goal) | Loss::Margin(goal) => {
                    let (class, sign) = goal.loss();
                    given[class] = -sign;
                    weights[usize::from(matches!(loss, Loss::Margin(_)))] = sign;
                }
                Loss::Linear(factors) => given.copy_from_slice(factors),
            }
        }
        Ok(vec![
            self.input.batch(self.filled(pictures))?,
            Tensor::new(GIVEN, vec![count, self.classes], Elements::Fp32(given))?,
            Tensor::new(WEIGHTS, vec![count, 2], Elements::Fp32(weights))?,
        ])
    }
}

/// Runs the model once on black pictures and notes every shape.
fn trace(
    runtime: &Runtime,
    workers: &Workers,
    path: &Path,
    graph: &Graph,
    input: &PictureSpec,
    batch: usize,
) -> Result<Trace, AttackError> {
    let black = input.black();
    let black = input.batch(std::iter::repeat_n(black.as_ref(), batch))?;
    let model = OnnxModel::from_bytes(runtime, path, &graph.exposed().encode(&[])?, 1, 1)?;
    let given = vec![black.clone()];
    let mut run = workers.submit_waiting(move |worker| model.run(worker, &given, &[])).wait()??;
    run.push(black);
    Ok(Trace::new(graph, &run))
}

fn find(graph: &Graph, name: &str) -> Result<Value, AttackError> {
    graph.find(name).ok_or_else(|| AttackError::Missing(name.to_owned()))
}

/// Makes the logits, a row a picture, the graph's only output. Probabilities are taken apart into logits, where a sure
/// classifier's gradient does not vanish.
fn logits(graph: &mut Graph, classifier: &Classifier) -> Result<Value, AttackError> {
    let output = classifier.output();
    let answer = find(graph, &output.name)?;
    let is_logits = output.kind == OutputKind::Logits;
    let softmaxed = if is_logits { Some(answer) } else { graph.softmaxed(answer) };
    let mut flat = graph.reshape(softmaxed.unwrap_or(answer), &[-1, output.classes as i64]);
    if softmaxed.is_none() {
        flat = graph.node("Log", &[flat], []);
    }
    graph.close();
    Ok(graph.output(flat, LOGITS, Datatype::Fp32, &[None, Some(output.classes)]))
}

/// The graph with the gradient of any [`Loss`] as another output. The loss is its slope by the logits: what is given, and
/// a weight each for softmax and for the largest logit other than those with something given.
fn differentiated(
    mut graph: Graph,
    logits: Value,
    classifier: &Classifier,
    trace: &Trace,
) -> Result<Graph, AttackError> {
    let (input, classes) = (classifier.input().pictures()?, classifier.output().classes);
    let x = find(&graph, &input.name)?;
    let given = graph.input(GIVEN, Datatype::Fp32, &[None, Some(classes)]);
    let weights = graph.input(WEIGHTS, Datatype::Fp32, &[None, Some(2)]);
    let far = graph.constant("portcullis.far", &[], vec![-OUT_OF_REACH]);
    let [soft, rival] = [0, 1].map(|column| graph.gather(weights, &[column], 1));
    let probabilities = graph.softmax(logits);
    let own = graph.node("Abs", &[given], []);
    let own = graph.mul(own, far);
    let others = graph.add(logits, own);
    let largest = graph.node("Hardmax", &[others], [("axis", Attribute::Int(1))]);
    let (soft, rival) = (graph.mul(soft, probabilities), graph.mul(rival, largest));
    let both = graph.add(soft, rival);
    let slope = graph.add(both, given);
    let gradient = graph.gradient(logits, slope, x, trace)?;
    let sides = input.item_shape().map(Some);
    graph.output(gradient, GRADIENT, Datatype::Fp32, &[None, sides[0], sides[1], sides[2]]);
    Ok(graph)
}
