//! What the charts are drawn from, as JSON.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Page;
use super::filter::{self, Filter};
use super::history::{DECISIONS, History, LEVELS, Mark, Scores, Span};

/// All charts.
#[derive(Serialize)]
struct Charts<'a> {
    /// The second of the Unix epoch in which the first bucket begins.
    start: u64,
    /// Seconds of a bucket.
    every: u64,
    buckets: usize,
    levels: usize,
    models: Vec<Model<'a>>,
}

#[derive(Serialize)]
struct Model<'a> {
    name: &'a str,
    /// The share of benign inputs that may be called suspicious.
    rate: f64,
    /// Requests in each bucket.
    clean: Vec<u32>,
    undecided: Vec<u32>,
    suspicious: Vec<u32>,
    detectors: Vec<Detector<'a>>,
}

#[derive(Serialize)]
struct Detector<'a> {
    name: &'a str,
    threshold: Option<f64>,
    marks: Vec<Mark>,
    /// Bucket, level and inputs there, one after the other; none where there is no input.
    cells: Vec<[u32; 3]>,
}

/// What was decided and how detectors scored, within the filter's span.
pub(super) async fn charts(State(page): State<Page>, Query(query): Query<filter::Query>) -> Response {
    let (filter, now) = (Filter::from(query), page.histories().now());
    let models = page.models();
    let models = models.iter().filter(|model| filter.wants(model.name));
    let models = models.map(|model| Model::new(model.name, &model.history, now, filter.span)).collect();
    let (every, buckets) = filter.span.buckets();
    Json(Charts { start: filter.span.start(now), every, buckets, levels: LEVELS, models }).into_response()
}

impl<'a> Model<'a> {
    fn new(name: &'a str, history: &'a History, now: u64, span: Span) -> Self {
        let decisions = history.decisions(now, span);
        let [clean, undecided, suspicious] =
            std::array::from_fn::<_, DECISIONS, _>(|kind| decisions.iter().map(|counts| counts[kind]).collect());
        let detectors = history.scores().iter().map(|scores| Detector::new(scores, now, span)).collect();
        Self { name, rate: history.rate(), clean, undecided, suspicious, detectors }
    }
}

impl<'a> Detector<'a> {
    fn new(scores: &'a Scores, now: u64, span: Span) -> Self {
        let mut cells = Vec::new();
        for (bucket, levels) in (0..).zip(scores.levels(now, span)) {
            cells
                .extend((0..).zip(levels).filter(|(_, count)| *count > 0).map(|(level, count)| [bucket, level, count]));
        }
        let Scores { detector, scale, .. } = scores;
        Self { name: detector, threshold: scale.threshold(), marks: scale.marks(), cells }
    }
}
