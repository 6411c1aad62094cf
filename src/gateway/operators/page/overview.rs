//! The first page: what was decided lately, how detectors scored, the latest detections.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;

use super::filter::{self, Filter};
use super::history::{Histories, Span};
use super::reading::{Classes, Loud, Opinions, loudest};
use super::words::{clock, moment, percent, rfc3339, score};
use super::{Page, shown, texts, words};
use crate::detect::{Action, Decision, Reason};
use crate::difference::Marks;
use crate::evidence::{Event, Input};
use crate::gateway::examine::guarded::GuardedModel;

/// Detections that are listed at most.
const LISTED: usize = 100;

#[derive(Template)]
#[template(path = "gateway/operators/page/templates/overview.html")]
struct Overview {
    filter: Filter,
    models: Vec<Model>,
    detectors: Vec<String>,
    tally: Tally,
    /// The share of benign inputs that may be suspicious, where it is the same for all that is shown.
    expected: Option<String>,
    between: Option<Between>,
    rows: Vec<Row>,
    /// Detections that fit the filters, of which the latest are listed.
    fitting: usize,
    signs_out: bool,
}

/// A model as the page introduces it.
struct Model {
    name: &'static str,
    policy: &'static str,
    detectors: Vec<Detector>,
}

struct Detector {
    name: String,
    threshold: Option<String>,
}

/// The beginning or the end of a stretch of time.
struct Moment {
    second: u64,
    time: String,
    clock: String,
}

/// A stretch of time, and the address of the page without it.
struct Between {
    ends: [Moment; 2],
    all: String,
}

/// Requests by their decision.
#[derive(Default)]
struct Tally {
    clean: u64,
    undecided: u64,
    suspicious: u64,
}

/// A detection in the list.
struct Row {
    id: String,
    href: String,
    time: String,
    clock: String,
    model: String,
    decision: &'static str,
    action: &'static str,
    done: &'static str,
    reason: Option<&'static str>,
    batch: usize,
    seen: Option<Seen>,
    said: String,
    against: Option<String>,
    loudest: Option<Loud>,
}

/// What there is to see of a detection.
enum Seen {
    /// Where the picture is.
    Picture(String),
    /// How the text begins.
    Text(Marks),
}

/// Answers with what fits the filters in the address.
pub(super) async fn overview(State(page): State<Page>, Query(query): Query<filter::Query>) -> Response {
    let (filter, now) = (Filter::from(query), page.histories().now());
    let models = page.models();
    let wanted: Vec<&Arc<GuardedModel>> = models.iter().filter(|model| filter.wants(model.name)).collect();
    let fitting: Vec<Event> =
        page.store().all().into_iter().filter(|event| filter.shows(&event.detection, page.histories(), now)).collect();
    let row = |event: &Event| {
        let model = models.iter().find(|model| model.name == event.detection.model);
        Row::new(event, model.map_or(&[], |model| model.classes.as_slice()), page.histories())
    };
    shown(&Overview {
        tally: Tally::of(&wanted, now, filter.span),
        expected: common(wanted.iter().map(|model| model.history.rate())).map(percent),
        between: Between::of(&filter),
        detectors: models.iter().flat_map(|model| detectors(model)).collect::<BTreeSet<_>>().into_iter().collect(),
        models: models.iter().map(|model| Model::new(model)).collect(),
        rows: fitting.iter().take(LISTED).map(row).collect(),
        fitting: fitting.len(),
        signs_out: page.authority().tokens().is_some(),
        filter,
    })
}

fn detectors(model: &GuardedModel) -> impl Iterator<Item = String> {
    model.combination.detectors.iter().map(|detector| detector.name.clone())
}

/// What all of them are, if they are the same.
fn common(mut rates: impl Iterator<Item = f64>) -> Option<f64> {
    let first = rates.next()?;
    rates.all(|rate| rate == first).then_some(first)
}

impl Overview {
    /// The models whose charts are shown.
    fn shown(&self) -> Vec<&Model> {
        self.models.iter().filter(|model| self.filter.wants(model.name)).collect()
    }

