//! Predictions on squeezed copies by the upstream itself: one more batched request.

use std::sync::Arc;
use std::time::Instant;

use futures_util::{StreamExt, stream};
use tokio::sync::OnceCell;

use crate::detect::{Observation, Panel, Reason};
use crate::gateway::client::infer_request;
use crate::gateway::message::codec::{self, Packed};
use crate::gateway::message::view;
use crate::gateway::upstream::{Remote, RemoteError};
use crate::model::{Distribution, InputSpec, JobError, OutputSpec, Workers};
use crate::proto::inference::ModelInferRequest;
use crate::proto::inference::ModelMetadataResponse;
use crate::squeeze::ItemSqueezer;
use crate::telemetry::{CLASSIFIER, Trace, squeezed};
use crate::tensor::{Item, Tensor, TensorError};

/// Copies of one request that are squeezed at a time, so that one large batch does not fill the workers' queue.
const COPIES_UNDER_WAY: usize = 64;

/// What the upstream predicts for one item: the original where the client did not ask for it, and the copies.
pub(crate) struct CopiesOfItem {
    pub(crate) original: Option<Distribution>,
    pub(crate) squeezed: Vec<Distribution>,
}

/// The upstream as the teacher.
pub struct UpstreamTeacher {
    remote: Arc<Remote>,
    workers: Arc<Workers>,
    name: String,
    version: String,
    input: InputSpec,
    output: OutputSpec,
    /// Asked once, when it first matters.
    habits: OnceCell<Habits>,
}

impl UpstreamTeacher {
    /// The model `name` (in `version`; empty for the upstream's choice) behind `remote`.
    pub fn new(
        remote: Arc<Remote>,
        workers: Arc<Workers>,
        (name, version): (String, String),
        (input, output): (InputSpec, OutputSpec),
    ) -> Self {
        Self { remote, workers, name, version, input, output, habits: OnceCell::new() }
    }

    /// How its input encodes what it looks at.
    pub(crate) fn input(&self) -> &InputSpec {
        &self.input
    }

    /// Observes items at leisure: for offline work.
    ///
    /// # Errors
    /// When the upstream or a companion has no prediction for them.
    pub async fn observe(&self, panel: &Panel, items: &[Item]) -> Result<Vec<Observation>, Reason> {
        let companions: Vec<_> = items.iter().map(|item| panel.begin_companions(item)).collect();
        let copies = self.predict(panel.squeezers(), items, true, None, None, &Trace::default()).await?;
        let mut observations = Vec::with_capacity(items.len());
        for (copies, companions) in copies.into_iter().zip(companions) {
            let mut said = Vec::new();
            for companion in companions {
                said.push(companion.ready().await.ok().and_then(Result::ok).ok_or(Reason::Model)?);
            }
            let original = copies.original.ok_or(Reason::Prediction)?;
            observations.push(Observation { original, squeezed: copies.squeezed, companions: said });
        }
        Ok(observations)
    }

    /// Predictions on the squeezed copies of `items`, and on the items themselves if `with_originals`.
    /// `request` is the client's, whose other inputs ride along. Spans belong into `trace`.
    pub(crate) async fn predict(
        &self,
        squeezers: &[ItemSqueezer],
        items: &[Item],
        with_originals: bool,
        request: Option<&ModelInferRequest>,
        deadline: Option<Instant>,
        trace: &Trace,
    ) -> Result<Vec<CopiesOfItem>, Reason> {
        if squeezers.is_empty() && !with_originals {
            return Ok(items.iter().map(|_| CopiesOfItem { original: None, squeezed: Vec::new() }).collect());
        }
        let variants = self.variants(squeezers, items, with_originals, deadline, trace).await?;
        let items = items.len();
        let asking = trace.inference_begun(&self.name, CLASSIFIER);
        let trace = &asking.trace();
        let habits = self.habits().await;
        let template = self.template(request, habits)?;
        let whole = if habits.one_at_a_time { 1 } else { variants.len() };
        let predictions = match self.ask_in_parts(&template, &variants, items, whole, trace).await {
            // The upstream may take a batch of the client's size, but not one of ours.
            Err(Reason::UpstreamError) if whole > items => {
                self.ask_in_parts(&template, &variants, items, items, trace).await?
            }
            predictions => predictions?,
        };
        Ok(by_item(predictions, items, with_originals))
    }

    /// Predictions on all variants, `part` of them a request: one, one run over the items, or all.
    async fn ask_in_parts(
        &self,
        template: &Template,
        variants: &[Packed],
        items: usize,
        part: usize,
        trace: &Trace,
    ) -> Result<Vec<Distribution>, Reason> {
        let mut predictions = Vec::with_capacity(variants.len());
        for (index, variants) in variants.chunks(part.max(1)).enumerate() {
            let only = (part == 1).then_some(index % items);
            let request = copies_request(template, &self.input, variants, items, only)?;
            predictions.append(&mut self.ask(&request, variants.len(), trace).await?);
        }
        Ok(predictions)
    }

