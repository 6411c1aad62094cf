//! One guarded model: what its inputs are, and how they are judged.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use super::Examination;
use super::copies::UpstreamTeacher;
use crate::config::{OnUndecided, Policy};
use crate::detect::{Action, Combination, Decision, Observation, Panel, Part, Rate, Reason, Verdict, act};
use crate::gateway::message::room::Held;
use crate::gateway::message::view::{self, Most, Sent, ViewError};
use crate::gateway::operators::page::history::History;
use crate::model::{Classifier, InputSpec, OutputSpec, TokenSpec, Workers};
use crate::proto::inference::ModelInferRequest;
use crate::telemetry::{ModelMetrics, Stage, Trace, stage_ended};

/// What a prediction takes beside its numbers, in bytes: rounded up.
const PREDICTION: usize = 256;

/// Where the predictions on squeezed copies come from, and with them the prediction that they are compared with.
pub(crate) enum Teacher {
    /// The upstream is this process's own model: its answer is the original's prediction.
    Embedded(Classifier),
    /// A copy of the upstream's model: it predicts the original too.
    Replica(Classifier),
    /// The upstream itself, by one more request.
    Upstream(Arc<UpstreamTeacher>),
}

impl Teacher {
    /// Its name in metrics.
    pub(crate) fn source(&self) -> &'static str {
        match self {
            Self::Embedded(_) | Self::Replica(_) => "replica",
            Self::Upstream(_) => "upstream",
        }
    }
}

/// Where the classifier's prediction of a request's own items comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Original {
    /// From the upstream's answer, where the request asks for it there.
    InAnswer,
    /// From the examination itself: nobody can tell which answer is the request's, or there is none yet.
    Predicted,
}

/// A model under guard, ready to examine.
pub struct GuardedModel {
    pub(crate) name: &'static str,
    pub(crate) version: Option<String>,
    pub(crate) policy: Policy,
    pub(crate) on_undecided: OnUndecided,
    /// What happens to requests whose tensors are in shared memory.
    pub(crate) shared_memory: OnUndecided,
    pub(crate) block_code: tonic::Code,
    pub(crate) time_budget: Duration,
    pub(crate) input: InputSpec,
    pub(crate) output: OutputSpec,
    /// The most that is examined of encoded pictures and texts, and pixels that each picture may have.
    pub(crate) most: Most,
    pub(crate) max_pixels: usize,
    /// The threads that decode.
    pub(crate) workers: Arc<Workers>,
    pub(crate) teacher: Teacher,
    pub(crate) panel: Panel,
    pub(crate) combination: Combination,
    pub(crate) rate: Rate,
    pub(crate) metrics: ModelMetrics,
    pub(crate) history: Arc<History>,
    /// Names of the classes, for people; none where nobody has given any.
    pub(crate) classes: Vec<String>,
}

impl GuardedModel {
    /// What its policy makes of a decision; `reason` says why an undecided one is so.
    pub(crate) fn act(&self, decision: Decision, reason: Option<Reason>) -> Action {
        let is_let_pass = reason == Some(Reason::SharedMemory) && self.shared_memory == OnUndecided::Pass;
        if is_let_pass {
            return act(self.policy, OnUndecided::Pass, decision, None);
        }
        act(self.policy, self.on_undecided, decision, reason)
    }

    /// Whether it refuses what is undecided for this reason.
    pub(crate) fn refuses(&self, reason: Reason) -> bool {
        self.act(Decision::Undecided, Some(reason)) == Action::Block
    }

    /// Starts everything that has to be predicted about the items of a request that came in `length` bytes. What that
    /// takes is added to what is `held` for the request. Spans belong into `trace`.
    ///
    /// # Errors
    /// When the guarded tensor can't be read, or there is no room for it.
    pub(crate) fn examine(
        self: &Arc<Self>,
        request: ModelInferRequest,
        length: usize,
        permit: OwnedSemaphorePermit,
        held: Held,
        original: Original,
        trace: Trace,
    ) -> Result<Examination, Reason> {
        let began = Instant::now();
        // The message itself, as it came and decompressed.
        let message = 2 * length;
        held.take_for_request(self.decoded(length), message)?;
        let sent = self.sent(&request).map_err(|error| {
            tracing::debug!(model = self.name, %error, "the guarded input cannot be read");
            error.reason()
        })?;
        held.take_for_request(sent.len().saturating_mul(self.item()), message)?;
        stage_ended(&trace, Stage::Decode, began.elapsed());
        let answer_tells = original == Original::InAnswer && view::asks_for_plain_output(&request, &self.output);
        let sent = sent.into_iter().map(|item| item.map_err(|error| error.reason())).collect();
        Ok(Examination::begin(self, sent, answer_tells, Some(request), Some((permit, held)), trace))
    }

