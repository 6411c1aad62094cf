//! White-box access to a classifier: how its loss changes with each pixel.

use std::path::Path;
use std::sync::Arc;

use super::{Goal, Seed};
use crate::model::{Classifier, InputSpec, JobError, ModelError, OnnxModel, Pending, Runtime, Workers};
use crate::onnx::{GradientError, Graph, GraphError, ReadError, Trace, UpgradeError};
use crate::tensor::{Datatype, Elements, OutputKind, Picture, Tensor, TensorError};

/// Pictures that one worker differentiates at once.
const BATCH: usize = 16;
/// Pictures of the run that shows the shapes, where the model takes any number.
const TRACED: usize = 2;

/// Names of what the differentiated model takes and answers beside the classifier's own.
const WANTED: &str = "portcullis.wanted";
const GRADIENT: &str = "portcullis.gradient";

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
    /// Pixels are no tensor of the model's.
    #[error(transparent)]
    Tensor(#[from] TensorError),
}

/// A classifier with its gradients.
pub struct WhiteBox {
    differentiated: Arc<OnnxModel>,
    workers: Arc<Workers>,
    input: InputSpec,
    classes: usize,
    batch: usize,
}

impl WhiteBox {
    /// Differentiates the classifier's file. The gradients run where its predictions run.
    ///
    /// # Errors
    /// When the file can't be read or an operator has no gradient here.
    pub fn open(runtime: &Runtime, classifier: &Classifier) -> Result<Self, AttackError> {
        let workers = classifier.workers();
        let path = classifier.model().path().to_owned();
        let bytes = std::fs::read(&path).map_err(|source| AttackError::File { path: path.clone(), source })?;
        let graph = Graph::decode(&bytes).map_err(|source| AttackError::Read { path: path.clone(), source })?;
        let fixed = classifier.model().fixed_batch();
        let trace = trace(runtime, workers, &path, &graph, classifier.input(), fixed.unwrap_or(TRACED))?;
        let bytes = differentiated(graph.upgraded(&trace)?, classifier, &trace)?.encode(&[])?;
        let model = OnnxModel::from_bytes(runtime, &path, &bytes, workers.count(), 1)?;
        Ok(Self {
            differentiated: Arc::new(model),
            workers: workers.clone(),
            input: classifier.input().clone(),
            classes: classifier.output().classes,
            batch: fixed.unwrap_or(BATCH),
        })
    }

    /// For each picture the gradient by its pixels (planar, as [`Picture::pixels`]) of what its goal wants to be large:
    /// the cross-entropy of the class to get away from, or minus that of the class to reach.
    ///
    /// # Errors
    /// When ONNX Runtime fails.
    pub fn ascent(&self, pictures: &[Picture], goals: &[Goal]) -> Result<Vec<Vec<f32>>, AttackError> {
        let parts = pictures.chunks(self.batch).zip(goals.chunks(self.batch));
        let pending: Vec<(usize, Pending<_>)> = parts
            .map(|(pictures, goals)| {
                let (inputs, model) = (self.inputs(pictures, goals), self.differentiated.clone());
                let wanted = [GRADIENT.to_owned()];
                let job =
                    move |worker| -> Result<Vec<Tensor>, AttackError> { Ok(model.run(worker, &inputs?, &wanted)?) };
                (pictures.len(), self.workers.submit_waiting(job))
            })
            .collect();
        let mut gradients = Vec::with_capacity(pictures.len());
        for (count, pending) in pending {
            let answer = pending.wait()??.pop().and_then(|tensor| tensor.elements.to_f32()).unwrap_or_default();
            let items = answer.chunks_exact(self.input.item_len()).take(count);
            gradients.extend(items.map(|item| self.input.by_pixels(item)));
        }
        let signs = goals.iter().map(|goal| goal.loss().1);
        for (gradient, sign) in gradients.iter_mut().zip(signs).filter(|(_, sign)| *sign < 0.0) {
            gradient.iter_mut().for_each(|slope| *slope *= sign);
        }
        Ok(gradients)
    }

    /// The tensors of one batch; the last picture again where the model insists on more.
    fn inputs(&self, pictures: &[Picture], goals: &[Goal]) -> Result<Vec<Tensor>, AttackError> {
        let count = self.differentiated.fixed_batch().unwrap_or(pictures.len());
        let at = |index: usize| index.min(pictures.len() - 1);
        let mut wanted = vec![0.0; count * self.classes];
        for index in 0..count {
            wanted[index * self.classes + goals[at(index)].loss().0] = 1.0;
        }
        Ok(vec![
            self.input.batch((0..count).map(|index| &pictures[at(index)]))?,
            Tensor::new(WANTED, vec![count, self.classes], Elements::Fp32(wanted))?,
        ])
    }
}

/// Pictures of the seeds, and their goals.
pub(super) fn parted(seeds: &[Seed]) -> (Vec<Picture>, Vec<Goal>) {
    seeds.iter().map(|seed| (seed.picture.clone(), seed.goal)).unzip()
}

/// Runs the model once on black pictures and notes every shape.
fn trace(
    runtime: &Runtime,
    workers: &Workers,
    path: &Path,
    graph: &Graph,
    input: &InputSpec,
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

/// The graph with the gradient of the cross-entropy as its only output. Probabilities are taken apart into logits, where
/// a sure classifier's gradient does not vanish.
fn differentiated(mut graph: Graph, classifier: &Classifier, trace: &Trace) -> Result<Graph, AttackError> {
    let (input, output) = (classifier.input(), classifier.output());
    let find = |graph: &Graph, name: &str| graph.find(name).ok_or_else(|| AttackError::Missing(name.to_owned()));
    let (x, answer) = (find(&graph, &input.name)?, find(&graph, &output.name)?);
    let is_logits = output.kind == OutputKind::Logits;
    let softmaxed = if is_logits { Some(answer) } else { graph.softmaxed(answer) };
    let wanted = graph.input(WANTED, Datatype::Fp32, &[None, Some(output.classes)]);
    let mut flat = graph.reshape(softmaxed.unwrap_or(answer), &[-1, output.classes as i64]);
    if softmaxed.is_none() {
        flat = graph.node("Log", &[flat], []);
    }
    let probabilities = graph.softmax(flat);
    let slope = graph.node("Sub", &[probabilities, wanted], []);
    let gradient = graph.gradient(flat, slope, x, trace)?;
    graph.close();
    let sides = input.item_shape().map(Some);
    graph.output(gradient, GRADIENT, Datatype::Fp32, &[None, sides[0], sides[1], sides[2]]);
    Ok(graph)
}