    /// What is guarded, in a sentence.
    fn guarded(&self) -> String {
        match self.shown()[..] {
            [] => "No such model is guarded here.".to_owned(),
            [model] => format!("{} is under guard with the policy {}.", model.name, model.policy),
            ref models => format!("{} models are under guard.", models.len()),
        }
    }

    fn count_words(&self) -> String {
        match (self.fitting, self.rows.len()) {
            (0, _) => String::new(),
            (all, listed) if all == listed => all.to_string(),
            (all, listed) => format!("{listed} of {all}"),
        }
    }
}

impl Between {
    fn of(filter: &Filter) -> Option<Self> {
        let (from, to) = filter.between?;
        let ends = [from, to].map(|second| {
            let time = moment(second);
            Moment { second, time: rfc3339(time), clock: clock(time) }
        });
        Some(Self { ends, all: filter.without_between() })
    }
}

impl Model {
    fn new(model: &GuardedModel) -> Self {
        let detectors = model
            .history
            .scores()
            .iter()
            .map(|scores| Detector { name: scores.detector.clone(), threshold: scores.scale.threshold().map(score) });
        Self { name: model.name, policy: model.policy.name(), detectors: detectors.collect() }
    }
}

impl Tally {
    fn of(models: &[&Arc<GuardedModel>], now: u64, span: Span) -> Self {
        let mut tally = Self::default();
        for [clean, undecided, suspicious] in models.iter().flat_map(|model| model.history.decisions(now, span)) {
            tally.clean += u64::from(clean);
            tally.undecided += u64::from(undecided);
            tally.suspicious += u64::from(suspicious);
        }
        tally
    }

    fn requests(&self) -> u64 {
        self.clean + self.undecided + self.suspicious
    }

    /// The share of what was examined that is suspicious.
    fn share(&self) -> String {
        percent(self.suspicious as f64 / (self.clean + self.suspicious).max(1) as f64)
    }
}

impl Row {
    fn new(event: &Event, labels: &[String], histories: &Histories) -> Self {
        let detection = &event.detection;
        let (history, classes) = (histories.find(&detection.model), Classes(labels));
        let worst = detection.worst();
        let opinions = worst.map(|(item, _)| Opinions::of(item));
        let said = worst
            .and_then(|(item, _)| item.original())
            .map(|prediction| format!("{}, {} sure", classes.name(prediction.class), percent(prediction.probability)));
        // The worst item's picture or text, or any.
        let of_worst = worst.and_then(|(worst, _)| detection.items.iter().position(|item| item.index == worst.index));
        let is_there = |at: &usize| event.inputs.get(*at).is_some_and(Option::is_some);
        let at = of_worst.filter(is_there).or_else(|| (0..event.inputs.len()).find(is_there));
        let href = format!("/detections/{}", detection.id);
        let seen = at.and_then(|at| Some((at, event.inputs[at].as_ref()?))).map(|(at, input)| match input {
            Input::Picture(_) => Seen::Picture(format!("{href}/items/{at}/picture")),
            Input::Text(message) => Seen::Text(texts::excerpt(message)),
        });
        Self {
            seen,
            id: detection.id.clone(),
            time: rfc3339(detection.time),
            clock: clock(detection.time),
            model: detection.model.clone(),
            decision: detection.decision.name(),
            action: detection.action.name(),
            done: done(detection.action),
            reason: detection.reason.map(Reason::name),
            batch: detection.batch,
            said: said.unwrap_or_else(|| "not examined".to_owned()),
            against: opinions.and_then(|opinions| opinions.instead).map(|(class, _)| classes.name(class)),
            loudest: worst.and_then(|(_, verdict)| loudest(verdict, history.as_deref())),
            href,
        }
    }
}

/// What was done, of somebody's request.
pub(super) fn done(action: Action) -> &'static str {
    match action {
        Action::Pass => "passed",
        Action::Annotate => "annotated",
        Action::Block => "blocked",
        Action::Restore => "restored",
    }
}
