//! Detections, for those who watch.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::broadcast;

use crate::detect::{Decision, Observation, Reason, Verdict};
use crate::gateway::examine::Examined;
use crate::gateway::examine::guarded::GuardedModel;
use crate::model::Distribution;
use crate::proto::portcullis::v1::{self, Detection};
use crate::telemetry::{self, Outcome};

/// Detections that wait for a slow reader; older ones are lost to it.
const BACKLOG: usize = 1024;

/// The stream of suspicious and undecided requests.
#[derive(Clone)]
pub(crate) struct Detections(broadcast::Sender<Detection>);

impl Detections {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }

    /// Everything that happens from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Detection> {
        self.0.subscribe()
    }

    /// Hands a detection to those who watch; nothing is made where nobody does.
    pub(crate) fn publish(&self, model: &GuardedModel, outcome: &Outcome, examined: &[Examined]) {
        if self.0.receiver_count() == 0 {
            return;
        }
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let detection = Detection {
            id: outcome.id.clone(),
            time_unix_ms: i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX),
            model: model.name.to_owned(),
            decision: decision(outcome.decision).into(),
            reason: outcome.reason.map_or("", Reason::name).to_owned(),
            action: outcome.action.name().to_owned(),
            items: examined.iter().map(|item| verdict(model, item)).collect(),
        };
        telemetry::detection_delivered("watch", self.0.send(detection).is_ok());
    }
}

fn decision(decision: Decision) -> v1::Decision {
    match decision {
        Decision::Clean => v1::Decision::Clean,
        Decision::Suspicious => v1::Decision::Suspicious,
        Decision::Undecided => v1::Decision::Undecided,
    }
}

/// An item's outcome as the operator's side of the API tells it.
pub(crate) fn verdict(model: &GuardedModel, examined: &Examined) -> v1::Verdict {
    match examined {
        Ok((verdict, observation)) => decided(model, verdict, observation),
        Err(reason) => v1::Verdict {
            decision: v1::Decision::Undecided.into(),
            reason: reason.name().to_owned(),
            ..v1::Verdict::default()
        },
    }
}

fn decided(model: &GuardedModel, verdict: &Verdict, observation: &Observation) -> v1::Verdict {
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
        predictions: model
            .panel
            .label(observation)
            .map(|(source, distribution)| prediction(source, distribution))
            .collect(),
    }
}

fn prediction(source: String, distribution: &Distribution) -> v1::Prediction {
    let (class, probability) = distribution.top();
    v1::Prediction { source, top_class: u32::try_from(class).unwrap_or(u32::MAX), probability }
}