    /// What was sent in the place of each item.
    fn sent(&self, request: &ModelInferRequest) -> Result<Vec<Result<Sent, ViewError>>, ViewError> {
        if self.refuses(Reason::SharedMemory) {
            view::check_outputs(request)?;
        }
        view::sent(request, &self.input, self.most)
    }

    /// What the items of a message of `length` bytes take at most, in bytes: pixels as they came and as floats, texts once
    /// and, where the upstream predicts them, their squeezed copies, once as texts and once as a message.
    fn decoded(&self, length: usize) -> usize {
        length.saturating_mul(match &self.input {
            InputSpec::Picture(spec) => 1 + size_of::<f32>().div_ceil(spec.datatype.size().unwrap_or(1)),
            // An id may come in one byte, and takes eight in a tensor, as many among the numbers, and in its row.
            InputSpec::Tokens(spec) if spec.text.is_none() => 3 * size_of::<i64>(),
            InputSpec::Text(_) | InputSpec::Tokens(_) => 1 + 2 * self.copies(),
        })
    }

    /// Copies of each item that are sent upstream.
    fn copies(&self) -> usize {
        match self.teacher {
            Teacher::Upstream(_) => 1 + self.panel.squeezers().len(),
            Teacher::Embedded(_) | Teacher::Replica(_) => 0,
        }
    }

    /// What the examination of one item takes beside what was sent, in bytes: what is predicted, the picture where a file
    /// was sent and, where the upstream predicts it, the squeezed copies, once as pictures and once as a message.
    fn item(&self) -> usize {
        let predictions = 1 + self.panel.extra_predictions(Part::First) + self.panel.extra_predictions(Part::Rest);
        let told = predictions * (PREDICTION + self.output.classes * size_of::<f64>());
        if let InputSpec::Tokens(spec) = &self.input {
            return told + self.bytes_of_tokens(spec);
        }
        let Ok(spec) = self.input.pictures() else { return told };
        let pictures = usize::from(spec.encoded.is_some()) + 2 * self.copies();
        told + pictures * spec.item_len() * size_of::<f32>()
    }

    /// What the text of sent tokens takes, in bytes, and as tokens again its copies, once as such and once as a message.
    fn bytes_of_tokens(&self, spec: &TokenSpec) -> usize {
        if spec.text.is_some() {
            return 0;
        }
        let most = spec.tokenizer.most();
        let text = most.saturating_mul(spec.tokenizer.longest()).min(self.most.text);
        text + 2 * self.copies() * most * spec.names().count() * size_of::<i64>()
    }

    /// Starts an examination without a request: nothing is forwarded, so the original is predicted here too.
    pub(crate) fn inspect(self: &Arc<Self>, sent: Vec<Sent>) -> Examination {
        Examination::begin(self, sent.into_iter().map(Ok).collect(), false, None, None, Trace::default())
    }

    /// Whether an observation of what the first detectors of a cascade look at makes it ask the others.
    pub(crate) fn asks_on(&self, observation: &Observation) -> Result<bool, Reason> {
        self.combination.asks_on(self.panel.detectors(), observation).map_err(|_| Reason::Prediction)
    }

    /// From an observation to a verdict.
    pub(crate) fn judge(&self, observation: &Observation) -> Result<Verdict, Reason> {
        let (evidence, score) =
            self.combination.weigh(self.panel.detectors(), observation).map_err(|_| Reason::Prediction)?;
        let threshold = self.rate.threshold;
        let decision = if score > threshold { Decision::Suspicious } else { Decision::Clean };
        let p_value = self.combination.combined.p_value(score);
        Ok(Verdict { decision, class: observation.original.top().0, score, threshold, p_value, evidence })
    }
}
