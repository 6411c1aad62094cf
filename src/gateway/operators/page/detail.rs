//! The page of one detection, at an address that it keeps.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::history::History;
use super::overview::done;
use super::reading::{Classes, Loud, Opinions, Said, evidence, is_copy};
use super::store::Found;
use super::words::rfc3339;
use super::{Page, shown};
use crate::detect::{Action, Decision, Reason};
use crate::evidence::{Detection, Event, Input, Item};

#[derive(Template)]
#[template(path = "gateway/operators/page/templates/detection.html")]
struct Detail<'a> {
    detection: &'a Detection,
    headline: String,
    sentence: String,
    time: String,
    items: Vec<ItemView>,
    older: Option<String>,
    newer: Option<String>,
}

/// One item of the request.
struct ItemView {
    index: usize,
    decision: &'static str,
    reason: Option<&'static str>,
    picture: Option<String>,
    size: String,
    evidence: Vec<Loud>,
    predictions: Vec<Said>,
    copies: Vec<CopyView>,
    sha256: Option<String>,
}

/// A squeezed copy.
struct CopyView {
    squeezer: String,
    source: String,
    change: String,
    reading: String,
    sure: String,
    differs: bool,
}

#[derive(Template)]
#[template(path = "gateway/operators/page/templates/gone.html")]
struct Gone;

/// Answers with the detection of this id.
pub(super) async fn detection(State(page): State<Page>, Path(id): Path<String>) -> Response {
    let Some(Found { event, older, newer }) = page.store().find(&id) else {
        return (StatusCode::NOT_FOUND, shown(&Gone)).into_response();
    };
    let models = page.models();
    let model = models.iter().find(|model| model.name == event.detection.model);
    let classes = Classes(model.map_or(&[], |model| model.classes.as_slice()));
    let history = page.histories().find(&event.detection.model);
    let detection = &event.detection;
    shown(&Detail {
        headline: headline(detection),
        sentence: sentence(detection, classes),
        time: rfc3339(detection.time),
        items: items(&event, classes, history.as_deref()),
        detection,
        older,
        newer,
    })
}

fn headline(detection: &Detection) -> String {
    let decision = match detection.decision {
        Decision::Suspicious => "Suspicious",
        Decision::Undecided => "Undecided",
        Decision::Clean => "Clean",
    };
    match detection.action {
        Action::Pass if detection.decision == Decision::Suspicious => format!("{decision}, and let pass"),
        action => format!("{decision}, {}", done(action)),
    }
}

/// What happened, in words.
fn sentence(detection: &Detection, classes: Classes<'_>) -> String {
    let Some((item, _)) = detection.worst() else {
        return match detection.reason {
            Some(reason) => format!("The input could not be examined: {}.", reason.name().replace('_', " ")),
            None => "The input could not be examined.".to_owned(),
        };
    };
    let Some(original) = item.original() else { return String::new() };
    let own = Said::new(original, Some(original.class), classes);
    let Opinions { asked, differing, instead } = Opinions::of(item);
    let others = match instead {
        _ if asked == 0 => String::new(),
        None if asked == 1 => " The one other that was asked reads the same.".to_owned(),
        None => format!(" All {asked} others that were asked read the same."),
        Some((class, votes)) => {
            let (read, name) = (if votes == 1 { "reads" } else { "read" }, classes.name(class));
            let rest =
                if differing > votes { format!(", {} something else", differing - votes) } else { String::new() };
            format!(" {votes} of {asked} others {read} {name} instead{rest}.")
        }
    };
    let sure = own.sure.replace('>', "more than ");
    format!("The classifier reads {} and is {sure} sure.{others}", own.reading)
}

/// Those that are not clean; all where none is.
fn items(event: &Event, classes: Classes<'_>, history: Option<&History>) -> Vec<ItemView> {
    let places = event.detection.items.iter().enumerate();
    let conspicuous = places.filter(|(_, item)| item.decision() != Decision::Clean);
    conspicuous.map(|(place, item)| ItemView::new(event, place, item, classes, history)).collect()
}

impl ItemView {
    fn new(event: &Event, place: usize, item: &Item, classes: Classes<'_>, history: Option<&History>) -> Self {
        let base = format!("/detections/{}/items/{place}", event.detection.id);
        let own = item.original().map(|prediction| prediction.class);
        let input = event.inputs.get(place).and_then(Option::as_ref);
        let copies = item.predictions.iter().enumerate().filter(|(_, prediction)| is_copy(prediction));
        let copies = copies.map(|(at, prediction)| {
            let Said { reading, sure, differs, .. } = Said::new(prediction, own, classes);
            CopyView {
                squeezer: prediction.source.clone(),
                source: format!("{base}/copies/{at}"),
                change: format!("{base}/changes/{at}"),
                reading,
                sure,
                differs,
            }
        });
        Self {
            index: item.index,
            decision: item.decision().name(),
            reason: item.reason.map(Reason::name),
            picture: input.map(|_| format!("{base}/picture")),
            size: input.map_or_else(String::new, |Input::Picture(picture)| {
                format!("{} × {} pixels", picture.width(), picture.height())
            }),
            evidence: item.verdict.as_ref().map_or_else(Vec::new, |verdict| evidence(verdict, history)),
            predictions: item.predictions.iter().map(|prediction| Said::new(prediction, own, classes)).collect(),
            copies: copies.collect(),
            sha256: item.sha256.clone(),
        }
    }

    fn unexamined(&self) -> String {
        let reason = self.reason.map_or_else(String::new, |reason| format!(": {}", reason.replace('_', " ")));
        format!("No detector has seen this input{reason}.")
    }

    fn why_no_picture(&self) -> &'static str {
        if self.reason.is_some() { "There is no picture: it could not be read." } else { "The picture is not kept." }
    }
}