    /// The originals if asked for, then the copies: squeezer by squeezer, each over all items. Packed for the upstream.
    async fn variants(
        &self,
        squeezers: &[ItemSqueezer],
        items: &[Item],
        with_originals: bool,
        deadline: Option<Instant>,
        trace: &Trace,
    ) -> Result<Vec<Packed>, Reason> {
        let input = Arc::new(self.input.clone());
        let original = with_originals.then_some(None);
        let runs: Vec<Option<ItemSqueezer>> = original.into_iter().chain(squeezers.iter().cloned().map(Some)).collect();
        let packing = |variant: usize| {
            let squeezer = runs[variant / items.len()].clone();
            let (item, input, trace) = (items[variant % items.len()].clone(), input.clone(), trace.clone());
            let packed = self.workers.submit(deadline, move |_| {
                let began = Instant::now();
                let Some(squeezer) = squeezer else { return codec::pack(item, &input) };
                let copy = codec::pack(squeezer.squeeze(&item), &input);
                squeezed(&trace, || squeezer.name(), began.elapsed());
                copy
            });
            packed.ready()
        };
        let mut packed = stream::iter(0..runs.len() * items.len()).map(packing).buffered(COPIES_UNDER_WAY);
        let mut variants = Vec::new();
        while let Some(variant) = packed.next().await {
            let variant = variant.map_err(|error| match error {
                JobError::Expired => Reason::Timeout,
                JobError::Overloaded | JobError::Abandoned => Reason::Overload,
            })?;
            variants.push(variant.map_err(|error| error.reason())?);
        }
        Ok(variants)
    }

    /// What the copies' requests have in common with the client's. Another input that cannot be read cannot ride along.
    fn template(&self, request: Option<&ModelInferRequest>, habits: Habits) -> Result<Template, Reason> {
        let mut others = Vec::new();
        if let Some(request) = request {
            let positions = (0..request.inputs.len()).filter(|&at| !self.input.is_sent_in(&request.inputs[at].name));
            for position in positions {
                others.push(view::input_tensor(request, position).map_err(|error| error.reason())?);
            }
        }
        let model_version = request.map_or(&self.version, |request| &request.model_version).clone();
        let output = self.output.name.clone();
        Ok(Template { model_name: self.name.clone(), model_version, others, output, in_rows: habits.in_rows })
    }

    async fn habits(&self) -> Habits {
        let ask = || async {
            let metadata = self.remote.metadata(&self.name, &self.version).await?;
            Ok::<_, RemoteError>(Habits::of(&metadata, &self.input))
        };
        let untold = Habits { one_at_a_time: needs_equal_lengths(&self.input), ..Habits::default() };
        self.habits.get_or_try_init(ask).await.copied().unwrap_or(untold)
    }

    async fn ask(&self, request: &ModelInferRequest, items: usize, trace: &Trace) -> Result<Vec<Distribution>, Reason> {
        let response = self.remote.infer(request, trace).await.map_err(|error| {
            tracing::debug!(%error, "the upstream refused the squeezed copies");
            Reason::UpstreamError
        })?;
        let predictions = view::predictions_of(&response, &self.output, items).map_err(|error| {
            tracing::debug!(error, "the upstream's predictions on squeezed copies cannot be read");
            Reason::Prediction
        })?;
        predictions.into_iter().collect()
    }
}

/// How a server's model wants to be asked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Habits {
    /// One item a request.
    one_at_a_time: bool,
    /// Encoded pictures in a row each.
    pub(crate) in_rows: bool,
}

impl Habits {
    /// As the model's metadata tell of this input.
    pub(crate) fn of(metadata: &ModelMetadataResponse, input: &InputSpec) -> Self {
        let shape = metadata.inputs.iter().find(|told| told.name == input.sent_name()).map(|told| &told.shape[..]);
        let shape = shape.unwrap_or_default();
        Self { one_at_a_time: shape.first() == Some(&1) || needs_equal_lengths(input), in_rows: shape.len() == 2 }
    }
}

/// Whether texts of different lengths cannot be in one batch: nothing would tell the model what is padding.
fn needs_equal_lengths(input: &InputSpec) -> bool {
    matches!(input, InputSpec::Tokens(spec) if spec.text.is_none() && spec.mask.is_none() && spec.length.is_none())
}

/// The client's request with everything but the guarded tensor's contents, asking for the guarded output alone.
struct Template {
    model_name: String,
    model_version: String,
    others: Vec<Tensor>,
    output: String,
    in_rows: bool,
}

/// A request for predictions on `variants`. Other inputs that have one entry an item are repeated for each run over
/// the `items`, or cut down to the entry of `only`.
fn copies_request(
    template: &Template,
    spec: &InputSpec,
    variants: &[Packed],
    items: usize,
    only: Option<usize>,
) -> Result<ModelInferRequest, Reason> {
    let guarded = codec::batch(variants, spec, template.in_rows).map_err(|error| match error {
        TensorError::NotNumeric => Reason::Datatype,
        _ => Reason::Shape,
    })?;
    let mut tensors = guarded;
    for other in &template.others {
        tensors.push(ride_along(other, items, variants.len() / items.max(1), only)?);
    }
    let version = template.model_version.clone();
    Ok(infer_request(template.model_name.clone(), version, &tensors, template.output.clone()))
}

fn ride_along(other: &Tensor, items: usize, runs: usize, only: Option<usize>) -> Result<Tensor, Reason> {
    if other.shape.first() != Some(&items) {
        return Ok(other.clone());
    }
    if let Some(item) = only {
        return Ok(other.item(item));
    }
    let mut repeated = other.clone();
    for _ in 1..runs {
        repeated.append(other.clone()).map_err(|_| Reason::Shape)?;
    }
    Ok(repeated)
}

/// Predictions in the order of [`UpstreamTeacher::variants`], regrouped by item.
fn by_item(predictions: Vec<Distribution>, items: usize, with_originals: bool) -> Vec<CopiesOfItem> {
    let mut grouped: Vec<CopiesOfItem> =
        (0..items).map(|_| CopiesOfItem { original: None, squeezed: Vec::new() }).collect();
    for (index, prediction) in predictions.into_iter().enumerate() {
        let item = &mut grouped[index % items];
        if with_originals && index < items {
            item.original = Some(prediction);
        } else {
            item.squeezed.push(prediction);
        }
    }
    grouped
}
