//! Observing many inputs offline, with the same teacher, squeezers and companions as in the request path.

use std::collections::VecDeque;

use tokio::runtime::Handle;

use super::copies::UpstreamTeacher;
use crate::detect::{Observation, Panel, Underway};
use crate::model::{Classifier, Workers};
use crate::tensor::Item;

/// Items that go to the upstream in one request.
const UPSTREAM_BATCH: usize = 16;

/// The teacher of offline observations.
pub enum OfflineTeacher {
    /// A model in this process.
    Local(Classifier),
    /// The upstream; requests run on the given runtime.
    Upstream(Box<UpstreamTeacher>, Handle),
}

/// Observes items one after the other, several at a time.
pub struct Observer<'a> {
    /// Squeezers and companions.
    pub panel: &'a Panel,
    /// Where the predictions come from.
    pub teacher: &'a OfflineTeacher,
    /// The threads that predict.
    pub workers: &'a Workers,
}

impl Observer<'_> {
    /// Observes all items, in order; `done` is called after each. One without a prediction gives the reason
    /// in words.
    pub fn observe(
        &self,
        items: impl Iterator<Item = Item>,
        mut done: impl FnMut(),
    ) -> Vec<Result<Observation, String>> {
        let input = match self.teacher {
            OfflineTeacher::Local(classifier) => classifier.input(),
            OfflineTeacher::Upstream(teacher, _) => teacher.input(),
        };
        let items = items.map(|item| input.as_sent(item));
        match self.teacher {
            OfflineTeacher::Local(classifier) => self.observe_here(classifier, items, &mut done),
            OfflineTeacher::Upstream(teacher, runtime) => self.observe_there(teacher, runtime, items, &mut done),
        }
    }

    fn observe_here(
        &self,
        classifier: &Classifier,
        items: impl Iterator<Item = Item>,
        done: &mut impl FnMut(),
    ) -> Vec<Result<Observation, String>> {
        let mut observations = Vec::new();
        let mut underway: VecDeque<Underway> = VecDeque::new();
        let mut finish = |first: Underway| {
            observations.push(first.wait().map_err(|error| error.to_string()));
            done();
        };
        for item in items {
            underway.push_back(self.panel.begin(classifier, &item));
            if underway.len() > 2 * self.workers.count()
                && let Some(first) = underway.pop_front()
            {
                finish(first);
            }
        }
        underway.into_iter().for_each(finish);
        observations
    }

    fn observe_there(
        &self,
        teacher: &UpstreamTeacher,
        runtime: &Handle,
        items: impl Iterator<Item = Item>,
        done: &mut impl FnMut(),
    ) -> Vec<Result<Observation, String>> {
        let mut observations = Vec::new();
        let mut items = items.peekable();
        while items.peek().is_some() {
            let batch: Vec<Item> = items.by_ref().take(UPSTREAM_BATCH).collect();
            match runtime.block_on(teacher.observe(self.panel, &batch)) {
                Ok(observed) => observations.extend(observed.into_iter().map(Ok)),
                Err(reason) => observations.extend(batch.iter().map(|_| Err(reason.name().to_owned()))),
            }
            batch.iter().for_each(|_| done());
        }
        observations
    }
}
