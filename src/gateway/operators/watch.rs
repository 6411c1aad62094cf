//! Detections and verdicts as the operator's side of the API tells them.

use crate::detect::{Decision, Reason};
use crate::evidence::{Event, Input, Item, Message, Prediction, SqueezedText};
use crate::proto::portcullis::v1;

/// A detection as a message, with the texts that come with it.
pub(crate) fn detection(Event { detection: record, inputs }: &Event) -> v1::Detection {
    let items = record.items.iter().enumerate();
    let items = items.map(|(at, item)| verdict(item, inputs.get(at).and_then(Option::as_ref)));
    v1::Detection {
        id: record.id.clone(),
        time_unix_ms: i64::try_from(crate::evidence::unix_millis(record.time)).unwrap_or(i64::MAX),
        model: record.model.clone(),
        decision: decision(record.decision).into(),
        reason: record.reason.map_or("", Reason::name).to_owned(),
        action: record.action.name().to_owned(),
        items: items.collect(),
    }
}

/// An item's outcome as a message, with what was examined where that is a text.
pub(crate) fn verdict(item: &Item, input: Option<&Input>) -> v1::Verdict {
    let text = input.and_then(Input::text).map(|message| text(message));
    let Some(verdict) = &item.verdict else {
        return v1::Verdict {
            decision: v1::Decision::Undecided.into(),
            reason: item.reason.map_or("", Reason::name).to_owned(),
            text,
            ..v1::Verdict::default()
        };
    };
    let evidence = verdict.evidence.iter().map(|evidence| v1::Evidence {
        detector: evidence.detector.clone(),
        score: evidence.score,
        p_value: evidence.p_value,
    });
    v1::Verdict {
        decision: decision(verdict.decision).into(),
        reason: String::new(),
        score: verdict.score,
        threshold: verdict.threshold,
        p_value: verdict.p_value,
        evidence: evidence.collect(),
        predictions: item.predictions.iter().map(prediction).collect(),
        text,
    }
}

fn text(message: &Message) -> v1::Text {
    let copies = message.copies.iter().cloned();
    let copies = copies.map(|SqueezedText { squeezer, text }| v1::SqueezedText { squeezer, text });
    v1::Text { text: message.text.as_ref().to_owned(), copies: copies.collect() }
}

fn decision(decision: Decision) -> v1::Decision {
    match decision {
        Decision::Clean => v1::Decision::Clean,
        Decision::Suspicious => v1::Decision::Suspicious,
        Decision::Undecided => v1::Decision::Undecided,
    }
}

fn prediction(prediction: &Prediction) -> v1::Prediction {
    let top_class = u32::try_from(prediction.class).unwrap_or(u32::MAX);
    v1::Prediction { source: prediction.source.clone(), top_class, probability: prediction.probability }
}
