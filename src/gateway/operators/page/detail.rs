//! The page of one detection, at an address that it keeps.

use std::time::Instant;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::history::History;
use super::overview::done;
use super::reading::{Classes, Loud, Opinions, Said, evidence, is_copy};
use super::store::Found;
use super::texts::{self, TextView};
use super::words::rfc3339;
use super::{Page, shown};
use crate::detect::{Action, Decision, Reason};
use crate::evidence::{Detection, Event, Input, Item, Prediction};
use crate::tensor::{Kind, Picture};

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
    /// What there would be to see: `picture` or `text`.
    kind: &'static str,
    picture: Option<String>,
    size: String,
    text: Option<TextView>,
    /// Whether it is there, shown or not.
    is_kept: bool,
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
    let Some(found) = page.store().find(&id) else {
        return (StatusCode::NOT_FOUND, shown(&Gone)).into_response();
    };
    let seen = page.clone();
    page.study().make(move || detail(&seen, found)).await.unwrap_or_else(|error| {
        tracing::error!(%error, "the page of a detection could not be written");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    })
}

fn detail(page: &Page, Found { event, older, newer }: Found) -> Response {
    let models = page.models();
    let model = models.iter().find(|model| model.name == event.detection.model);
    let classes = Classes(model.map_or(&[], |model| model.classes.as_slice()));
    let kind = if model.is_some_and(|model| model.input.kind() == Kind::Text) { "text" } else { "picture" };
    let history = page.histories().find(&event.detection.model);
    let detection = &event.detection;
    shown(&Detail {
        headline: headline(detection),
        sentence: sentence(detection, classes),
        time: rfc3339(detection.time),
        items: Looking { event: &event, classes, kind, history: history.as_deref() }.items(),
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

/// A detection that is looked at, and what is known of its model.
struct Looking<'a> {
    event: &'a Event,
    classes: Classes<'a>,
    kind: &'static str,
    history: Option<&'a History>,
}

impl Looking<'_> {
    /// Those items that are not clean.
    fn items(&self) -> Vec<ItemView> {
        let (deadline, mut room) = (texts::deadline(), texts::MOST);
        let places = self.event.detection.items.iter().enumerate();
        let conspicuous = places.filter(|(_, item)| item.decision() != Decision::Clean);
        conspicuous.map(|(place, item)| self.item(place, item, deadline, &mut room)).collect()
    }

    /// An item; a text by the deadline, and while there is `room` for texts.
    fn item(&self, place: usize, item: &Item, deadline: Instant, room: &mut usize) -> ItemView {
        let Self { event, classes, kind, history } = *self;
        let base = format!("/detections/{}/items/{place}", event.detection.id);
        let own = item.original().map(|prediction| prediction.class);
        let input = event.inputs.get(place).and_then(Option::as_ref);
        let picture = match input {
            Some(Input::Picture(picture)) => Some(picture),
            _ => None,
        };
        let message = input.and_then(Input::text).filter(|_| *room > 0);
        *room -= usize::from(message.is_some());
        // What is read in the copies of a text stands beside them.
        let is_elsewhere =
            |prediction: &&Prediction| message.is_none_or(|message| message.copy_by(&prediction.source).is_none());
        let predictions = item.predictions.iter().filter(is_elsewhere);
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
        ItemView {
            index: item.index,
            decision: item.decision().name(),
            reason: item.reason.map(Reason::name),
            kind,
            picture: picture.map(|_| format!("{base}/picture")),
            size: picture.map_or_else(String::new, |picture| size(picture)),
            text: message.map(|message| TextView::new(message, item, classes, deadline)),
            is_kept: input.is_some(),
            evidence: item.verdict.as_ref().map_or_else(Vec::new, |verdict| evidence(verdict, history)),
            predictions: predictions.map(|prediction| Said::new(prediction, own, classes)).collect(),
            copies: copies.collect(),
            sha256: item.sha256.clone(),
        }
    }
}

impl ItemView {
    fn unexamined(&self) -> String {
        let reason = self.reason.map_or_else(String::new, |reason| format!(": {}", reason.replace('_', " ")));
        format!("No detector has seen this input{reason}.")
    }

    fn why_nothing_to_see(&self) -> String {
        let kind = self.kind;
        if self.reason.is_some() {
            format!("There is no {kind}: it could not be read.")
        } else if self.is_kept {
            format!("Of so many this {kind} is not shown.")
        } else {
            format!("The {kind} is not kept.")
        }
    }
}

/// Width and height, and what else there is to say of a picture that is not 8-bit grey or RGB.
fn size(picture: &Picture) -> String {
    let channels = match picture.channels() {
        1 | 3 => String::new(),
        channels => format!(", {channels} channels"),
    };
    let levels = match picture.depth() {
        depth if depth.is_8_bit() => String::new(),
        depth => format!(", {} levels", depth.levels()),
    };
    format!("{} × {} pixels{channels}{levels}", picture.width(), picture.height())
}
