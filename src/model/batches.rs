//! Batches across requests: what waits for the same model is predicted in one go. It is for GPUs, which predict sixteen small
//! inputs in the time of one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::classifier::Noted;
use super::distribution::Distribution;
use super::predictor::{PredictError, Predictor};
use super::priority::Priority;
use super::workers::{JobError, Reply, WorkerId};
use crate::config::Batching;
use crate::tensor::Item;

/// Groups that may wait for a batch; beyond that, workers wait, and their queue fills.
const WAITING: usize = 1024;

type Predicted = Result<Distribution, PredictError>;

/// Why a model cannot predict in batches.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// It fails on them.
    #[error("it cannot predict {size} inputs in one go ({problem}): set workers.batch to 1")]
    Model {
        /// Inputs of a batch.
        size: usize,
        /// What it said.
        problem: PredictError,
    },
    /// The system refuses a thread.
    #[error("no thread for its batches: {0}")]
    Thread(#[from] std::io::Error),
}

/// Items that somebody asked about together, each once, and where the answer goes.
pub(super) struct Group {
    items: Vec<Item>,
    /// Of each item that was asked about, its place in `items`.
    places: Vec<usize>,
    asker: Asker,
    noted: Option<Noted>,
}

/// Who waits for a prediction, or for several.
pub(super) enum Asker {
    One(Reply<Predicted>),
    All(Reply<Result<Vec<Distribution>, PredictError>>),
}

impl Group {
    /// The group of these items, of which equal ones are predicted once.
    pub(super) fn new(asked: impl IntoIterator<Item = Item>, asker: Asker, noted: Option<Noted>) -> Self {
        let mut items: Vec<Item> = Vec::new();
        let mut place = |item| {
            items.iter().position(|known| *known == item).unwrap_or_else(|| {
                items.push(item);
                items.len() - 1
            })
        };
        let places = asked.into_iter().map(&mut place).collect();
        Self { items, places, asker, noted }
    }

    /// Predicts one item after the other and answers; after the first failure no more.
    pub(super) fn predicted_by(self, predict: impl Fn(&Item) -> Predicted) {
        let timed = |item| {
            let began = Instant::now();
            let predicted = predict(item);
            self.note(began.elapsed());
            predicted
        };
        let predicted = self.items.iter().map(timed).collect();
        self.answer(predicted);
    }

    fn note(&self, took: Duration) {
        if let Some(noted) = &self.noted {
            noted(took);
        }
    }

    /// The group, unless nobody waits for it any more or its deadline has passed.
    fn wanted(self) -> Option<Self> {
        let asker = match self.asker {
            Asker::One(reply) => Asker::One(reply.wanted()?),
            Asker::All(reply) => Asker::All(reply.wanted()?),
        };
        Some(Self { asker, ..self })
    }

    /// `predicted` has one distribution for each of `items`.
    fn answer(self, predicted: Result<Vec<Distribution>, PredictError>) {
        match self.asker {
            Asker::One(reply) => reply.send(predicted.map(|mut predicted| predicted.swap_remove(0))),
            Asker::All(reply) => {
                reply.send(predicted.map(|predicted| self.places.iter().map(|&at| predicted[at].clone()).collect()));
            }
        }
    }
}

/// The way to a model's batches, which a thread of its own makes until all ways are gone.
#[derive(Clone)]
pub(super) struct Batches(Sender<Group>);

impl Batches {
    /// Starts the thread, once the model has shown that it takes batches.
    ///
    /// # Errors
    /// When it does not, or there is no thread.
    pub(super) fn start(predictor: Arc<Predictor>, batching: Batching) -> Result<Self, BatchError> {
        let batch = Batch { predictor, size: batching.size };
        let blank = batch.predictor.input.blank();
        batch.filled(&[&blank]).map_err(|problem| BatchError::Model { size: batching.size, problem })?;
        let (groups, gathered) = bounded(WAITING);
        std::thread::Builder::new().name("batches".into()).spawn(move || {
            Priority::Low.take();
            while let Some(groups) = gather(&gathered, batching) {
                // Who waits for one of these is told that it was abandoned.
                let _ = catch_unwind(AssertUnwindSafe(|| batch.predict(groups)));
            }
        })?;
        Ok(Self(groups))
    }

    /// Hands a group on; waits where too many do.
    pub(super) fn hand_on(&self, group: Group) {
        // The other end goes after this one.
        let _ = self.0.send(group);
    }
}

/// The next groups: until there are items for a batch, or the first has waited for as long as it may.
fn gather(gathered: &Receiver<Group>, Batching { size, wait }: Batching) -> Option<Vec<Group>> {
    let mut groups = vec![gathered.recv().ok()?];
    let until = Instant::now() + wait;
    let mut items = groups[0].items.len();
    while items < size
        && let Ok(group) = gathered.recv_deadline(until)
    {
        items += group.items.len();
        groups.push(group);
    }
    Some(groups)
}

/// Makes batches of one size, whatever there is to predict: the device then does the same for an item alone and among others,
/// and so does the item get the same prediction.
struct Batch {
    predictor: Arc<Predictor>,
    size: usize,
}

impl Batch {
    fn predict(&self, groups: Vec<Group>) {
        let groups: Vec<Group> = groups.into_iter().filter_map(Group::wanted).collect();
        let items: Vec<&Item> = groups.iter().flat_map(|group| &group.items).collect();
        let began = Instant::now();
        let predicted: Vec<Predicted> = items.chunks(self.size).flat_map(|chunk| self.chunk(chunk)).collect();
        let took = began.elapsed();
        let mut predicted = predicted.into_iter();
        for group in groups {
            group.items.iter().for_each(|_| group.note(took));
            let own = predicted.by_ref().take(group.items.len()).collect::<Vec<_>>();
            group.answer(own.into_iter().collect());
        }
    }

    /// The predictions on at most one batch of items. Where one of them has the batch fail, each is tried by itself.
    fn chunk(&self, items: &[&Item]) -> Vec<Predicted> {
        match self.filled(items) {
            Ok(predicted) => predicted,
            Err(error) if items.len() == 1 => vec![Err(error)],
            Err(_) => items.iter().flat_map(|item| self.chunk(&[item])).collect(),
        }
    }

    fn filled(&self, items: &[&Item]) -> Result<Vec<Predicted>, PredictError> {
        let mut filled = items.to_vec();
        filled.resize(self.size, items[0]);
        let predicted = catch_unwind(AssertUnwindSafe(|| self.predictor.all(WorkerId(0), &filled)));
        let predicted = predicted.map_err(|_| JobError::Abandoned)??;
        Ok(predicted.into_iter().take(items.len()).map(|one| one.map_err(PredictError::from)).collect())
    }
}
